/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The way out: a next-hop slot as one packet sees it, and the MAC addresses it leads to.
 */
#pragma once

#include "rudder_tag.h"

#define RUDDER_AF_INET 2
#define RUDDER_AF_INET6 10

/* How the link-layer header comes about. */
enum rudder_link_mode {
	RUDDER_LINK_KEEP = 0,      /* as it is; a layer-3 device gets none */
	RUDDER_LINK_MAC = 1,       /* both MACs are known */
	RUDDER_LINK_RESOLVE = 2,   /* ask the FIB for the packet's destination */
	RUDDER_LINK_NEIGHBOUR = 3, /* the kernel resolves (and queues) after the program */
	RUDDER_LINK_UNKNOWN = 4,
};

static __always_inline __u32 rudder_next_hop_flags(__u64 dst)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u32)(dst >> 48);
#else
	return (__u32)(dst & 0xffff);
#endif
}

/* Reads a slot of the next-hop table. Returns enum rudder_reason. */
static __always_inline int rudder_read_way(__u32 index, struct rudder_way *way)
{
	const struct rudder_next_hop *slot = bpf_map_lookup_elem(&next_hops, &index);

	if (!slot)
		return RUDDER_REASON_BAD_POLICY;
	way->dst = *(const volatile __u64 *)&slot->dst;
	way->src = *(const volatile __u64 *)&slot->src;
	way->ifindex = slot->ifindex;
	way->mtu = *(const volatile __u32 *)&slot->mtu;
	way->flags = rudder_next_hop_flags(way->dst);
	return way->ifindex ? RUDDER_REASON_NONE : RUDDER_REASON_NO_DEVICE;
}

/* The way of a target that is no group. Returns enum rudder_reason. */
static __always_inline int rudder_find_way(const struct rudder_target *target, struct rudder_way *way)
{
	if (target->flags & RUDDER_TARGET_DEFERRED)
		return target->next_hop == RUDDER_REASON_NO_ADDRESS ? RUDDER_REASON_NO_ADDRESS : RUDDER_REASON_NO_DEVICE;
	return rudder_read_way(target->next_hop, way);
}

/* Does what a GSO packet will be cut into exceed the MTU? TCP by its own header; for the rest (UDP, tunnels) the kernel
 * knows more, unless it has not seen the transport header. */
static __always_inline int rudder_is_segment_too_big(struct __sk_buff *skb, const struct rudder_packet *packet,
						     const struct rudder_way *way)
{
	__u32 headers = packet->l4_offset ? packet->l4_offset - packet->l3_offset : packet->ip_header_bytes;
	__u32 mtu_bytes = 0;
	__u8 offset = 0x50;
	long verdict;

	if (packet->protocol == RUDDER_IP_TCP && packet->l4_offset) {
		bpf_skb_load_bytes(skb, packet->l4_offset + 12, &offset, 1);
		return skb->gso_size + headers + (__u32)(offset >> 4) * 4 > way->mtu;
	}
	verdict = bpf_check_mtu(skb, way->ifindex, &mtu_bytes, 0, BPF_MTU_CHK_SEGS);
	if (verdict < 0)
		return skb->gso_size + headers + 8 > way->mtu;
	return verdict != BPF_MTU_CHK_RET_SUCCESS;
}

/* By the length at the hook: skb->len may have grown by an Ethernet header since. */
static __always_inline int rudder_is_too_big(struct __sk_buff *skb, const struct rudder_scratch *s,
					     const struct rudder_way *way)
{
	if (s->frame_bytes - s->packet.l3_offset <= way->mtu)
		return 0;
	return !skb->gso_size || rudder_is_segment_too_big(skb, &s->packet, way);
}

/* Can this device take packets now? Returns enum rudder_reason. */
static __always_inline int rudder_check_device(struct __sk_buff *skb, const struct rudder_scratch *s,
					       const struct rudder_way *way)
{
	if (!(way->flags & RUDDER_NH_LINK_UP))
		return RUDDER_REASON_LINK_DOWN;
	if (way->flags & RUDDER_NH_UNREACHABLE)
		return RUDDER_REASON_NO_ROUTE;
	/* A tag beside the frame would end up inside the IP header there. */
	if (way->flags & (RUDDER_NH_LAYER3 | RUDDER_NH_NO_TAG) && rudder_leaves_tagged(skb, s))
		return RUDDER_REASON_NOT_WRITABLE;
	return RUDDER_REASON_NONE;
}

/* Can it take this packet? */
static __always_inline int rudder_check_way(struct __sk_buff *skb, struct rudder_scratch *s,
					    const struct rudder_way *way)
{
	int reason = rudder_check_device(skb, s, way);

	if (reason != RUDDER_REASON_NONE || !rudder_is_too_big(skb, s, way))
		return reason;
	if (!s->answer_mtu || way->mtu < s->answer_mtu)
		s->answer_mtu = way->mtu;
	return RUDDER_REASON_TOO_BIG;
}

