/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Steer and replicate. Global functions work on the target in scratch memory, so that the verifier looks at them
 * once and not once for each of up to RUDDER_MAX_TARGETS targets.
 */
#pragma once

#include "rudder_count.h"
#include "rudder_cut.h"
#include "rudder_limit.h"
#include "rudder_mark.h"
#include "rudder_nest.h"
#include "rudder_route.h"
#include "rudder_store.h"
#include "rudder_tag.h"
#include "rudder_verdict.h"
#include "rudder_way.h"

/* ---- steer ------------------------------------------------------------------------------------- */

/* The kernel resolves after the program; the destination MAC must not look like a group's then. */
static __always_inline long rudder_redirect_neighbour(const struct rudder_scratch *s)
{
	struct bpf_redir_neigh params = {};

	if (!(s->way.flags & (RUDDER_NH_GATEWAY4 | RUDDER_NH_GATEWAY6)))
		return bpf_redirect_neigh(s->way.ifindex, NULL, 0, 0);
	params.nh_family = s->way.flags & RUDDER_NH_GATEWAY4 ? RUDDER_AF_INET : RUDDER_AF_INET6;
	rudder_copy_gateway(s, params.ipv6_nh);
	return bpf_redirect_neigh(s->way.ifindex, &params, sizeof(params), 0);
}

/* The packet leaves by the device whose egress hook this is: no redirect, that would come back here. */
static __always_inline int rudder_steer_in_place(struct __sk_buff *skb, struct rudder_scratch *s,
						 const struct rudder_way *way)
{
	enum rudder_link_mode link = rudder_choose_link(s, way);
	int reason;

	if (s->is_layer3_hook && s->target.flags & RUDDER_REWRITE_VLAN)
		return RUDDER_REASON_NOT_WRITABLE;
	if (link == RUDDER_LINK_RESOLVE) {
		link = RUDDER_LINK_KEEP;
		if (s->target.flags & RUDDER_REWRITE_DST_IP) {
			reason = rudder_resolve(skb, way->ifindex);
			if (reason != RUDDER_REASON_NONE)
				return reason;
			link = RUDDER_LINK_MAC;
		}
	}
	if (link == RUDDER_LINK_UNKNOWN)
		return RUDDER_REASON_NO_NEIGHBOUR;
	return rudder_store_packet(skb, s, link == RUDDER_LINK_MAC);
}

/* A route of the kernel's tables leads out of the hook's own device, to a gateway nobody has asked for yet. The kernel
 * asks and keeps the packet; when it comes by here again its headers are right, and its mark says so. */
static __always_inline int rudder_must_queue(const struct rudder_scratch *s, const struct rudder_way *way)
{
	return s->target.flags & RUDDER_TARGET_TABLE && !(way->flags & RUDDER_NH_MAC_VALID);
}

/* Rewrites for another device. `*neighbour`: the kernel has to resolve. */
static __always_inline int rudder_steer_away(struct __sk_buff *skb, struct rudder_scratch *s, const struct rudder_way *way,
					     int *neighbour)
{
	enum rudder_link_mode link = rudder_choose_link(s, way);
	int with_ethernet = link == RUDDER_LINK_MAC;
	int reason = rudder_check_way(skb, s, way);

	if (reason != RUDDER_REASON_NONE)
		return reason;
	*neighbour = link == RUDDER_LINK_RESOLVE || link == RUDDER_LINK_UNKNOWN;
	if (*neighbour) {
		/* The kernel takes exactly an Ethernet header off before it resolves. */
		if (rudder_leaves_with_tag_inside(s))
			return RUDDER_REASON_NO_NEIGHBOUR;
		with_ethernet = s->is_layer3_hook || rudder_get_byte(s->original.macs[0], 0) & 1;
	}
	if (s->is_layer3_hook && link != RUDDER_LINK_KEEP) {
		reason = rudder_add_header(skb, s);
		if (reason != RUDDER_REASON_NONE)
			return reason;
	}
	return rudder_store_packet(skb, s, with_ethernet);
}

static __always_inline int rudder_needs_transport(const struct rudder_target *target)
{
	return target->flags & (RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP | RUDDER_REWRITE_DST_PORT |
				RUDDER_REWRITE_SRC_PORT);
}

/* The last thing done to a packet that is steered, whose headers are rewritten already. Returns 0 on success. */
static __always_inline int rudder_steer_tag(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	struct rudder_tag before;

	if (!(s->target.flags & RUDDER_RETAGS))
		return 0;
	rudder_read_tag(skb, &before);
	if (!rudder_retag(skb, s, &before))
		return 0;
	rudder_count_reason(RUDDER_REASON_NOT_WRITABLE);
	return -1;
}

