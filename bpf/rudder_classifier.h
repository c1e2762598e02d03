/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The classifier: which rule is the first that matches this packet?
 *
 * A forest of at most RUDDER_MAX_TREES decision trees per address family lies in the blob (rudder_abi.h). Inner
 * nodes look at one bit window or one threshold of a packed key and only narrow the choice down; the leaf
 * entries compare every field that the rule states, so a wrong turn can lose speed but not give a wrong match. Only prefixes that
 * `not` names are left out where a leaf's region meets none of them.
 *
 * One implementation for the BPF programs and for the host (tests, `rudderd --check`): plain bounded loops, no
 * helper calls. Each access to the blob is bounded by `blob_bytes`, a constant for the verifier. Key and packet
 * lie in map memory, since variable stack offsets need CAP_PERFMON.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_extension.h"
#include "rudder_opaque.h"

#define RUDDER_MAX_DEPTH 40u         /* inner nodes on a path from a root to a leaf */
#define RUDDER_MAX_LEAF 32u          /* entries of one leaf */

/* ---- the key: what inner nodes look at --------------------------------------------------------- */

/* Words in host order. IPv4: [0] source, [1] destination; IPv6: [0-3] source, [4-7] destination, most significant
 * word first; then for both, at RUDDER_KEY_PORTS: source port << 16 | destination port, and at RUDDER_KEY_MISC:
 * protocol << 24 | DSCP << 16 | hook class. Where the header's `fields` say that a rule looks at more, at RUDDER_KEY_LINK:
 * rudder_vlan_of() << 16 | length; at RUDDER_KEY_MARK: the mark; at RUDDER_KEY_SRC_MAC and RUDDER_KEY_DST_MAC: the last four
 * octets; at RUDDER_KEY_ICMP: ICMP type << 24 | code << 16 | TCP flags << 8 | TTL. */
struct rudder_key {
	__u32 word[16];
};
#define RUDDER_KEY_PORTS 8u
#define RUDDER_KEY_MISC 9u
#define RUDDER_KEY_LINK 10u
#define RUDDER_KEY_MARK 11u
#define RUDDER_KEY_SRC_MAC 12u
#define RUDDER_KEY_DST_MAC 13u
#define RUDDER_KEY_BEST 14u /* of the walk itself: best rank so far */
#define RUDDER_KEY_ICMP 15u

/* ---- nodes ------------------------------------------------------------------------------------- */

/* One node of a tree; the children of an inner node are contiguous.
 *
 * where:  bits 0-23: first child, or first entry of a leaf, in units of 8 bytes from the start of the blob;
 *         bits 24-27: key word that an inner node looks at; bit 31: RUDDER_NODE_LEAF
 * what:   inner node: bits 0-15: addend, 16-20: shift, 24-28: width. A cut has an addend of 0 and goes to child
 *         (word >> shift) & (2^width - 1). A threshold has width 16: the sum of the window and the addend carries into
 *         bit 16 when the window is at or above 65536 - addend, and the carry is the child. One formula for both,
 *         since a branch here would be mispredicted as often as not.
 *         leaf: bits 0-7: number of entries, 8-31: best rank in the leaf */
struct rudder_node {
	__u32 where;
	__u32 what;
};
#define RUDDER_NODE_LEAF 0x80000000u
#define RUDDER_NODE_UNITS 0x00ffffffu
#define RUDDER_THRESHOLD_WIDTH 16u

/* ---- leaves ------------------------------------------------------------------------------------ */

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

/* ---- the walk ---------------------------------------------------------------------------------- */

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
	return (difference & ((__u64)(shift >> 6) - 1)) >> (shift & 63);
}

/* Follows the inner nodes from the root to a leaf. Returns its node, an empty leaf if the blob refers outside itself. */
static RUDDER_INLINE struct rudder_node rudder_find_leaf(const char *blob, __u32 blob_bytes,
							 const struct rudder_tree *tree, const struct rudder_key *key)
{
	struct rudder_node node = { tree->root_where, tree->root_what };

	RUDDER_NO_UNROLL
	for (__u32 depth = 0; depth <= RUDDER_MAX_DEPTH; depth++) {
		if (node.where & RUDDER_NODE_LEAF)
			return node;
		__u32 width = node.what >> 24;
		__u32 value = key->word[(node.where >> 24) & 15] >> ((node.what >> 16) & 31);
		value = (value & ((1u << (width & 31)) - 1)) + (node.what & 0xffff);
		__u64 at = (__u64)((node.where & RUDDER_NODE_UNITS) + (value >> (width & RUDDER_THRESHOLD_WIDTH))) * 8;

		RUDDER_OPAQUE(at);
		if (at > blob_bytes - sizeof(struct rudder_node))
			break;
		node.where = ((const struct rudder_node *)(blob + at))->where;
		node.what = ((const struct rudder_node *)(blob + at))->what;
	}
	node.what = 0;
	return node;
}

