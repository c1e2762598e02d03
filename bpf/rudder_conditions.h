/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The conditions that only few rules have, behind the extension of a leaf entry. For BPF and for the host.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_opaque.h"

#define RUDDER_MAX_LIST 8u    /* ranges of one list */
#define RUDDER_MAX_MASKED 32u /* entries of one masked list */

struct rudder_range {
	__u16 first;
	__u16 span;
};

/* A list of ranges. One with fewer repeats its last; a longer one is split over several boxes. */
struct rudder_list {
	struct rudder_range range[RUDDER_MAX_LIST];
};

/* `count` entries follow. A longer one is split over several boxes. */
struct rudder_masked_list {
	__u32 count;
	__u32 reserved;
};
struct rudder_masked {
	__u64 value;
	__u64 mask; /* of the bits that count */
};

/* Bit n of each: the value n matches. */
struct rudder_bits {
	__u64 ttl[4];
	__u64 tcp_flags[4]; /* of packets that have some */
	__u64 protocol[4];
};

/* All offsets of lists and of other parts count from rudder_blob_header.extension_offset on, in units of 8 bytes; equal
 * parts are shared. A pair of masked lists: if [0] has entries one of them must match, none of [1] may. */
struct rudder_conditions {
	__u32 vlan_list; /* of rudder_vlan_of() */
	__u32 length_list;
	__u32 icmp_list; /* of packets that have a type */
	__u32 bits;
	__u32 marks[2];
	__u32 src_macs[2];
	__u32 dst_macs[2];
	__u8 fragment;   /* bit n: 0 whole packets, 1 first fragments, 2 later ones match */
	__u8 ecn;        /* bit n: ECN n matches */
	__u8 needs;      /* RUDDER_HAS_*: only packets that have it */
	__u8 lacks;      /* only packets that do not */
	__u32 reserved;
};
#define RUDDER_NO_CONDITIONS 0xffffffffu

/* The VLAN of a packet as one number: 0 without, else RUDDER_IN_VLAN | VID. */
#define RUDDER_IN_VLAN 0x1000u
static RUDDER_INLINE __u32 rudder_vlan_of(const struct rudder_packet *packet)
{
	return (__u32)(packet->flags & RUDDER_PKT_TAGGED) << 11 | (packet->vlan_tci & 0xfffu);
}

/* 0: a whole packet, 1: a first fragment, 2: a later one. */
static RUDDER_INLINE __u32 rudder_fragment_of(const struct rudder_packet *packet)
{
	return (packet->flags & RUDDER_PKT_FRAGMENT ? 1u : 0u) + (packet->flags & RUDDER_PKT_LATER_FRAGMENT ? 1u : 0u);
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

/* Nonzero if `value` lies in none of the ranges of the list at `at`. */
static RUDDER_INLINE __u64 rudder_list_differs(const char *blob, __u32 blob_bytes, __u64 at, __u32 value)
{
	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_list));
	return rudder_outside_list((const struct rudder_list *)(blob + at), value);
}

/* 1 if bit `index`, 0 to 255, of the four words at `at` is clear. */
static RUDDER_INLINE __u64 rudder_bit_is_clear(const char *blob, __u32 blob_bytes, __u64 at, __u32 index)
{
	at += (index >> 6) * 8;
	RUDDER_WITHIN_BLOB(at, sizeof(__u64));
	return ~(*(const __u64 *)(blob + at) >> (index & 63)) & 1;
}

/* 1 if the bits are zero, without a branch. */
static RUDDER_INLINE __u64 rudder_is_zero(__u64 bits)
{
	bits |= 0 - bits;
	RUDDER_OPAQUE(bits);
	return ~bits >> 63;
}

