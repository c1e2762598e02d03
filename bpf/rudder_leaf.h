/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What the classifier compares a packet with in the end: one entry for each box of a rule, which states every field of it but
 * what rudder_extension.h has. Pure, for BPF and for the host.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_opaque.h"

/* The fields that are compared as ranges lie side by side in one 64-bit word, a guard bit above each lane. With the guard
 * bits set in the minuend no lane borrows from the next, and a guard bit survives a subtraction when its lane did not
 * go below zero: (lanes | guards) - first and last - lanes, where the entry's `last` includes the guards. */
#define RUDDER_LANE_SRC_PORT 0u  /* 16 bits */
#define RUDDER_LANE_DST_PORT 17u /* 16 bits */
#define RUDDER_LANE_HOOK 34u     /* 13 bits: hook class */
#define RUDDER_LANE_DSCP 48u     /* 6 bits */
#define RUDDER_LANE_HAS_PORTS 55u
#define RUDDER_LANE_TAGGED 57u
#define RUDDER_LANE_ORIGIN 59u   /* 2 bits: RUDDER_ORIGIN_* */
#define RUDDER_LANE_GROUP 62u
#define RUDDER_LANE_GUARDS                                                                                             \
	(1ull << 16 | 1ull << 33 | 1ull << 47 | 1ull << 54 | 1ull << 56 | 1ull << 58 | 1ull << 61 | 1ull << 63)
#define RUDDER_LANE_FLAGS                                                                                              \
	(RUDDER_PKT_HAS_PORTS | RUDDER_PKT_TAGGED | RUDDER_PKT_OWN_SOURCE | RUDDER_PKT_SPECIAL | RUDDER_PKT_GROUP)
#define RUDDER_MAX_HOOK_CLASSES 0x2000u

/* RUDDER_PKT_SPECIAL and RUDDER_PKT_OWN_SOURCE as one number, so that what a rule takes of them is a range: ordinary
 * packets, those and either of the others, or all. */
#define RUDDER_ORIGIN_OWN 0u
#define RUDDER_ORIGIN_ORDINARY 1u
#define RUDDER_ORIGIN_SPECIAL 2u
#define RUDDER_ORIGIN_BOTH 3u

/* What IPv4 and IPv6 entries have in common. */
struct rudder_leaf_tail {
	__u64 first; /* lanes */
	__u64 last;  /* lanes, guards set */
	__u8 protocol;
	__u8 protocol_mask; /* 0xff, or 0: any */
	__u8 src_shift;     /* IPv4: host bits, 32 - prefix length */
	__u8 dst_shift;
	__u32 result; /* rank, or RUDDER_LEAF_EXTENDED | offset of a rudder_extension in 8-byte units */
};

struct rudder_leaf_v4 {
	__u32 src; /* host order */
	__u32 dst;
	struct rudder_leaf_tail tail;
};

/* Shifts of the two 64-bit halves: 64 minus the prefix bits in that half; 64 ignores the half. */
struct rudder_leaf_v6 {
	__u64 src_high; /* host order */
	__u64 src_low;
	__u64 dst_high;
	__u64 dst_low;
	__u8 src_high_shift;
	__u8 src_low_shift;
	__u8 dst_high_shift;
	__u8 dst_low_shift;
	__u32 reserved;
	struct rudder_leaf_tail tail;
};

/* ---- the comparison ---------------------------------------------------------------------------- */

/* What the leaf comparison needs of the packet beside its addresses. */
struct rudder_subject {
	__u64 lanes;
	__u32 protocol;
};

/* rudder_packet.flags in their lanes: as they lie, but for the two that make up RUDDER_ORIGIN_*. */
static RUDDER_INLINE __u64 rudder_flag_lanes(__u32 flags)
{
	flags ^= (flags >> 1 & RUDDER_PKT_OWN_SOURCE) ^ RUDDER_PKT_OWN_SOURCE;
	return (__u64)(flags & RUDDER_LANE_FLAGS) << RUDDER_LANE_HAS_PORTS;
}

static RUDDER_INLINE struct rudder_subject rudder_subject_of(const struct rudder_packet *packet)
{
	struct rudder_subject subject;

	subject.protocol = packet->protocol;
	subject.lanes = packet->src_port | (__u64)packet->dst_port << RUDDER_LANE_DST_PORT |
			(__u64)packet->hook_class << RUDDER_LANE_HOOK | (__u64)(packet->tos >> 2) << RUDDER_LANE_DSCP |
			rudder_flag_lanes(packet->flags);
	return subject;
}

/* Nonzero if the packet differs in anything but its addresses. Without a branch, since entries mostly differ. */
static RUDDER_INLINE __u64 rudder_tail_differs(const struct rudder_subject *subject, const struct rudder_leaf_tail *tail)
{
	__u64 inside = ((subject->lanes | RUDDER_LANE_GUARDS) - tail->first) & (tail->last - subject->lanes);

	return (~inside & RUDDER_LANE_GUARDS) | ((subject->protocol ^ tail->protocol) & tail->protocol_mask);
}

/* Upper 64 - shift bits of a difference; 0 for shift 64. */
static RUDDER_INLINE __u64 rudder_high_bits(__u64 difference, __u8 shift)
{
	return RUDDER_SHIFT_RIGHT(difference & ((__u64)(shift >> 6) - 1), shift);
}

#define RUDDER_FLAG_IN_LANE(flag, lane) ((__u64)(flag) << RUDDER_LANE_HAS_PORTS == 1ull << (lane))
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_HAS_PORTS, RUDDER_LANE_HAS_PORTS), "lane of ports");
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_TAGGED, RUDDER_LANE_TAGGED), "lane of tags");
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_OWN_SOURCE, RUDDER_LANE_ORIGIN), "lane of origin");
RUDDER_STATIC_ASSERT(RUDDER_PKT_SPECIAL == RUDDER_PKT_OWN_SOURCE << 1, "lane of origin");
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_GROUP, RUDDER_LANE_GROUP), "lane of groups");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_leaf_tail) == 24, "rudder_leaf_tail");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_leaf_v4) == 32, "rudder_leaf_v4");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_leaf_v6) == 64, "rudder_leaf_v6");
