/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The way out by a routing table of the kernel, asked for each packet.
 */
#pragma once

#include "rudder_match.h"
#include "rudder_way.h"

#define RUDDER_FIB_LOOKUP_TBID (1u << 3) /* BPF_FIB_LOOKUP_TBID, Linux 6.5 and some stable kernels */

#define RUDDER_LOOPBACK_IFINDEX 1 /* in every network namespace: LOOPBACK_IFINDEX, include/net/flow.h */

/* The table's number shares its place with the VLAN of the answer, which headers before 6.5 know by that name only. */
static __always_inline void rudder_set_query_table(struct bpf_fib_lookup *query, __u32 table)
{
	__builtin_memcpy((char *)query + __builtin_offsetof(struct bpf_fib_lookup, smac) - sizeof(table), &table, sizeof(table));
}

/* Ports and TOS choose among equal routes; the kernel hashes fragments without ports as well. */
static __always_inline void rudder_fill_table_query(const struct __sk_buff *skb, const struct rudder_scratch *s,
						    struct bpf_fib_lookup *query)
{
	rudder_fill_query(s, skb->ifindex, query);
	if (s->packet.family == 4)
		query->tos = rudder_get_byte(s->rewritten.ip[0], 1);
	else
		query->flowinfo = s->rewritten.ip[0] & RUDDER_SWAP32(0x0fffffffu);
	if (!(s->packet.flags & RUDDER_PKT_FRAGMENT)) {
		query->sport = RUDDER_SWAP16(s->packet.src_port);
		query->dport = RUDDER_SWAP16(s->packet.dst_port);
	}
	/* With a length, which any packet has, the kernel tells the MTU of the route. */
	query->tot_len = 1;
	rudder_set_query_table(query, s->target.next_hop);
}

/* On return `query` has the gateway where the destination was. */
static __always_inline void rudder_keep_gateway(const struct bpf_fib_lookup *query, struct rudder_scratch *s)
{
	s->way.flags = RUDDER_NH_LINK_UP | (query->family == RUDDER_AF_INET ? RUDDER_NH_GATEWAY4 : RUDDER_NH_GATEWAY6);
	if (query->family == RUDDER_AF_INET)
		s->gateway_be[0] = query->ipv4_dst;
	else
		__builtin_memcpy(s->gateway_be, query->ipv6_dst, 16);
}

/* What the compiler says of other targets: whether their device has an egress hook of ours, and an Ethernet header. */
static __always_inline void rudder_note_device(struct rudder_scratch *s)
{
	const char *blob = rudder_same_blob(s);

	if (!blob)
		return;
	if (rudder_find_hook(blob, blob_bytes, s->way.ifindex, RUDDER_EGRESS))
		s->target.flags |= RUDDER_TARGET_MEETS_HOOK;
	if (rudder_find_hook(blob, blob_bytes, s->way.ifindex, RUDDER_LAYER3_DEVICE))
		s->way.flags |= RUDDER_NH_NO_TAG;
}

static __always_inline __u32 rudder_device_mtu(struct __sk_buff *skb, __u32 ifindex)
{
	__u32 mtu = 1;

	(void)bpf_check_mtu(skb, ifindex, &mtu, 0, 0);
	return mtu;
}

/* The reason behind enum BPF_FIB_LKUP_RET_*. */
static __always_inline int rudder_lookup_reason(long verdict)
{
	return verdict == BPF_FIB_LKUP_RET_FWD_DISABLED ? RUDDER_REASON_FORWARDING_OFF : RUDDER_REASON_NO_ROUTE;
}

/* Asks the table scratch->target.next_hop for the rewritten packet; fills scratch->way. Returns enum rudder_reason. A global
 * function: verified once for all its callers. */
__attribute__((noinline)) int rudder_look_up_table(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct bpf_fib_lookup query = {};
	long verdict;

	if (!s)
		return RUDDER_REASON_BAD_POLICY;
	rudder_fill_table_query(skb, s, &query);
	verdict = bpf_fib_lookup(skb, &query, sizeof(query), BPF_FIB_LOOKUP_DIRECT | RUDDER_FIB_LOOKUP_TBID);
	/* A host that is no router sends what is its own: there the forwarding of its loopback may be switched on alone. */
	if (verdict == BPF_FIB_LKUP_RET_FWD_DISABLED && s->direction == RUDDER_EGRESS) {
		query.ifindex = RUDDER_LOOPBACK_IFINDEX;
		verdict = bpf_fib_lookup(skb, &query, sizeof(query), BPF_FIB_LOOKUP_DIRECT | RUDDER_FIB_LOOKUP_TBID);
	}
	if (verdict != BPF_FIB_LKUP_RET_SUCCESS && verdict != BPF_FIB_LKUP_RET_NO_NEIGH)
		return rudder_lookup_reason(verdict);
	s->way.ifindex = query.ifindex;
	rudder_keep_gateway(&query, s);
	rudder_note_device(s);
	if (verdict == BPF_FIB_LKUP_RET_NO_NEIGH) {
		s->way.mtu = rudder_device_mtu(skb, query.ifindex);
		return RUDDER_REASON_NONE;
	}
	s->way.flags |= RUDDER_NH_MAC_VALID;
	s->way.dst = 0;
	s->way.src = 0;
	__builtin_memcpy(&s->way.dst, query.dmac, 6);
	__builtin_memcpy(&s->way.src, query.smac, 6);
	/* 16 bits of it: the loopback's 65536 comes out as 0. */
	s->way.mtu = query.mtu_result ? query.mtu_result : 0xffff;
	return RUDDER_REASON_NONE;
}

/* What is known of the way of scratch->target before the packet is rewritten. A group that is still one has no member that
 * is up. Returns enum rudder_reason. */
static __always_inline int rudder_find_target_way(struct rudder_scratch *s)
{
	if (s->target.flags & RUDDER_TARGET_GROUP)
		return RUDDER_REASON_NO_MEMBER;
	return s->target.flags & RUDDER_TARGET_TABLE ? RUDDER_REASON_NONE : rudder_find_way(&s->target, &s->way);
}

/* The rest of it, which hangs on the rewritten destination. Returns enum rudder_reason. */
static __always_inline int rudder_find_route(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	return s->target.flags & RUDDER_TARGET_TABLE ? rudder_look_up_table(skb) : RUDDER_REASON_NONE;
}
