/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * A second look at a parsed packet, for what only some rules look at. Pure, for BPF and for the host.
 */
#pragma once

#include "rudder_bytes.h"
#include "rudder_parse.h"

#define RUDDER_TCP_FLAGS_AT 13u
#define RUDDER_TCP_LOOK_BYTES 14u
#define RUDDER_ICMP_LOOK_BYTES 2u

/* How many bytes of the transport header rudder_note_transport looks at; 0: there is nothing for it. A first fragment that
 * ends within its TCP header has no flags. */
static __always_inline __u32 rudder_transport_look(const struct rudder_packet *packet)
{
	if (!packet->l4_offset)
		return 0;
	if (packet->protocol == RUDDER_IP_TCP)
		return RUDDER_TCP_LOOK_BYTES;
	if (!rudder_is_icmp(packet) ||
	    packet->l4_offset + RUDDER_ICMP_LOOK_BYTES > (__u32)packet->l3_offset + packet->l3_bytes)
		return 0;
	return RUDDER_ICMP_LOOK_BYTES;
}

/* Notes ICMP type or TCP flags; `bytes` of rudder_transport_look() are at `transport`. */
static __always_inline void rudder_note_transport(struct rudder_packet *packet, const __u8 *transport, __u32 bytes)
{
	packet->icmp = 0;
	packet->tcp_flags = 0;
	packet->has = 0;
	if (bytes == RUDDER_TCP_LOOK_BYTES) {
		packet->tcp_flags = transport[RUDDER_TCP_FLAGS_AT];
		packet->has = RUDDER_HAS_TCP_FLAGS;
	} else if (bytes == RUDDER_ICMP_LOOK_BYTES) {
		packet->icmp = rudder_load16(transport);
		packet->has = RUDDER_HAS_ICMP;
	}
}

static __always_inline __u64 rudder_mac_number(const __u8 *mac)
{
	return RUDDER_A_MAC | (__u64)rudder_load16(mac) << 32 | (__u64)rudder_load16(mac + 2) << 16 | rudder_load16(mac + 4);
}

/* Notes the addresses of an Ethernet header; null: there is none. */
static __always_inline void rudder_note_macs(struct rudder_packet *packet, const __u8 *ethernet)
{
	packet->dst_mac = ethernet ? rudder_mac_number(ethernet) : 0;
	packet->src_mac = ethernet ? rudder_mac_number(ethernet + 6) : 0;
}