/* The gateway of scratch->way. */
static __always_inline void rudder_copy_gateway(const struct rudder_scratch *s, __u32 *gateway_be)
{
	__u32 index = s->target.next_hop;
	const struct rudder_next_hop *slot;

	if (s->target.flags & RUDDER_TARGET_TABLE) {
		__builtin_memcpy(gateway_be, s->gateway_be, 16);
		return;
	}
	slot = bpf_map_lookup_elem(&next_hops, &index);
	if (slot)
		__builtin_memcpy(gateway_be, slot->gateway_be, 16);
}

/* ---- MAC addresses ----------------------------------------------------------------------------- */

/* The first six bytes in memory of a word, for comparison. */
static __always_inline __u64 rudder_mac_of(__u64 word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word << 16;
#else
	return word >> 16;
#endif
}

/* Two MACs, each in the first six bytes of its word, one behind the other: the first eight bytes of that, and the last four, as
 * they lie in memory. */
static __always_inline __u64 rudder_first_of_macs(__u64 dst, __u64 src)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (dst & 0x0000ffffffffffffull) | src << 48;
#else
	return (dst & 0xffffffffffff0000ull) | src >> 48;
#endif
}

static __always_inline __u32 rudder_rest_of_macs(__u64 src)
{
	return (__u32)(src >> 16);
}

static __always_inline void rudder_set_macs(__u32 *macs, __u64 dst, __u64 src)
{
	__u64 first = rudder_first_of_macs(dst, src);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	macs[0] = (__u32)first;
	macs[1] = (__u32)(first >> 32);
#else
	macs[0] = (__u32)(first >> 32);
	macs[1] = (__u32)first;
#endif
	macs[2] = rudder_rest_of_macs(src);
}

/* The group MAC of a multicast destination, in the layout of rudder_next_hop.dst. *Source*: RFC 1112, RFC 2464. */
static __always_inline __u64 rudder_group_mac(__u8 family, const __u32 *ip)
{
	__u8 mac[8] = { 0x33, 0x33, 0, 0, 0, 0, 0, 0 };
	__u32 last = family == 4 ? ip[4] : ip[9];
	__u64 result;

	__builtin_memcpy(mac + 2, &last, 4);
	if (family == 4) {
		mac[0] = 0x01;
		mac[1] = 0x00;
		mac[2] = 0x5e;
		mac[3] &= 0x7f;
	}
	__builtin_memcpy(&result, mac, sizeof(result));
	return result;
}

static __always_inline int rudder_is_rewritten_multicast(__u8 family, const __u32 *ip)
{
	return family == 4 ? rudder_is_multicast4(ip[4]) : rudder_is_multicast6(ip + 6);
}

/* Decides how the link-layer header comes about and fills scratch->macs for RUDDER_LINK_MAC. */
static __always_inline enum rudder_link_mode rudder_choose_link(struct rudder_scratch *s, const struct rudder_way *way)
{
	__u8 family = s->packet.family;

	if (way->flags & RUDDER_NH_LAYER3)
		return RUDDER_LINK_KEEP;
	if (way->flags & RUDDER_NH_MAC_VALID) {
		rudder_set_macs(s->macs, way->dst, way->src);
		return RUDDER_LINK_MAC;
	}
	if (rudder_is_rewritten_multicast(family, s->rewritten.ip)) {
		rudder_set_macs(s->macs, rudder_group_mac(family, s->rewritten.ip), way->src);
		return RUDDER_LINK_MAC;
	}
	rudder_set_macs(s->macs, 0, way->src);
	return way->flags & RUDDER_NH_BY_PACKET ? RUDDER_LINK_RESOLVE : RUDDER_LINK_UNKNOWN;
}

static __always_inline void rudder_fill_query(const struct rudder_scratch *s, __u32 ifindex, struct bpf_fib_lookup *query)
{
	query->ifindex = ifindex;
	query->l4_protocol = s->packet.protocol;
	if (s->packet.family == 4) {
		query->family = RUDDER_AF_INET;
		query->ipv4_src = s->rewritten.ip[3];
		query->ipv4_dst = s->rewritten.ip[4];
	} else {
		query->family = RUDDER_AF_INET6;
		__builtin_memcpy(query->ipv6_src, &s->rewritten.ip[2], 16);
		__builtin_memcpy(query->ipv6_dst, &s->rewritten.ip[6], 16);
	}
}

/* The MAC of the next hop towards the rewritten destination, out of the target's device. Needs no state but the
 * scratch memory. Returns enum rudder_reason. A global function: verified once for all its callers. */
__attribute__((noinline)) int rudder_resolve(struct __sk_buff *skb, __u32 ifindex)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct bpf_fib_lookup query = {};
	long verdict;

	if (!s)
		return RUDDER_REASON_BAD_POLICY;
	rudder_fill_query(s, ifindex, &query);
	verdict = bpf_fib_lookup(skb, &query, sizeof(query), BPF_FIB_LOOKUP_OUTPUT);
	if (verdict == BPF_FIB_LKUP_RET_NO_NEIGH)
		return RUDDER_REASON_NO_NEIGHBOUR;
	if (verdict != BPF_FIB_LKUP_RET_SUCCESS || query.ifindex != ifindex)
		return RUDDER_REASON_NO_ROUTE;
	__builtin_memcpy(s->macs, query.dmac, 6);
	return RUDDER_REASON_NONE;
}
