/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What of a rule does not fit a leaf entry of the classifier: lists, and the conditions that few rules have. For BPF and for
 * the host.
 *
 * The walk asks for it after everything in the entry matched. What a rule leaves open refers to an object that holds
 * everything: one straight line for all, since each branch doubles the verifier's work.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_opaque.h"

#define RUDDER_MAX_LIST 8u /* ranges of one list */

struct rudder_range {
	__u16 first;
	__u16 span;
};

/* A list of ranges. One with fewer repeats its last; a longer one is split over several boxes. */
struct rudder_list {
	struct rudder_range range[RUDDER_MAX_LIST];
};

/* All offsets of lists and of other parts count from rudder_blob_header.extension_offset on, in units of 8 bytes; equal
 * parts are shared. */
struct rudder_conditions {
	__u32 vlan_list; /* of rudder_vlan_of() */
	__u32 reserved;
};

/* One per rule and chunk of its lists, at the offset that the leaf entry names. */
struct rudder_extension {
	__u32 rank;
	__u32 hook_set; /* bit in the hook-set bitmap */
	__u64 dscp;     /* bit n: DSCP n matches */
	__u32 src_list;
	__u32 dst_list;
	__u32 conditions; /* of a rudder_conditions, or RUDDER_NO_CONDITIONS */
	__u32 reserved;
};
#define RUDDER_ANY_HOOK_SET 0u
#define RUDDER_NO_CONDITIONS 0xffffffffu
#define RUDDER_LEAF_EXTENDED 0x80000000u /* of rudder_leaf_tail.result */

/* The VLAN of a packet as one number: 0 without, else RUDDER_IN_VLAN | VID. */
#define RUDDER_IN_VLAN 0x1000u
static RUDDER_INLINE __u32 rudder_vlan_of(const struct rudder_packet *packet)
{
	return (__u32)(packet->flags & RUDDER_PKT_TAGGED) << 11 | (packet->vlan_tci & 0xfffu);
}

/* 1 if value lies outside, else 0: the sign of span - distance. The compiler would make a branch of it if it knew what is
 * subtracted, and each branch doubles the verifier's work. */
static RUDDER_INLINE __u64 rudder_outside(__u32 value, __u16 first, __u16 span)
{
	__u64 distance = (__u16)(value - first);

	distance = span - distance;
	RUDDER_OPAQUE(distance);
	return distance >> 63;
}

/* Nonzero if `value` lies in none of the ranges. Straight-line code: a loop in here would multiply with those around it
 * when the verifier follows every path. */
static RUDDER_INLINE __u64 rudder_outside_list(const struct rudder_list *list, __u32 value)
{
	__u64 outside = 1;

	RUDDER_UNROLL
	for (__u32 i = 0; i < RUDDER_MAX_LIST; i++)
		outside &= rudder_outside(value, list->range[i].first, list->range[i].span);
	return outside;
}

/* Leaves the enclosing function with RUDDER_NO_RULE if an object of `bytes` at `offset` exceeds the blob. */
#define RUDDER_WITHIN_BLOB(offset, bytes)                                                                              \
	RUDDER_OPAQUE(offset);                                                                                         \
	if (offset > blob_bytes - (bytes))                                                                             \
	return RUDDER_NO_RULE

/* Nonzero if the packet does not meet the conditions at `unit`. `start`: where extensions begin. */
static RUDDER_INLINE __u64 rudder_conditions_differ(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet,
						    __u64 start, __u32 unit)
{
	__u64 at = start + (__u64)unit * 8;

	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_conditions));
	const struct rudder_conditions *conditions = (const struct rudder_conditions *)(blob + at);
	__u64 vlan_at = start + (__u64)conditions->vlan_list * 8;

	RUDDER_WITHIN_BLOB(vlan_at, sizeof(struct rudder_list));
	return rudder_outside_list((const struct rudder_list *)(blob + vlan_at), rudder_vlan_of(packet));
}

/* The rank behind a leaf entry whose own fields matched; RUDDER_NO_RULE if its extension does not. */
static RUDDER_INLINE __u32 rudder_extended_rank(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet,
						__u32 result)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u64 start = header->extension_offset;
	__u64 at = start + (__u64)(result & ~RUDDER_LEAF_EXTENDED) * 8;

	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_extension));
	const struct rudder_extension *extension = (const struct rudder_extension *)(blob + at);
	__u64 src_at = start + (__u64)extension->src_list * 8;
	__u64 dst_at = start + (__u64)extension->dst_list * 8;
	__u64 set_at = header->hook_set_offset +
		       ((__u64)packet->hook_class * header->hook_set_words + (extension->hook_set >> 6)) * 8;

	/* Read next to its check: before Linux 6.3 a bound is forgotten when the compiler keeps an older copy on the stack. */
	RUDDER_WITHIN_BLOB(set_at, sizeof(__u64));
	__u64 set_bits = *(const volatile __u64 *)(blob + set_at);

	RUDDER_WITHIN_BLOB(src_at, sizeof(struct rudder_list));
	__u64 differs = rudder_outside_list((const struct rudder_list *)(blob + src_at), packet->src_port);
	RUDDER_WITHIN_BLOB(dst_at, sizeof(struct rudder_list));
	differs |= rudder_outside_list((const struct rudder_list *)(blob + dst_at), packet->dst_port);
	differs |= ~(set_bits >> (extension->hook_set & 63)) & 1;
	differs |= ~(extension->dscp >> (packet->tos >> 2)) & 1;
	if (extension->conditions != RUDDER_NO_CONDITIONS)
		differs |= rudder_conditions_differ(blob, blob_bytes, packet, start, extension->conditions);
	return differs ? RUDDER_NO_RULE : extension->rank;
}

RUDDER_STATIC_ASSERT(sizeof(struct rudder_list) == 32, "rudder_list");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_conditions) == 8, "rudder_conditions");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_extension) == 32, "rudder_extension");
