/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The classifier: which rule is the first that matches this packet?
 *
 * A small set lies in the blob as bit vectors (rudder_vectors.h), a larger one as a forest of at most RUDDER_MAX_TREES decision trees
 * per address family. Inner nodes look at one bit window or one threshold of a packed key and only narrow the choice down; the leaf
 * entries compare every field that the rule states, so a wrong turn can lose speed but not give a wrong match. Only prefixes that
 * `not` names are left out where a leaf's region meets none of them.
 *
 * One implementation for the BPF programs and for the host (tests, `rudderd --check`): plain bounded loops, no
 * helper calls. Each access to the blob is bounded by `blob_bytes`, a constant for the verifier. Key and packet
 * lie in map memory, since variable stack offsets need CAP_PERFMON.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_bytes.h"
#include "rudder_extension.h"
#include "rudder_leaf.h"
#include "rudder_opaque.h"

#define RUDDER_MAX_DEPTH 40u         /* inner nodes on a path from a root to a leaf */
#define RUDDER_MAX_LEAF 32u          /* entries of one leaf */

/* ---- the key: what inner nodes and columns look at --------------------------------------------- */

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

/* One node of a tree, packed into 64 bits; the children of an inner node are contiguous.
 *
 * bits 32-54: first child, or first entry of a leaf, in units of 8 bytes from the start of the blob; bit 63: RUDDER_NODE_LEAF
 * leaf:       bits 0-7: number of entries, 8-31: best rank in the leaf
 * inner node: bits 0-5: shift to the left, 6-9: key word it looks at, 10-15: shift to the right, 16-31: addend.
 *             The shift to the left brings the window that is looked at to the top of 64 bits; then it goes one bit to the right, so
 *             that there is room for a carry, and the addend is added to the 16 bits below. What the shift to the right leaves is
 *             the child: of a cut, which adds nothing, the window; of a threshold, whose window has 16 bits, the carry: 1 where it
 *             is at or above 65536 - addend. One formula for both, since a branch here would be mispredicted as often as not */
struct rudder_node {
	__u64 word;
};
#define RUDDER_NODE_LEAF (1ull << 63)
#define RUDDER_NODE_UNITS 0x007fffffu
#define RUDDER_NODE_CARRY 63u /* the carry's bit: shift to the right of a threshold; a cut shifts by its width less */

/* ---- the walk ---------------------------------------------------------------------------------- */

/* The child of an inner node, counted from the first. */
static RUDDER_INLINE __u64 rudder_child(__u64 node, const struct rudder_key *key)
{
	__u64 value = key->word[(node >> 6) & 15];

	value = RUDDER_SHIFT_LEFT(value, node) >> 1;
	value += (__u64)((__u32)node & 0xffff0000u) << 31;
	return RUDDER_SHIFT_RIGHT(value, node >> 10);
}

/* Follows the inner nodes from the root to a leaf. Returns its node, an empty leaf if the blob refers outside itself. */
static RUDDER_INLINE __u64 rudder_find_leaf(const char *blob, __u32 blob_bytes, __u64 node, const struct rudder_key *key)
{
	RUDDER_NO_UNROLL
	for (__u32 depth = 0; depth <= RUDDER_MAX_DEPTH; depth++) {
		__u64 at;

		if (node & RUDDER_NODE_LEAF)
			return node;
		at = ((node >> 32) + rudder_child(node, key)) * sizeof(struct rudder_node);
		RUDDER_OPAQUE(at);
		if (at > blob_bytes - sizeof(struct rudder_node))
			break;
		node = ((const struct rudder_node *)(blob + at))->word;
	}
	return RUDDER_NODE_LEAF;
}

/* Where the first child or entry lies, in bytes from the start of the blob. */
static RUDDER_INLINE __u64 rudder_node_offset(__u64 node)
{
	return (node >> 32 & RUDDER_NODE_UNITS) * 8;
}

