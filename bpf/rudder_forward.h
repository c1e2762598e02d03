/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The short way of a steer: only MACs and TTL change, so no checksum but the IPv4 header's does, and plain stores
 * do what the skb store helpers do for several times the price.
 *
 * It is a program of its own, reached by a tail call, because the kernel makes every cloned packet writable at the
 * entry of a program that stores into packets; packets that are not ours must not pay that. What it is to do comes in
 * skb->cb, from a rule's target or from the flow cache. What may have changed since is looked at here, and a packet
 * that cannot go this way, like any whose tail call fails, goes the long one (rudder_act), which can do everything.
 */
#pragma once

#include "rudder_count.h"
#include "rudder_mark.h"
#include "rudder_store.h"
#include "rudder_tag.h"
#include "rudder_verdict.h"
#include "rudder_way.h"

/* Words of skb->cb between the programs. */
#define RUDDER_CB_RULE_SLOT 0
#define RUDDER_CB_TARGET_SLOT 1 /* with RUDDER_FORWARD_TARGET */
#define RUDDER_CB_WAY 2       /* index into the next-hop table | RUDDER_FORWARD_* << 16 */
#define RUDDER_CB_MARK 3      /* with RUDDER_FORWARD_MARKED: the packet's mark as it came */
#define RUDDER_CB_DIRECTION 4 /* enum rudder_direction | RUDDER_CB_UNCACHED */
#define RUDDER_CB_UNCACHED 2u /* the flow cache is not to be asked again */

#define RUDDER_USUAL_FRAME_BYTES (RUDDER_ETH_BYTES + 1500u)

#define RUDDER_FORWARD_TTL 0x00ffu       /* the new TTL or hop limit with RUDDER_FORWARD_SET */
#define RUDDER_FORWARD_SET 0x0100u
#define RUDDER_FORWARD_DECREMENT 0x0200u /* without either it stays */
#define RUDDER_FORWARD_KEPT 0x0400u      /* all this is from the flow cache */
/* 0x0800 is RUDDER_MARK_FRESH */
#define RUDDER_FORWARD_TARGET 0x1000u    /* the target is counted beside the rule */
#define RUDDER_FORWARD_MARKED 0x2000u    /* the packet has a mark */

RUDDER_STATIC_ASSERT(RUDDER_RULE_DECREMENTS << RUDDER_RULE_FORWARD_SHIFT == RUDDER_FORWARD_DECREMENT, "TTL of a rule");
RUDDER_STATIC_ASSERT(RUDDER_CB_UNCACHED == RUDDER_ODD_UNCACHED, "one bit");
RUDDER_STATIC_ASSERT(((RUDDER_ODD_STALE | RUDDER_ODD_UNCACHED | RUDDER_ODD_FRAME | RUDDER_ODD_KEEP) & ~RUDDER_MARK_MASK) == 0 &&
			     ((RUDDER_ODD_STALE | RUDDER_ODD_UNCACHED | RUDDER_ODD_FRAME | RUDDER_ODD_KEEP) & RUDDER_MARK_MAGIC) == 0,
		     "bits that no mark has");
RUDDER_STATIC_ASSERT(RUDDER_FORWARD_MARKED <= 0xffffu, "beside the index of a next hop");
RUDDER_STATIC_ASSERT(RUDDER_RULE_MEETS_HOOK << RUDDER_RULE_FORWARD_SHIFT == RUDDER_MARK_FRESH, "mark of a rule");

static __always_inline int rudder_is_plain_frame(const struct rudder_scratch *s)
{
	return s->packet.l3_offset == RUDDER_ETH_BYTES && !s->is_layer3_hook &&
	       (s->packet.family == 6 || s->packet.ip_header_bytes == RUDDER_IPV4_BYTES);
}

