/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What bench_classify and its BPF programs share: sizes, and the plain rules of the linear scans. Host order throughout. */
#pragma once

#include "rudder_abi.h"

#define BENCH_LINEAR_RULES 64
#define BENCH_TRACE 65536u /* headers of a trace, a power of two */
#define BENCH_SAMPLES 1024u
#define BENCH_PAGE 4096u
#define BENCH_LINE 64u

/* Ports and protocol; with the addresses the whole of a 5-tuple. */
struct bench_ports {
	__u16 src_port_first;
	__u16 src_port_last;
	__u16 dst_port_first;
	__u16 dst_port_last;
	__u8 protocol;
	__u8 protocol_mask;
	__u16 reserved;
	__u32 rank;
};

/* What else a rule of the policy language compares. */
struct bench_rest {
	__u64 dscp; /* bit n: DSCP n matches */
	__u16 hook_first;
	__u16 hook_last;
	__u8 flag_mask; /* RUDDER_PKT_* */
	__u8 flag_value;
	__u16 reserved;
};

struct bench_tuple_v4 {
	__u32 src;
	__u32 src_mask;
	__u32 dst;
	__u32 dst_mask;
	struct bench_ports ports;
};

/* Addresses in two halves, the high one first. */
struct bench_tuple_v6 {
	__u64 src[2];
	__u64 src_mask[2];
	__u64 dst[2];
	__u64 dst_mask[2];
	struct bench_ports ports;
};

struct bench_rule_v4 {
	struct bench_tuple_v4 tuple;
	struct bench_rest rest;
};

struct bench_rule_v6 {
	struct bench_tuple_v6 tuple;
	struct bench_rest rest;
};

/* The same 64 rules four times, each contender's own densely packed. */
struct bench_linear {
	struct bench_tuple_v4 tuples_v4[BENCH_LINEAR_RULES];
	struct bench_tuple_v6 tuples_v6[BENCH_LINEAR_RULES];
	struct bench_rule_v4 rules_v4[BENCH_LINEAR_RULES];
	struct bench_rule_v6 rules_v6[BENCH_LINEAR_RULES];
};

RUDDER_STATIC_ASSERT(sizeof(struct bench_tuple_v4) == 32, "bench_tuple_v4");
RUDDER_STATIC_ASSERT(sizeof(struct bench_tuple_v6) == 80, "bench_tuple_v6");
RUDDER_STATIC_ASSERT(sizeof(struct bench_rule_v4) == 48, "bench_rule_v4");
RUDDER_STATIC_ASSERT(sizeof(struct bench_rule_v6) == 96, "bench_rule_v6");