static RUDDER_INLINE void rudder_fill_key(const struct rudder_blob_header *header, const struct rudder_packet *packet,
					  struct rudder_key *key)
{
	key->word[RUDDER_KEY_PORTS] = (__u32)packet->src_port << 16 | packet->dst_port;
	key->word[RUDDER_KEY_MISC] = (__u32)packet->protocol << 24 | (__u32)(packet->tos >> 2) << 16 | packet->hook_class;
	if (!header->fields)
		return;
	key->word[RUDDER_KEY_LINK] = rudder_vlan_of(packet) << 16 | packet->l3_bytes;
	key->word[RUDDER_KEY_MARK] = packet->mark;
	key->word[RUDDER_KEY_SRC_MAC] = (__u32)packet->src_mac;
	key->word[RUDDER_KEY_DST_MAC] = (__u32)packet->dst_mac;
	key->word[RUDDER_KEY_ICMP] = (__u32)packet->icmp << 16 | (__u32)packet->tcp_flags << 8 | packet->ttl;
}

/* How the walk asks for the rank behind an extended entry. The BPF programs put a global function here, which the
 * verifier looks at once and not once for each entry of each leaf. */
#ifndef RUDDER_EXTENDED_RANK
#define RUDDER_EXTENDED_RANK(result) rudder_extended_rank(blob, blob_bytes, packet, result)
#endif

/* One family's forest: trees by ascending best rank, until no later tree can hold a better rule.
 * DIFFERS(entry) compares the addresses. A macro, since C has no templates and both families walk alike.
 * Ranks go through the key's memory: the verifier forgets where they came from, and its ways meet again. */
#define RUDDER_WALK(TREES, ENTRY, DIFFERS)                                                                             \
	volatile __u32 *best = &key->word[RUDDER_KEY_BEST];                                                            \
	*best = RUDDER_NO_RULE;                                                                                        \
	RUDDER_NO_UNROLL                                                                                               \
	for (__u32 t = 0; t < RUDDER_MAX_TREES; t++) {                                                                 \
		__u32 limit = *best;                                                                                   \
		if (!header->TREES[t].root_where || header->TREES[t].best_rank >= limit)                              \
			break;                                                                                         \
		struct rudder_node leaf = rudder_find_leaf(blob, blob_bytes, &header->TREES[t], key);             \
		if (leaf.what >> 8 >= limit)                                                                           \
			continue;                                                                                      \
		__u64 at = (__u64)(leaf.where & RUDDER_NODE_UNITS) * 8;                                                \
		RUDDER_NO_UNROLL                                                                                       \
		for (__u32 i = 0; i < RUDDER_MAX_LEAF; i++) {                                                          \
			if (i >= (leaf.what & 0xff))                                                                   \
				break;                                                                                 \
			RUDDER_OPAQUE(at);                                                                             \
			if (at > blob_bytes - sizeof(struct ENTRY))                                                    \
				break;                                                                                 \
			const struct ENTRY *entry = (const struct ENTRY *)(blob + at);                                 \
			at += sizeof(struct ENTRY);                                                                    \
			if ((DIFFERS) | rudder_tail_differs(&subject, &entry->tail))                                   \
				continue;                                                                              \
			__u32 rank = entry->tail.result;                                                               \
			if (rank & RUDDER_LEAF_EXTENDED) {                                                             \
				rank = RUDDER_EXTENDED_RANK(rank);                                                     \
				if (rank == RUDDER_NO_RULE)                                                            \
					continue;                                                                      \
			}                                                                                              \
			if (rank < limit)                                                                              \
				*best = rank;                                                                          \
			break;                                                                                         \
		}                                                                                                      \
	}                                                                                                              \
	return *best

static RUDDER_INLINE __u32 rudder_classify_v4(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet,
					      struct rudder_key *key)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	struct rudder_subject subject = rudder_subject_of(packet);
	__u32 src = RUDDER_HOST32(packet->src_be[0]);
	__u32 dst = RUDDER_HOST32(packet->dst_be[0]);

	key->word[0] = src;
	key->word[1] = dst;
	rudder_fill_key(header, packet, key);
	RUDDER_WALK(tree_v4, rudder_leaf_v4,
		    (__u64)(src ^ entry->src) >> (entry->tail.src_shift & 63) |
			    (__u64)(dst ^ entry->dst) >> (entry->tail.dst_shift & 63));
}