static __always_inline __u32 rudder_forward_how(const struct rudder_target *target, __u32 direction)
{
	__u32 how = rudder_fresh_mark(target->flags);

	if (target->ttl_mode == RUDDER_TTL_SET)
		return how | RUDDER_FORWARD_SET | target->ttl;
	if (target->ttl_mode == RUDDER_TTL_KEEP || direction == RUDDER_EGRESS)
		return how;
	return how | RUDDER_FORWARD_DECREMENT;
}

/* Says what rudder_forward is to do. `mark`: of the packet as it came. */
static __always_inline void rudder_order_forward(struct __sk_buff *skb, __u32 next_hop, __u32 how, __u32 mark)
{
	if (mark) {
		skb->cb[RUDDER_CB_MARK] = mark;
		how |= RUDDER_FORWARD_MARKED;
	}
	skb->cb[RUDDER_CB_WAY] = (next_hop & 0xffff) | how << 16;
}

/* ---- the program ------------------------------------------------------------------------------- */

/* Can the way be taken as it is now, by this packet? */
static __always_inline int rudder_is_way_open(const struct __sk_buff *skb, const struct rudder_way *way)
{
	if ((way->flags & (RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID | RUDDER_NH_LAYER3 | RUDDER_NH_UNREACHABLE)) !=
	    (RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID))
		return 0;
	if (skb->cb[RUDDER_CB_DIRECTION] & RUDDER_EGRESS && way->ifindex == skb->ifindex)
		return 0;
	return skb->len - RUDDER_ETH_BYTES <= way->mtu;
}

/* Nonzero if rudder_forward would find the way open now. A global function: its branches would double what the verifier
 * follows in rudder_classify. */
__attribute__((noinline)) int rudder_can_forward(struct __sk_buff *skb, __u32 next_hop)
{
	struct rudder_way way;

	return rudder_read_way(next_hop, &way) == RUDDER_REASON_NONE && rudder_is_way_open(skb, &way);
}

/* Returns enum rudder_reason. `ip`: all of the header. */
static __always_inline int rudder_forward_ipv4(__u8 *ip, __u32 how)
{
	__u32 word = rudder_load32_be(ip + 8), after = word;
	__u64 sum = word;

	if (how & RUDDER_FORWARD_DECREMENT) {
		if (rudder_get_byte(word, 0) <= 1)
			return RUDDER_REASON_TTL_EXPIRED;
		after = rudder_ttl_word_less_one(word);
	} else if (how & RUDDER_FORWARD_SET) {
		after = rudder_ttl_word_with(word, (__u8)how);
	}
	for (int i = 0; i < 5; i++)
		sum += i == 2 ? 0 : rudder_load32_be(ip + i * 4);
	if (!rudder_is_header_sum_good(sum))
		return RUDDER_REASON_MALFORMED;
	rudder_store32_be(ip + 8, after);
	return RUDDER_REASON_NONE;
}

/* Returns enum rudder_reason. No checksum covers the hop limit, but the kernel's sum of a CHECKSUM_COMPLETE packet does. */
static __always_inline int rudder_forward_ipv6(struct __sk_buff *skb, __u8 *ip, const __u8 *end, __u32 how)
{
	__u32 before, after;
	__u8 hop_limit;

	if (ip + RUDDER_IPV6_BYTES > end)
		return RUDDER_REASON_SHORT;
	before = rudder_load32_be(ip + 4);
	hop_limit = rudder_get_byte(before, 3);
	if (how & RUDDER_FORWARD_DECREMENT) {
		if (hop_limit <= 1)
			return RUDDER_REASON_TTL_EXPIRED;
		hop_limit--;
	} else if (how & RUDDER_FORWARD_SET) {
		hop_limit = (__u8)how;
	}
	after = rudder_set_byte(before, 3, hop_limit);
	rudder_store32_be(ip + 4, after);
	bpf_csum_update(skb, rudder_sum_fold32(rudder_sum_replace(before, after)));
	return RUDDER_REASON_NONE;
}

