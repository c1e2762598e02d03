/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* Shared by the end-to-end benchmark and its BPF programs. All frames are Ethernet + IPv4 + UDP. */
#pragma once

#include <linux/types.h>

#define E2E_TRACE_MAX 262144u
#define E2E_TARGETS_MAX 64u

/* One header the generator stamps over its template frame; everything in wire order. */
struct e2e_header {
	__u32 src_be;
	__u32 dst_be;
	__u16 src_port_be;
	__u16 dst_port_be;
	__u16 ip_check; /* complete header checksum of the template with these addresses */
	__u8 protocol;
	__u8 reserved;
};

/* What the hand-written programs need to know. */
struct e2e_target {
	__u32 ifindex;
	__u32 dst_be;
	__u8 dst_mac[6];
	__u8 src_mac[6];
};