static RUDDER_INLINE void rudder_fill_key(__u32 fields, const struct rudder_packet *packet, struct rudder_key *key)
{
	key->word[RUDDER_KEY_PORTS] = (__u32)packet->src_port << 16 | packet->dst_port;
	key->word[RUDDER_KEY_MISC] = (__u32)packet->protocol << 24 | (__u32)(packet->tos >> 2) << 16 | packet->hook_class;
	if (!fields)
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

/* The body of a loop over entries: `rank` becomes that of the entry at `at` if it is the packet's, else the loop goes on to the next. A
 * macro, since C has no templates and both families do alike; DIFFERS(entry) compares the addresses. */
#define RUDDER_TRY_ENTRY(ENTRY, DIFFERS)                                                                               \
	RUDDER_OPAQUE(at);                                                                                             \
	if (at > blob_bytes - sizeof(struct ENTRY))                                                                    \
		break;                                                                                                 \
	const struct ENTRY *entry = (const struct ENTRY *)(blob + at);                                                 \
	if ((DIFFERS) | rudder_tail_differs(&subject, &entry->tail))                                                   \
		continue;                                                                                              \
	__u32 rank = entry->tail.result;                                                                               \
	if (rank & RUDDER_LEAF_EXTENDED) {                                                                             \
		rank = RUDDER_EXTENDED_RANK(rank);                                                                     \
		if (rank == RUDDER_NO_RULE)                                                                            \
			continue;                                                                                      \
	}

/* One family's forest: trees by ascending best rank, until no later tree can hold a better rule.
 * Ranks go through the key's memory: the verifier forgets where they came from, and its ways meet again. */
#define RUDDER_WALK(TREES, ENTRY, DIFFERS)                                                                             \
	volatile __u32 *best = &key->word[RUDDER_KEY_BEST];                                                            \
	*best = RUDDER_NO_RULE;                                                                                        \
	RUDDER_UNROLL                                                                                                  \
	for (__u32 t = 0; t < RUDDER_MAX_TREES; t++) {                                                                 \
		__u32 limit = *best;                                                                                   \
		if (!header->TREES[t].root || header->TREES[t].best_rank >= limit)                                     \
			break;                                                                                         \
		__u64 leaf = rudder_find_leaf(blob, blob_bytes, header->TREES[t].root, key);                           \
		if ((__u32)leaf >> 8 >= limit)                                                                         \
			continue;                                                                                      \
		__u64 next = rudder_node_offset(leaf);                                                                 \
		RUDDER_NO_UNROLL                                                                                       \
		for (__u32 i = 0; i < RUDDER_MAX_LEAF; i++) {                                                          \
			__u64 at = next;                                                                               \
			if (i >= (leaf & 0xff))                                                                        \
				break;                                                                                 \
			next += sizeof(struct ENTRY);                                                                  \
			RUDDER_TRY_ENTRY(ENTRY, DIFFERS)                                                               \
			if (rank < limit)                                                                              \
				*best = rank;                                                                          \
			break;                                                                                         \
		}                                                                                                      \
	}                                                                                                              \
	return *best

/* The boxes that every octet of the key leaves. */
static RUDDER_INLINE __u64 rudder_candidates(const char *blob, __u32 blob_bytes, const struct rudder_vectors *vectors,
					     const struct rudder_key *key)
{
	const __u32 group_bytes = RUDDER_COLUMN_GROUP * sizeof(struct rudder_column);
	const __u8 *octets = (const __u8 *)key->word;
	__u64 at = vectors->column_offset, left = ~0ull;

	if (!vectors->column_count || blob_bytes < group_bytes)
		return 0;
	RUDDER_UNROLL
	for (__u32 first = 0; first < RUDDER_MAX_COLUMNS; first += RUDDER_COLUMN_GROUP) {
		const struct rudder_column *column;

		if (first >= vectors->column_count)
			break;
		RUDDER_OPAQUE(at);
		if (at > blob_bytes - group_bytes)
			return 0;
		column = (const struct rudder_column *)(blob + at);
		RUDDER_UNROLL
		for (__u32 i = 0; i < RUDDER_COLUMN_GROUP; i++)
			left &= column[i].boxes[octets[vectors->octet[first + i] & (sizeof(*key) - 1)]];
		at += group_bytes;
	}
	return left;
}

/* One family's bit vectors: the first candidate that matches is the answer. */
#define RUDDER_TRY_CANDIDATES(VECTORS, ENTRY, DIFFERS)                                                                 \
	__u64 left = rudder_candidates(blob, blob_bytes, &header->VECTORS, key);                                       \
	RUDDER_NO_UNROLL                                                                                               \
	for (__u32 i = 0; i < RUDDER_VECTOR_BOXES; i++) {                                                              \
		__u64 lowest = left & (~left + 1);                                                                     \
		__u64 at = header->VECTORS.entry_offset + (__u64)rudder_vector_place(lowest) * sizeof(struct ENTRY);   \
		if (!left)                                                                                             \
			break;                                                                                         \
		left ^= lowest;                                                                                        \
		RUDDER_TRY_ENTRY(ENTRY, DIFFERS)                                                                       \
		return rank;                                                                                           \
	}                                                                                                              \
	return RUDDER_NO_RULE

#define RUDDER_V4_DIFFERS                                                                                              \
	RUDDER_SHIFT_RIGHT(src ^ entry->src, entry->tail.src_shift) | RUDDER_SHIFT_RIGHT(dst ^ entry->dst, entry->tail.dst_shift)

#define RUDDER_V6_DIFFERS                                                                                              \
	rudder_high_bits(src_high ^ entry->src_high, entry->src_high_shift) |                                          \
		rudder_high_bits(src_low ^ entry->src_low, entry->src_low_shift) |                                     \
		rudder_high_bits(dst_high ^ entry->dst_high, entry->dst_high_shift) |                                  \
		rudder_high_bits(dst_low ^ entry->dst_low, entry->dst_low_shift)

static RUDDER_INLINE __u32 rudder_classify_v4(const char *blob, __u32 blob_bytes, __u32 fields, const struct rudder_packet *packet,
					      struct rudder_key *key)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	struct rudder_subject subject = rudder_subject_of(packet);
	__u32 src = RUDDER_HOST32(packet->src_be[0]);
	__u32 dst = RUDDER_HOST32(packet->dst_be[0]);

	key->word[0] = src;
	key->word[1] = dst;
	rudder_fill_key(fields, packet, key);
	if (!header->tree_v4[0].root) {
		RUDDER_TRY_CANDIDATES(vectors_v4, rudder_leaf_v4, RUDDER_V4_DIFFERS);
	}
	RUDDER_WALK(tree_v4, rudder_leaf_v4, RUDDER_V4_DIFFERS);
}

