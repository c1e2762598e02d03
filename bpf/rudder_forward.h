/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The short way of a steer: only MACs and TTL change, so no checksum but the IPv4 header's does, and plain stores
 * do what the skb store helpers do for several times the price.
 *
 * It is a program of its own, reached by a tail call, because the kernel makes every cloned packet writable at the
 * entry of a program that stores into packets; packets that are not ours must not pay that. rudder_prepare_forward
 * decides from the parsed packet alone; what it turns down, and any packet if the tail call fails, goes the long
 * way (rudder_steer), which can do everything.
 */
#pragma once

#include "rudder_count.h"
#include "rudder_mark.h"
#include "rudder_store.h"
#include "rudder_tag.h"
#include "rudder_verdict.h"
#include "rudder_way.h"

/* Addresses, ports, DSCP and VLAN stay, the device exists and is known. */
#define RUDDER_NOT_PLAIN (RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP | RUDDER_REWRITE_DST_PORT | \
			  RUDDER_REWRITE_SRC_PORT | RUDDER_REWRITE_DSCP | RUDDER_RETAGS | RUDDER_TARGET_DEFERRED | \
			  RUDDER_TARGET_TABLE)

static __always_inline int rudder_is_plain_frame(const struct rudder_scratch *s)
{
	return s->packet.l3_offset == RUDDER_ETH_BYTES && !s->is_layer3_hook &&
	       (s->packet.family == 6 || s->packet.ip_header_bytes == RUDDER_IPV4_BYTES);
}

/* Fills scratch->forward. Returns nonzero if the packet can go the short way. */
static __always_inline int rudder_prepare_forward(struct __sk_buff *skb, struct rudder_scratch *s,
						  const struct rudder_rule *rule, const struct rudder_target *target)
{
	struct rudder_forward *forward = &s->forward;
	struct rudder_way way;
	int ttl;

	if (target->flags & RUDDER_NOT_PLAIN || !rudder_is_plain_frame(s) || rudder_find_way(target, &way))
		return 0;
	if ((way.flags & (RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID | RUDDER_NH_LAYER3 | RUDDER_NH_UNREACHABLE)) !=
	    (RUDDER_NH_LINK_UP | RUDDER_NH_MAC_VALID))
		return 0;
	if (s->direction == RUDDER_EGRESS && way.ifindex == skb->ifindex)
		return 0;
	ttl = rudder_new_ttl(&s->packet, target, s->direction);
	if (ttl < 0 || s->frame_bytes - RUDDER_ETH_BYTES > way.mtu)
		return 0;
	rudder_set_macs(s->macs, way.dst, way.src);
	forward->ifindex = way.ifindex;
	forward->ttl = (__u16)ttl;
	forward->rule_slot = rule->counter_slot;
	forward->target_slot = target->counter_slot;
	forward->mark = (__u16)rudder_next_mark(s->mark, rudder_fresh_mark(target->flags));
	return 1;
}

/* The word of TTL, protocol and checksum with another TTL. *Source*: RFC 1624, equation 3. */
static __always_inline __u32 rudder_forward_ttl_word(__u32 word_be, __u8 ttl)
{
	__u32 changed_be = rudder_set_byte(word_be, 0, ttl);
	__u32 sum = (rudder_second_half(word_be) ^ 0xffffu) + (rudder_first_half(word_be) ^ 0xffffu) +
		    rudder_first_half(changed_be);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return rudder_set_second_half(changed_be, (__u16)~sum);
}

static __always_inline int rudder_forward_ipv4(__u8 *ip, const __u8 *end, __u8 ttl)
{
	__u64 sum = 0;

	if (ip + RUDDER_IPV4_BYTES > end)
		return RUDDER_REASON_SHORT;
	for (int i = 0; i < 5; i++)
		sum += rudder_load32_be(ip + i * 4);
	if (!rudder_is_header_sum_good(sum))
		return RUDDER_REASON_MALFORMED;
	rudder_store32_be(ip + 8, rudder_forward_ttl_word(rudder_load32_be(ip + 8), ttl));
	return RUDDER_REASON_NONE;
}

/* No checksum covers the hop limit, but the kernel's sum of a CHECKSUM_COMPLETE packet does. */
static __always_inline int rudder_forward_ipv6(struct __sk_buff *skb, __u8 *ip, const __u8 *end, __u8 ttl)
{
	__u32 before, after;

	if (ip + RUDDER_IPV6_BYTES > end)
		return RUDDER_REASON_SHORT;
	before = rudder_load32_be(ip + 4);
	after = rudder_set_byte(before, 3, ttl);
	rudder_store32_be(ip + 4, after);
	bpf_csum_update(skb, rudder_sum_fold32(rudder_sum_replace(before, after)));
	return RUDDER_REASON_NONE;
}

/* Sends a packet that rudder_prepare_forward agreed to. Returns the verdict. */
static __always_inline int rudder_forward_packet(struct __sk_buff *skb, struct rudder_scratch *s)
{
	__u8 *data = (__u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	int reason;

	if (s->packet.family == 4)
		reason = rudder_forward_ipv4(data + RUDDER_ETH_BYTES, end, (__u8)s->forward.ttl);
	else
		reason = rudder_forward_ipv6(skb, data + RUDDER_ETH_BYTES, end, (__u8)s->forward.ttl);
	if (reason != RUDDER_REASON_NONE) {
		rudder_count_failure(s->forward.rule_slot, reason);
		return RUDDER_NEXT;
	}
	for (int i = 0; i < 3; i++)
		rudder_store32_be(data + i * 4, s->macs[i]);
	rudder_add_traffic(s->forward.rule_slot, s->frame_bytes);
	if (s->forward.target_slot != RUDDER_NO_SLOT)
		rudder_add_traffic(s->forward.target_slot, s->frame_bytes);
	skb->tc_index = s->forward.mark;
	return (int)bpf_redirect(s->forward.ifindex, 0);
}