static RUDDER_INLINE __u64 rudder_join(const struct rudder_key *key, __u32 word)
{
	return (__u64)key->word[word] << 32 | key->word[word + 1];
}

static RUDDER_INLINE __u32 rudder_classify_v6(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet,
					      struct rudder_key *key)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	struct rudder_subject subject = rudder_subject_of(packet);

	for (__u32 i = 0; i < 4; i++) {
		key->word[i] = RUDDER_HOST32(packet->src_be[i]);
		key->word[4 + i] = RUDDER_HOST32(packet->dst_be[i]);
	}
	rudder_fill_key(header, packet, key);
	__u64 src_high = rudder_join(key, 0), src_low = rudder_join(key, 2);
	__u64 dst_high = rudder_join(key, 4), dst_low = rudder_join(key, 6);
	RUDDER_WALK(tree_v6, rudder_leaf_v6,
		    rudder_high_bits(src_high ^ entry->src_high, entry->src_high_shift) |
			    rudder_high_bits(src_low ^ entry->src_low, entry->src_low_shift) |
			    rudder_high_bits(dst_high ^ entry->dst_high, entry->dst_high_shift) |
			    rudder_high_bits(dst_low ^ entry->dst_low, entry->dst_low_shift));
}

/* Rank of the first rule that matches, RUDDER_NO_RULE if none does. `blob` is the value of the active map (of
 * `blob_bytes`, at least a header), `packet` is complete but for nothing (family, flags and hook_class included), `key`
 * is scratch memory. Byte order: as rudder_packet says. */
static RUDDER_INLINE __u32 rudder_classify_packet(const void *blob, __u32 blob_bytes, const struct rudder_packet *packet,
						  struct rudder_key *key)
{
	if (packet->flags & RUDDER_PKT_TAGGED &&
	    !(((const struct rudder_blob_header *)blob)->fields & RUDDER_FIELD_VLAN))
		return RUDDER_NO_RULE;
	if (packet->family == 4)
		return rudder_classify_v4((const char *)blob, blob_bytes, packet, key);
	return rudder_classify_v6((const char *)blob, blob_bytes, packet, key);
}

/* The hook entry of (ifindex, direction): a byte offset into the blob, 0 if this hook has no rules. */
static RUDDER_INLINE __u32 rudder_find_hook(const void *blob, __u32 blob_bytes, __u32 ifindex, __u32 direction)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u32 slot = rudder_hook_hash(ifindex, direction);

	RUDDER_NO_UNROLL
	for (__u32 probe = 0; probe < RUDDER_HOOK_PROBES; probe++) {
		__u64 at = header->hook_offset + (__u64)((slot + probe) & header->hook_mask) * sizeof(struct rudder_hook);

		RUDDER_OPAQUE(at);
		if (at > blob_bytes - sizeof(struct rudder_hook))
			return 0;
		const struct rudder_hook *hook = (const struct rudder_hook *)((const char *)blob + at);
		if (hook->ifindex == ifindex && hook->direction == direction)
			return (__u32)at;
		if (!hook->ifindex)
			return 0;
	}
	return 0;
}

#define RUDDER_FLAG_IN_LANE(flag, lane) ((__u64)(flag) << RUDDER_LANE_HAS_PORTS == 1ull << (lane))
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_HAS_PORTS, RUDDER_LANE_HAS_PORTS), "lane of ports");
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_TAGGED, RUDDER_LANE_TAGGED), "lane of tags");
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_OWN_SOURCE, RUDDER_LANE_ORIGIN), "lane of origin");
RUDDER_STATIC_ASSERT(RUDDER_PKT_SPECIAL == RUDDER_PKT_OWN_SOURCE << 1, "lane of origin");
RUDDER_STATIC_ASSERT(RUDDER_FLAG_IN_LANE(RUDDER_PKT_GROUP, RUDDER_LANE_GROUP), "lane of groups");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_key) == 64, "rudder_key");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_node) == 8, "rudder_node");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_leaf_tail) == 24, "rudder_leaf_tail");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_leaf_v4) == 32, "rudder_leaf_v4");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_leaf_v6) == 64, "rudder_leaf_v6");
