/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The conditions that only few rules have, behind the extension of a leaf entry. For BPF and for the host.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_opaque.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RUDDER_HOST32(value_be) __builtin_bswap32(value_be)
#else
#define RUDDER_HOST32(value_be) (value_be)
#endif

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

/* Addresses: `count` ranges follow, ascending, disjoint. Of IPv4 addresses the upper 32 bits of `high` count. */
struct rudder_address_ranges {
	__u32 count;
	__u32 step; /* the largest power of two up to count, 0 for 0 */
};
struct rudder_address_range {
	__u64 first_high;
	__u64 first_low;
	__u64 last_high;
	__u64 last_low;
};
/* Address ranges that must hold neither source nor destination; 0: none. */
struct rudder_excluded {
	__u32 src;
	__u32 dst;
};
#define RUDDER_SEARCH_STEPS 24u /* halvings: 2^24 ranges are more than a blob holds */

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
	return (packet->flags & RUDDER_PKT_TAGGED) * (RUDDER_IN_VLAN / RUDDER_PKT_TAGGED) | (packet->vlan_tci & 0xfffu);
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

/* The bytes of an address from `word_be` on as a number. */
static RUDDER_INLINE __u64 rudder_address_half(const __u32 *word_be)
{
	return (__u64)RUDDER_HOST32(word_be[0]) << 32 | RUDDER_HOST32(word_be[1]);
}

/* 1 if a < b: the borrow of a - b. Without a branch, since each doubles the verifier's work. */
static RUDDER_INLINE __u64 rudder_below(__u64 a, __u64 b)
{
	__u64 difference = a - b;

	RUDDER_OPAQUE(difference);
	return ((~a & b) | ((~a | b) & difference)) >> 63;
}

/* The same of numbers of 128 bits. */
static RUDDER_INLINE __u64 rudder_below_wide(__u64 a_high, __u64 a_low, __u64 b_high, __u64 b_low)
{
	return rudder_below(a_high, b_high) | (rudder_is_zero(a_high ^ b_high) & rudder_below(a_low, b_low));
}

/* Nonzero if the address lies in one of the ranges at `at`. Counts those that end before it, by halving. */
static RUDDER_INLINE __u64 rudder_in_addresses(const char *blob, __u32 blob_bytes, __u64 at, const __u32 *address_be,
					       __u32 family)
{
	__u64 high, low = 0, count, step, before = 0, next_at;

	/* Read next to its check, and so below: see rudder_extended_rank. */
	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_address_ranges));
	const volatile struct rudder_address_ranges *ranges = (const volatile struct rudder_address_ranges *)(blob + at);

	count = ranges->count;
	step = ranges->step;
	at += sizeof(struct rudder_address_ranges);
	high = rudder_address_half(address_be);
	if (family == 6)
		low = rudder_address_half(address_be + 2);
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < RUDDER_SEARCH_STEPS; i++) {
		RUDDER_OPAQUE(step);
		if (!step)
			break;
		__u64 middle = before + step - 1;
		__u64 is_inside = rudder_below(middle, count);
		__u64 middle_at = at + (middle & (0 - is_inside)) * sizeof(struct rudder_address_range);

		RUDDER_WITHIN_BLOB(middle_at, sizeof(struct rudder_address_range));
		const volatile struct rudder_address_range *range =
			(const volatile struct rudder_address_range *)(blob + middle_at);
		__u64 last_high = range->last_high, last_low = range->last_low;

		before += step & (0 - (is_inside & rudder_below_wide(last_high, last_low, high, low)));
		RUDDER_OPAQUE(before);
		step >>= 1;
	}
	if (before >= count)
		return 0;
	next_at = at + before * sizeof(struct rudder_address_range);
	RUDDER_WITHIN_BLOB(next_at, sizeof(struct rudder_address_range));
	const volatile struct rudder_address_range *next = (const volatile struct rudder_address_range *)(blob + next_at);
	__u64 first_high = next->first_high, first_low = next->first_low;

	return 1 ^ rudder_below_wide(high, low, first_high, first_low);
}

/* Nonzero if an address of the packet is excluded at `unit`. */
static RUDDER_INLINE __u64 rudder_addresses_excluded(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet,
						     __u32 unit)
{
	__u64 start = ((const struct rudder_blob_header *)blob)->extension_offset;
	__u64 at = start + (__u64)unit * 8;

	RUDDER_WITHIN_BLOB(at, sizeof(struct rudder_excluded));
	const volatile struct rudder_excluded *excluded = (const volatile struct rudder_excluded *)(blob + at);
	__u32 src = excluded->src, dst = excluded->dst;

	if (src && rudder_in_addresses(blob, blob_bytes, start + (__u64)src * 8, packet->src_be, packet->family))
		return 1;
	return dst && rudder_in_addresses(blob, blob_bytes, start + (__u64)dst * 8, packet->dst_be, packet->family);
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
#ifndef RUDDER_ADDRESSES_EXCLUDED
#define RUDDER_ADDRESSES_EXCLUDED(unit) rudder_addresses_excluded(blob, blob_bytes, packet, unit)
#endif

RUDDER_STATIC_ASSERT(sizeof(struct rudder_list) == 32, "rudder_list");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_masked_list) == 8, "rudder_masked_list");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_masked) == 16, "rudder_masked");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_excluded) == 8, "rudder_excluded");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_address_ranges) == 8, "rudder_address_ranges");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_address_range) == 32, "rudder_address_range");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_bits) == 96, "rudder_bits");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_conditions) == 48, "rudder_conditions");