/* Nonzero if the list at `at` has entries of which none holds `value`; with `is_not`, if one of them does. */
static RUDDER_INLINE __u64 rudder_masked_differ(const char *blob, __u32 blob_bytes, __u64 at, __u64 value, __u64 is_not)
{
	__u64 found = 0, count;

	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_masked_list));
	count = ((const struct rudder_masked_list *)(blob + at))->count;
	at += sizeof(struct rudder_masked_list);
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < RUDDER_MAX_MASKED; i++) {
		if (i >= count)
			break;
		RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_masked));
		const struct rudder_masked *entry = (const struct rudder_masked *)(blob + at);

		found |= rudder_is_zero((value ^ entry->value) & entry->mask);
		RUDDER_OPAQUE(found);
		at += sizeof(struct rudder_masked);
	}
	return found ^ (is_not ? 0 : 1 ^ rudder_is_zero(count));
}

static RUDDER_INLINE __u64 rudder_bits_differ(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet, __u64 at)
{
	__u64 has_flags = packet->has & RUDDER_HAS_TCP_FLAGS;
	__u64 differs = rudder_bit_is_clear(blob, blob_bytes, at + RUDDER_OFFSET(struct rudder_bits, ttl), packet->ttl);

	differs |= rudder_bit_is_clear(blob, blob_bytes, at + RUDDER_OFFSET(struct rudder_bits, protocol), packet->protocol);
	return differs | (has_flags & rudder_bit_is_clear(blob, blob_bytes, at + RUDDER_OFFSET(struct rudder_bits, tcp_flags),
							  packet->tcp_flags));
}

/* Nonzero if the packet does not meet the conditions at `unit`. */
static RUDDER_INLINE __u64 rudder_conditions_differ(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet,
						    __u32 unit)
{
	__u64 start = ((const struct rudder_blob_header *)blob)->extension_offset;
	__u64 at = start + (__u64)unit * 8;

	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_conditions));
	const struct rudder_conditions *wanted = (const struct rudder_conditions *)(blob + at);
	__u64 has_icmp = (packet->has & RUDDER_HAS_ICMP) / RUDDER_HAS_ICMP;
	__u64 differs = (wanted->needs & ~packet->has) | (wanted->lacks & packet->has);

	differs |= ~((__u64)wanted->fragment >> rudder_fragment_of(packet)) & 1;
	differs |= ~((__u64)wanted->ecn >> (packet->tos & 3)) & 1;
	differs |= rudder_list_differs(blob, blob_bytes, start + (__u64)wanted->vlan_list * 8, rudder_vlan_of(packet));
	differs |= rudder_list_differs(blob, blob_bytes, start + (__u64)wanted->length_list * 8, packet->l3_bytes);
	differs |= has_icmp & rudder_list_differs(blob, blob_bytes, start + (__u64)wanted->icmp_list * 8, packet->icmp);
	differs |= rudder_bits_differ(blob, blob_bytes, packet, start + (__u64)wanted->bits * 8);
	RUDDER_UNROLL
	for (__u32 is_not = 0; is_not < 2; is_not++) {
		differs |= rudder_masked_differ(blob, blob_bytes, start + (__u64)wanted->marks[is_not] * 8, packet->mark, is_not);
		differs |= rudder_masked_differ(blob, blob_bytes, start + (__u64)wanted->src_macs[is_not] * 8, packet->src_mac, is_not);
		differs |= rudder_masked_differ(blob, blob_bytes, start + (__u64)wanted->dst_macs[is_not] * 8, packet->dst_mac, is_not);
		RUDDER_OPAQUE(differs);
	}
	return differs;
}

/* How the extension asks for its conditions. The BPF programs put a global function here, which the verifier looks at
 * once. */
#ifndef RUDDER_CONDITIONS_DIFFER
#define RUDDER_CONDITIONS_DIFFER(unit) rudder_conditions_differ(blob, blob_bytes, packet, unit)
#endif

RUDDER_STATIC_ASSERT(sizeof(struct rudder_list) == 32, "rudder_list");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_masked_list) == 8, "rudder_masked_list");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_masked) == 16, "rudder_masked");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_bits) == 96, "rudder_bits");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_conditions) == 48, "rudder_conditions");