/* Changes the packet. Returns enum rudder_reason: unless RUDDER_REASON_NONE, it is as it was. */
static __always_inline int rudder_change_forward(struct __sk_buff *skb, const struct rudder_way *way)
{
	__u8 *data = (__u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	__u32 how = skb->cb[RUDDER_CB_WAY] >> 16;
	int reason;

	if (data + RUDDER_ETH_BYTES + RUDDER_IPV4_BYTES > end)
		return RUDDER_REASON_SHORT;
	if (rudder_load16_be(data + 12) == RUDDER_SWAP16(RUDDER_ETHERTYPE_IPV4))
		reason = rudder_forward_ipv4(data + RUDDER_ETH_BYTES, how);
	else
		reason = rudder_forward_ipv6(skb, data + RUDDER_ETH_BYTES, end, how);
	if (reason != RUDDER_REASON_NONE)
		return reason;
	/* The kernel soon loads the first eight bytes at once, and would wait for two stores of four. */
	rudder_store64_be(data, rudder_first_of_macs(way->dst, way->src));
	rudder_store32_be(data + 8, rudder_rest_of_macs(way->src));
	return RUDDER_REASON_NONE;
}

/* A packet of which only the flow is known, for the classifier. */
static __always_inline int rudder_leave_cache(struct __sk_buff *skb)
{
	skb->cb[RUDDER_CB_DIRECTION] |= RUDDER_CB_UNCACHED;
	bpf_tail_call(skb, &stages, RUDDER_STAGE_CLASSIFY);
	return RUDDER_NEXT;
}

/* Gives the packet back: to the rule it matched, if that is known. */
static __always_inline int rudder_turn_down(struct __sk_buff *skb)
{
	struct rudder_scratch *s;

	if (skb->cb[RUDDER_CB_WAY] >> 16 & RUDDER_FORWARD_KEPT)
		return rudder_leave_cache(skb);
	s = rudder_get_scratch();
	if (s)
		s->is_long_way = 1;
	bpf_tail_call(skb, &stages, RUDDER_STAGE_ACT);
	return RUDDER_NEXT;
}

/* Counts the target, and gives the packet its next mark, where either takes more than most packets need. */
static __always_inline void rudder_finish_unusual(struct __sk_buff *skb, __u32 how)
{
	__u32 mark = how & RUDDER_FORWARD_MARKED ? skb->cb[RUDDER_CB_MARK] : 0;

	if (how & RUDDER_FORWARD_TARGET)
		rudder_count_traffic(skb->cb[RUDDER_CB_TARGET_SLOT], skb->len);
	skb->tc_index = (__u16)rudder_next_mark(mark, how & RUDDER_MARK_FRESH);
}

/* Does what skb->cb says. Returns the verdict. */
static __always_inline int rudder_forward_packet(struct __sk_buff *skb)
{
	__u32 index = skb->cb[RUDDER_CB_WAY] & 0xffff, how;
	struct rudder_way way;
	int reason;

	if (rudder_read_way(index, &way) != RUDDER_REASON_NONE || !rudder_is_way_open(skb, &way))
		return rudder_turn_down(skb);
	reason = rudder_change_forward(skb, &way);
	if (reason == RUDDER_REASON_MALFORMED) {
		rudder_count_failure(skb->cb[RUDDER_CB_RULE_SLOT], reason);
		return RUDDER_NEXT;
	}
	if (reason != RUDDER_REASON_NONE)
		return rudder_turn_down(skb);
	rudder_add_traffic(skb->cb[RUDDER_CB_RULE_SLOT], skb->len);
	RUDDER_OPAQUE(skb); /* loads it once more: cheaper than to keep it */
	how = skb->cb[RUDDER_CB_WAY] >> 16;
	if (how & (RUDDER_FORWARD_TARGET | RUDDER_FORWARD_MARKED))
		rudder_finish_unusual(skb, how);
	else
		skb->tc_index = (__u16)(RUDDER_MARK_MAGIC | (how & RUDDER_MARK_FRESH));
	return (int)bpf_redirect(way.ifindex, 0);
}
