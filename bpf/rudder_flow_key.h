/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What the flow cache knows a packet by. Pure, for BPF and for the host.
 *
 * A flow is all packets of one hook and one generation that no rule of it can tell apart: whatever no rule looks at is masked out
 * (rudder_blob_header.flow_v4, flow_v6). The key comes from the bytes of the frame, without the parser; so only frames
 * that one look can judge have one: an Ethernet frame for one receiver, without a tag, IPv4 without options, whole, or
 * IPv6, with the first bytes of a transport header in the linear part. Everything else is for the classifier.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_bytes.h"
#include "rudder_parse_ip.h"

#define RUDDER_FLOW4_LINEAR (RUDDER_ETH_BYTES + RUDDER_IPV4_BYTES + 4)
#define RUDDER_FLOW6_LINEAR (RUDDER_ETH_BYTES + RUDDER_IPV6_BYTES + 4)

static __always_inline int rudder_has_flows(__u8 protocol)
{
	return rudder_is_tcp_or_udp(protocol);
}

/* Ethertype, version, IPv4 header length, fragment fields and protocol of a frame of at least RUDDER_FLOW4_LINEAR bytes. */
static __always_inline int rudder_is_flow4(const __u8 *data)
{
	return (rudder_load32_be(data + 12) & rudder_word(0xff, 0xff, 0xff, 0)) == rudder_word(0x08, 0x00, 0x45, 0) &&
	       !(rudder_load16_be(data + 20) & RUDDER_SWAP16(0x3fff)) && rudder_has_flows(data[23]);
}

/* Of at least RUDDER_FLOW6_LINEAR bytes: no extension header. */
static __always_inline int rudder_is_flow6(const __u8 *data)
{
	return (rudder_load32_be(data + 12) & rudder_word(0xff, 0xff, 0xf0, 0)) == rudder_word(0x86, 0xdd, 0x60, 0) &&
	       rudder_has_flows(data[20]);
}

static __always_inline void rudder_flow_key4(const __u8 *data, const struct rudder_flow_mask4 *mask, __u32 direction,
					     struct rudder_flow *flow)
{
	flow->address[0] = rudder_load64_be(data + 26) & mask->address;
	flow->fields = rudder_flow_fields(rudder_load32_be(data + 34), data[15], data[23], direction, 4) & mask->fields;
}

static __always_inline void rudder_flow_key6(const __u8 *data, const struct rudder_flow_mask6 *mask, __u32 direction,
					     struct rudder_flow *flow)
{
	__u8 tos = (__u8)(RUDDER_SWAP32(rudder_load32_be(data + 14)) >> 20);

	for (int i = 0; i < 4; i++)
		flow->address[i] = rudder_load64_be(data + 22 + 8 * i) & mask->address[i];
	flow->fields = rudder_flow_fields(rudder_load32_be(data + 54), tos, data[20], direction, 6) & mask->fields;
}

/* The parser's own verdict on the lengths of a frame of TCP or UDP: nonzero if they are good. Most packets are long enough for
 * either, and what the protocol is need not be asked. */
static __always_inline int rudder_is_flow_whole(const __u8 *protocol, __u32 ip_bytes, __u32 total, __u32 frame_bytes)
{
	if (total > frame_bytes - RUDDER_ETH_BYTES)
		return 0;
	return total >= ip_bytes + RUDDER_TCP_BYTES || total >= ip_bytes + rudder_least_transport(rudder_is_tcp(*protocol));
}

/* Every bit of a product's top has something of every bit below it. */
static __always_inline __u64 rudder_flow_hash4(const struct rudder_flow *flow)
{
	__u64 hash = flow->address[0] * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ hash >> 32) + flow->fields + ((__u64)flow->ifindex << 17);
	return hash * 0xff51afd7ed558ccdull;
}

static __always_inline __u64 rudder_flow_hash6(const struct rudder_flow *flow)
{
	__u64 hash = flow->address[0] * 0x9e3779b97f4a7c15ull + flow->address[1] * 0xc2b2ae3d27d4eb4full +
		     flow->address[2] * 0x165667b19e3779f9ull + flow->address[3] * 0xd6e8feb86659fd93ull;

	hash = (hash ^ hash >> 32) + flow->fields + ((__u64)flow->ifindex << 17);
	return hash * 0xff51afd7ed558ccdull;
}

/* Zero if `kept` is of the same flow. */
static __always_inline __u64 rudder_flow_differs4(const struct rudder_flow *kept, const struct rudder_flow *flow)
{
	return (kept->address[0] ^ flow->address[0]) | (kept->fields ^ flow->fields) | (kept->ifindex ^ flow->ifindex) |
	       (kept->generation ^ flow->generation);
}

static __always_inline __u64 rudder_flow_differs6(const struct rudder_flow *kept, const struct rudder_flow *flow)
{
	return rudder_flow_differs4(kept, flow) | (kept->address[1] ^ flow->address[1]) |
	       (kept->address[2] ^ flow->address[2]) | (kept->address[3] ^ flow->address[3]);
}

/* May the classifier's verdict on this packet stand for all packets of its flow? The headers must lie where the key took them
 * from (no layer-3 frame, no extension headers), and what the masks leave out must not matter: addresses of which some
 * are special have first octets that no flow has. */
static __always_inline int rudder_is_flow_lasting(const struct rudder_packet *packet)
{
	if (!rudder_has_flows(packet->protocol))
		return 0;
	if (packet->flags != RUDDER_PKT_HAS_PORTS || packet->l3_offset != RUDDER_ETH_BYTES ||
	    packet->l4_offset != RUDDER_ETH_BYTES + (packet->family == 4 ? RUDDER_IPV4_BYTES : RUDDER_IPV6_BYTES))
		return 0;
	if (packet->family == 4)
		return !rudder_is_remarkable4(packet->src_be[0]) && !rudder_is_remarkable4(packet->dst_be[0]);
	return !rudder_is_remarkable6(packet->src_be[0]) && !rudder_is_remarkable6(packet->dst_be[0]);
}