static RUDDER_INLINE __u64 rudder_join(const struct rudder_key *key, __u32 word)
{
	return (__u64)key->word[word] << 32 | key->word[word + 1];
}

static RUDDER_INLINE __u32 rudder_classify_v6(const char *blob, __u32 blob_bytes, __u32 fields, const struct rudder_packet *packet,
					      struct rudder_key *key)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	struct rudder_subject subject = rudder_subject_of(packet);

	for (__u32 i = 0; i < 4; i++) {
		key->word[i] = RUDDER_HOST32(packet->src_be[i]);
		key->word[4 + i] = RUDDER_HOST32(packet->dst_be[i]);
	}
	rudder_fill_key(fields, packet, key);
	__u64 src_high = rudder_join(key, 0), src_low = rudder_join(key, 2);
	__u64 dst_high = rudder_join(key, 4), dst_low = rudder_join(key, 6);
	if (!header->tree_v6[0].root) {
		RUDDER_TRY_CANDIDATES(vectors_v6, rudder_leaf_v6, RUDDER_V6_DIFFERS);
	}
	RUDDER_WALK(tree_v6, rudder_leaf_v6, RUDDER_V6_DIFFERS);
}

/* Rank of the first rule that matches, RUDDER_NO_RULE if none does. `blob` is the value of the active map (of
 * `blob_bytes`, at least a header), `packet` is complete but for nothing (family, flags and hook_class included), `key`
 * is scratch memory. Byte order: as rudder_packet says. */
static RUDDER_INLINE __u32 rudder_classify_packet(const void *blob, __u32 blob_bytes, const struct rudder_packet *packet,
						  struct rudder_key *key)
{
	__u32 fields = ((const struct rudder_blob_header *)blob)->fields;

	if (packet->flags & RUDDER_PKT_TAGGED && !(fields & RUDDER_FIELD_VLAN))
		return RUDDER_NO_RULE;
	if (packet->family == 4)
		return rudder_classify_v4((const char *)blob, blob_bytes, fields, packet, key);
	return rudder_classify_v6((const char *)blob, blob_bytes, fields, packet, key);
}

/* The first two fields of a struct rudder_hook as one number. */
static RUDDER_INLINE __u64 rudder_hook_key(__u32 ifindex, __u32 direction)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)direction << 32 | ifindex;
#else
	return (__u64)ifindex << 32 | direction;
#endif
}

/* The entry of (ifindex, direction) in the blob's table of hooks; NULL if this hook has no rules. */
static RUDDER_INLINE const struct rudder_hook *rudder_find_hook(const void *blob, __u32 blob_bytes, __u32 ifindex, __u32 direction)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u64 key = rudder_hook_key(ifindex, direction);
	__u32 slot = rudder_hook_hash(ifindex, direction);

	RUDDER_NO_UNROLL
	for (__u32 probe = 0; probe < RUDDER_HOOK_PROBES; probe++) {
		__u64 at = header->hook_offset + (__u64)(slot++ & header->hook_mask) * sizeof(struct rudder_hook);

		RUDDER_OPAQUE(at);
		if (at > blob_bytes - sizeof(struct rudder_hook))
			return NULL;
		const struct rudder_hook *hook = (const struct rudder_hook *)((const char *)blob + at);
		if (rudder_load64_be(hook) == key)
			return hook;
		if (!hook->ifindex)
			return NULL;
	}
	return NULL;
}

RUDDER_STATIC_ASSERT(sizeof(struct rudder_key) == 64, "rudder_key");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_node) == 8, "rudder_node");
