/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Does a packet that comes in carry an address of this host as its source? Then it is one of our own that came back, or
 * forged, and no rule sends it anywhere unasked.
 *
 * The header holds one word for each family, in which the bit of each own address is set: for most packets that is the
 * answer, out of a cache line that the classifier reads anyway. The others are looked up in a hash table. Pure, for
 * BPF and for the host.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_bytes.h"
#include "rudder_extension.h"
#include "rudder_opaque.h"

#define RUDDER_OWN_PROBES 16u

/* What `address_be` is in the table: IPv4 as an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), which no packet carries. */
static RUDDER_INLINE void rudder_own_key(struct rudder_own_address *key, const __u32 *address_be, __u32 family)
{
	int is_v4 = family == 4;

	key->address_be[0] = is_v4 ? 0 : address_be[0];
	key->address_be[1] = is_v4 ? 0 : address_be[1];
	key->address_be[2] = is_v4 ? RUDDER_SWAP32(0xffffu) : address_be[2];
	key->address_be[3] = is_v4 ? address_be[0] : address_be[3];
}

static RUDDER_INLINE __u32 rudder_own_hash(const __u32 *address_be, __u32 family)
{
	__u32 hash = address_be[0];

	if (family == 6) {
		hash = hash * 0x9e3779b1u ^ address_be[1] * 0x85ebca6bu ^ address_be[2] * 0xc2b2ae35u;
		hash = (hash ^ hash >> 15) + address_be[3];
	}
	/* Two rounds: what addresses of one network differ in is at the top of a word in network byte order. */
	hash = (hash ^ hash >> 16) * 0x85ebca6bu;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

/* Its bit in rudder_blob_header.own_v4 or own_v6. The top of a product has something of every bit below it. */
static RUDDER_INLINE __u64 rudder_own_bit(const __u32 *address_be, __u32 family)
{
	__u32 hash = address_be[0] * 0x9e3779b1u;

	if (family == 6)
		hash ^= address_be[1] * 0x85ebca6bu ^ address_be[2] * 0xc2b2ae35u ^ address_be[3] * 0x27d4eb2fu;
	return 1ull << (hash >> 26);
}

/* Zero: the source is none of this host's addresses; else it may be one. */
static RUDDER_INLINE int rudder_may_be_own(const struct rudder_blob_header *header, const struct rudder_packet *packet)
{
	if (packet->family == 4)
		return (header->own_v4 & rudder_own_bit(packet->src_be, 4)) != 0;
	return (header->own_v6 & rudder_own_bit(packet->src_be, 6)) != 0;
}

/* Nonzero if the source is an address of this host. */
static RUDDER_INLINE int rudder_has_own_source(const char *blob, __u32 blob_bytes, const struct rudder_packet *packet)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u32 slot = rudder_own_hash(packet->src_be, packet->family);
	struct rudder_own_address key;

	rudder_own_key(&key, packet->src_be, packet->family);
	RUDDER_NO_UNROLL
	for (__u32 probe = 0; probe < RUDDER_OWN_PROBES; probe++) {
		__u64 at = header->own_offset + (__u64)((slot + probe) & header->own_mask) * sizeof(struct rudder_own_address);

		RUDDER_OPAQUE(at);
		if (at > blob_bytes - sizeof(struct rudder_own_address))
			return 0;
		const struct rudder_own_address *own = (const struct rudder_own_address *)(blob + at);
		if (!(own->address_be[0] | own->address_be[1] | own->address_be[2] | own->address_be[3]))
			return 0;
		if (!((own->address_be[0] ^ key.address_be[0]) | (own->address_be[1] ^ key.address_be[1]) |
		      (own->address_be[2] ^ key.address_be[2]) | (own->address_be[3] ^ key.address_be[3])))
			return 1;
	}
	return 0;
}
