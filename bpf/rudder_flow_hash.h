/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The hash by which a flow finds its member of a group. Pure, for BPF and for the host.
 *
 * It is the same on every host and after every start, so that flows keep their member. Routers one behind the other do not
 * split alike for that: the places of their tables are dealt by the members' own identities.
 */
#pragma once

#include "rudder_bytes.h"

#define RUDDER_HASH_ADDRESSES (RUDDER_HASH_SRC_IP | RUDDER_HASH_DST_IP)

/* What of `fields` this packet can be hashed by. All fragments of a datagram must go one way, and only the first has
 * ports; of an IPv6 datagram not even the protocol is the same in all. So a fragment is hashed by addresses, as is
 * a packet without ports: by those that `fields` names, or both if it names none. */
static __always_inline __u32 rudder_usable_hash_fields(const struct rudder_packet *packet, __u32 fields)
{
	if (packet->flags & RUDDER_PKT_FRAGMENT)
		fields &= RUDDER_HASH_ADDRESSES;
	else if (!(packet->flags & RUDDER_PKT_HAS_PORTS))
		fields &= RUDDER_HASH_ADDRESSES | RUDDER_HASH_PROTOCOL;
	else
		return fields;
	return fields & RUDDER_HASH_ADDRESSES ? fields : fields | RUDDER_HASH_ADDRESSES;
}

/* Multiply and fold, as in wyhash and rapidhash; the constants are the golden ratio and one of splitmix64. */
static __always_inline __u64 rudder_hash_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static __always_inline __u64 rudder_hash_finish(__u64 hash)
{
	hash *= 0xbf58476d1ce4e5b9ull;
	return hash ^ hash >> 29;
}

static __always_inline __u64 rudder_hash_address(__u64 hash, const __u32 *address_be, __u32 is_used)
{
	if (!is_used)
		return rudder_hash_mix(hash, 0);
	hash = rudder_hash_mix(hash, (__u64)address_be[0] << 32 | address_be[1]);
	return rudder_hash_mix(hash, (__u64)address_be[2] << 32 | address_be[3]);
}

/* 32 bits over the fields (RUDDER_HASH_*) of the packet. */
static __always_inline __u32 rudder_flow_hash(const struct rudder_packet *packet, __u32 fields)
{
	__u64 hash = packet->family, rest = 0;

	fields = rudder_usable_hash_fields(packet, fields);
	if (fields & RUDDER_HASH_SRC_PORT)
		rest |= (__u64)packet->src_port << 32;
	if (fields & RUDDER_HASH_DST_PORT)
		rest |= (__u64)packet->dst_port << 16;
	if (fields & RUDDER_HASH_PROTOCOL)
		rest |= packet->protocol;
	if (packet->family == 4) {
		__u64 source = fields & RUDDER_HASH_SRC_IP ? packet->src_be[0] : 0;
		__u64 destination = fields & RUDDER_HASH_DST_IP ? packet->dst_be[0] : 0;

		hash = rudder_hash_mix(hash, source << 32 | destination);
	} else {
		hash = rudder_hash_address(hash, packet->src_be, fields & RUDDER_HASH_SRC_IP);
		hash = rudder_hash_address(hash, packet->dst_be, fields & RUDDER_HASH_DST_IP);
	}
	return (__u32)(rudder_hash_finish(rudder_hash_mix(hash, rest)) >> 32);
}

/* The place of a hash in a group table, below RUDDER_GROUP_ENTRIES. */
static __always_inline __u32 rudder_group_place(__u32 hash)
{
	return (__u32)((__u64)hash * RUDDER_GROUP_ENTRIES >> 32);
}