/* Sends the packet by scratch->target. Returns the verdict, or -1 - reason when it was left as it was. */
__attribute__((noinline)) int rudder_steer(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	int reason, neighbour = 0;

	if (!s)
		return RUDDER_NEXT;
	reason = rudder_find_target_way(s);
	if (reason == RUDDER_REASON_NONE && s->target.flags & RUDDER_RETAGS)
		reason = rudder_lift_tag(skb, s);
	if (reason == RUDDER_REASON_NONE && rudder_needs_transport(&s->target))
		reason = rudder_save_transport(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_rewrite_compute(&s->original, &s->packet, &s->target, s->direction, &s->rewritten);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_find_route(skb, s);
	if (reason != RUDDER_REASON_NONE)
		return -1 - reason;
	if (s->direction == RUDDER_EGRESS && s->way.ifindex == skb->ifindex && !rudder_must_queue(s, &s->way)) {
		reason = rudder_steer_in_place(skb, s, &s->way);
		if (reason != RUDDER_REASON_NONE)
			return -1 - reason;
		if (rudder_steer_tag(skb, s))
			return RUDDER_DROP;
		rudder_count_traffic(s->target.counter_slot, s->frame_bytes);
		return RUDDER_NEXT;
	}
	reason = rudder_steer_away(skb, s, &s->way, &neighbour);
	if (reason != RUDDER_REASON_NONE)
		return -1 - reason;
	if (rudder_steer_tag(skb, s))
		return RUDDER_DROP;
	rudder_count_traffic(s->target.counter_slot, s->frame_bytes);
	skb->tc_index = (__u16)rudder_next_mark(s->mark, rudder_fresh_mark(s->target.flags));
	return neighbour ? (int)rudder_redirect_neighbour(s) : (int)bpf_redirect(s->way.ifindex, 0);
}

#define RUDDER_XMIT_CN 2 /* NET_XMIT_CN, include/linux/netdevice.h */

/* ---- replicate --------------------------------------------------------------------------------- */

static __always_inline int rudder_choose_copy_link(struct __sk_buff *skb, struct rudder_scratch *s,
						   const struct rudder_way *way, int *with_ethernet)
{
	enum rudder_link_mode link = rudder_choose_link(s, way);

	*with_ethernet = link != RUDDER_LINK_KEEP;
	if (link == RUDDER_LINK_UNKNOWN)
		return RUDDER_REASON_NO_NEIGHBOUR;
	return link == RUDDER_LINK_RESOLVE ? rudder_resolve(skb, way->ifindex) : RUDDER_REASON_NONE;
}

/* Clones the packet as it is now out of a device, with the mark of a copy. */
static __always_inline int rudder_clone(struct __sk_buff *skb, struct rudder_scratch *s, __u32 ifindex)
{
	__u16 before = (__u16)skb->tc_index;
	__u32 depth = s->depth;
	long error;

	skb->tc_index = (__u16)rudder_next_mark(s->mark, RUDDER_MARK_COPY | rudder_fresh_mark(s->target.flags));
	s->is_cloning = 1;
	error = bpf_clone_redirect(skb, ifindex, 0);
	rudder_take_back(depth);
	skb->tc_index = before;
	/* NET_XMIT_CN: the queue is filling, but took it. */
	return error && error != RUDDER_XMIT_CN ? RUDDER_REASON_CLONE_FAILED : RUDDER_REASON_NONE;
}

/* As rudder_clone, with the tag that scratch->target wants. */
static __always_inline int rudder_clone_retagged(struct __sk_buff *skb, struct rudder_scratch *s)
{
	struct rudder_tag before;
	int reason;

	rudder_read_tag(skb, &before);
	s->is_tag_lost = rudder_retag(skb, s, &before) != 0;
	if (s->is_tag_lost)
		return RUDDER_REASON_NOT_WRITABLE;
	reason = rudder_clone(skb, s, s->way.ifindex);
	s->is_tag_lost = rudder_put_tag_back(skb, s, &before) != 0;
	return reason;
}

/* Before anything is done for a copy: can its tag be rewritten, and the original's put back? Returns enum rudder_reason. */
static __always_inline int rudder_prepare_tag(struct __sk_buff *skb, struct rudder_scratch *s)
{
	int reason = RUDDER_REASON_NONE;

	if (s->is_tag_lost)
		return RUDDER_REASON_NOT_WRITABLE;
	if (s->target.flags & RUDDER_RETAGS)
		reason = rudder_lift_tag(skb, s);
	if (reason == RUDDER_REASON_NONE && s->target.flags & RUDDER_RETAGS && rudder_cannot_put_tag_back(s))
		reason = RUDDER_REASON_NOT_WRITABLE;
	return reason;
}

static __always_inline int rudder_send_copy(struct __sk_buff *skb, struct rudder_scratch *s)
{
	int reason, with_ethernet = 0;

	reason = rudder_find_target_way(s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_prepare_tag(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_rewrite_compute(&s->original, &s->packet, &s->target, s->direction, &s->rewritten);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_find_route(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_check_way(skb, s, &s->way);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_choose_copy_link(skb, s, &s->way, &with_ethernet);
	if (reason == RUDDER_REASON_NONE && with_ethernet && s->is_layer3_hook)
		reason = s->is_original_passing ? RUDDER_REASON_NOT_WRITABLE : rudder_add_header(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_rewind_transport(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_store_packet(skb, s, with_ethernet);
	if (reason != RUDDER_REASON_NONE)
		return reason;
	return s->target.flags & RUDDER_RETAGS ? rudder_clone_retagged(skb, s) : rudder_clone(skb, s, s->way.ifindex);
}

static __always_inline int rudder_count_copy(const struct rudder_scratch *s, int reason)
{
	if (reason == RUDDER_REASON_NONE)
		rudder_count_traffic(s->target.counter_slot, s->frame_bytes);
	else if (reason != RUDDER_LEFT_OUT)
		rudder_count_failure(s->target.counter_slot, reason);
	return reason;
}

/* Sends one copy by scratch->target and counts what became of it. Returns enum rudder_reason or RUDDER_LEFT_OUT. */
__attribute__((noinline)) int rudder_copy(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	int reason;

	if (!s)
		return RUDDER_REASON_BAD_POLICY;
	reason = rudder_wants_copy(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_send_copy(skb, s);
	return rudder_count_copy(s, reason);
}

/* Puts the original's headers back after the last copy. */
__attribute__((noinline)) int rudder_restore(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	int reason;

	if (!s)
		return RUDDER_REASON_BAD_POLICY;
	reason = s->is_tag_lost ? RUDDER_REASON_NOT_WRITABLE : rudder_restore_transport(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_store_ip(skb, s, s->original.ip);
	if (reason == RUDDER_REASON_NONE && !s->is_layer3_hook)
		reason = rudder_store_ethernet(skb, s, s->original.macs);
	return reason;
}

/* ---- mirror ------------------------------------------------------------------------------------ */

/* Clones the packet out of a device whose egress hook cuts the clone to scratch->cut_bytes. A hook that is not there, or
 * that did not get it, is no success: whoever listens may have seen more. */
static __always_inline int rudder_clone_cut(struct __sk_buff *skb, struct rudder_scratch *s, __u32 ifindex)
{
	int reason, is_at_hook;

	s->cut_ifindex = ifindex;
	reason = rudder_clone(skb, s, ifindex);
	is_at_hook = !s->cut_ifindex;
	s->cut_ifindex = 0;
	if (s->is_cut || (reason != RUDDER_REASON_NONE && !is_at_hook))
		return reason;
	return RUDDER_REASON_NOT_WRITABLE;
}

/* The frame as it is, or the head of it. A device gets no copies of packets that are on it already. */
static __always_inline int rudder_send_mirrored(struct __sk_buff *skb, struct rudder_scratch *s)
{
	struct rudder_way way;
	int reason = rudder_find_way(&s->target, &way);

	if (reason != RUDDER_REASON_NONE)
		return reason;
	if (way.ifindex == skb->ifindex)
		return RUDDER_LEFT_OUT;
	/* There is no link-layer header to send, and one put before the original could not be taken off again. */
	if (s->is_layer3_hook && !(way.flags & RUDDER_NH_LAYER3))
		return RUDDER_REASON_NOT_WRITABLE;
	if (s->target.snap) {
		rudder_plan_cut(skb, s, &way);
		reason = rudder_check_cut(skb, s, &way);
		return reason == RUDDER_REASON_NONE ? rudder_clone_cut(skb, s, way.ifindex) : reason;
	}
	reason = rudder_check_way(skb, s, &way);
	return reason == RUDDER_REASON_NONE ? rudder_clone(skb, s, way.ifindex) : reason;
}

/* As rudder_copy, but unmodified. */
__attribute__((noinline)) int rudder_mirror(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	int reason;

	if (!s)
		return RUDDER_REASON_BAD_POLICY;
	reason = rudder_wants_copy(skb, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_send_mirrored(skb, s);
	return rudder_count_copy(s, reason);
}
