/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What of a rule does not fit a leaf entry of the classifier. For BPF and for the host.
 *
 * The walk asks for it after everything in the entry matched. What a rule leaves open refers to an object that holds
 * everything: one straight line for all, since each branch doubles the verifier's work.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_conditions.h"
#include "rudder_opaque.h"

/* One per rule and chunk of its lists, at the offset that the leaf entry names. */
struct rudder_extension {
	__u32 rank;
	__u32 hook_set; /* bit in the hook-set bitmap */
	__u64 dscp;     /* bit n: DSCP n matches */
	__u32 src_list;
	__u32 dst_list;
	__u32 conditions; /* of a rudder_conditions, or RUDDER_NO_CONDITIONS */
	__u32 excluded;   /* of a rudder_excluded, or RUDDER_NOTHING_EXCLUDED */
};
#define RUDDER_NOTHING_EXCLUDED 0u /* the first unit holds a list */
#define RUDDER_ANY_HOOK_SET 0u
#define RUDDER_NO_CONDITIONS 0xffffffffu
#define RUDDER_LEAF_EXTENDED 0x80000000u /* of rudder_leaf_tail.result */

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
		differs |= RUDDER_CONDITIONS_DIFFER(extension->conditions);
	if (extension->excluded != RUDDER_NOTHING_EXCLUDED)
		differs |= RUDDER_ADDRESSES_EXCLUDED(extension->excluded);
	return differs ? RUDDER_NO_RULE : extension->rank;
}

RUDDER_STATIC_ASSERT(sizeof(struct rudder_extension) == 32, "rudder_extension");
