/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What bench_classify and its BPF programs share: the plain rules of the linear scan. Host order throughout. */
#pragma once

#include "rudder_abi.h"

#define BENCH_LINEAR_RULES 64

struct bench_rule_tail {
	__u16 src_port_first;
	__u16 src_port_last;
	__u16 dst_port_first;
	__u16 dst_port_last;
	__u8 protocol;
	__u8 protocol_mask;
	__u16 reserved;
	__u32 rank;
};

struct bench_rule_v4 {
	__u32 src;
	__u32 src_mask;
	__u32 dst;
	__u32 dst_mask;
	struct bench_rule_tail tail;
};

/* Addresses in two halves, the high one first. */
struct bench_rule_v6 {
	__u64 src[2];
	__u64 src_mask[2];
	__u64 dst[2];
	__u64 dst_mask[2];
	struct bench_rule_tail tail;
};

struct bench_linear {
	struct bench_rule_v4 v4[BENCH_LINEAR_RULES];
	struct bench_rule_v6 v6[BENCH_LINEAR_RULES];
};

RUDDER_STATIC_ASSERT(sizeof(struct bench_rule_v4) == 32, "bench_rule_v4");
RUDDER_STATIC_ASSERT(sizeof(struct bench_rule_v6) == 80, "bench_rule_v6");
