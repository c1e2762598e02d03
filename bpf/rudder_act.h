/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What becomes of a packet that a rule matched: limits, targets and members, copies, the verdict and what is counted.
 */
#pragma once

#include "rudder_answer.h"
#include "rudder_flow_cache.h"
#include "rudder_forward.h"
#include "rudder_group.h"
#include "rudder_limit.h"
#include "rudder_mark.h"
#include "rudder_send.h"

static __always_inline const struct rudder_target *rudder_target_at(const char *blob, __u32 index)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u64 at = header->target_offset + (__u64)index * sizeof(struct rudder_target);

	RUDDER_OPAQUE(at);
	return at > blob_bytes - sizeof(struct rudder_target) ? NULL : (const struct rudder_target *)(blob + at);
}

/* The index of the target that this packet takes of target `index`: itself or, of a group, that of a member. Negative when no
 * member is up: the group's own counts it. */
static __always_inline __s64 rudder_taken_target(const char *blob, __u32 index)
{
	const struct rudder_target *target = rudder_target_at(blob, index);
	int member;

	if (!target || !(target->flags & RUDDER_TARGET_GROUP))
		return index;
	member = rudder_choose_member(target->next_hop, target->hash_fields);
	return member < 0 ? -1 : (__s64)(target->first_member + (__u32)member);
}

/* Copies that target and its limit into scratch memory; without a member, the group's own. The index goes through
 * memory: the verifier forgets where it came from, and its ways meet again. */
static __always_inline int rudder_load_target(const char *blob, struct rudder_scratch *s, __u32 index)
{
	volatile __u32 *taken = &s->taken_target;
	__s64 member = rudder_taken_target(blob, index);
	const struct rudder_target *target;

	*taken = member < 0 ? index : (__u32)member;
	target = rudder_target_at(blob, *taken);
	if (!target)
		return -1;
	s->target = *target;
	return s->target.limit ? rudder_load_limit(blob, s, s->target.limit) : 0;
}

static __always_inline int rudder_act_steer(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
					    const struct rudder_rule *rule)
{
	int verdict, reason;

	if (rudder_load_target(blob, s, rule->first_target)) {
		rudder_count_failure(rule->counter_slot, RUDDER_REASON_BAD_POLICY);
		return RUDDER_NEXT;
	}
	verdict = rudder_steer(skb);
	if (verdict >= RUDDER_NEXT)
		return verdict;
	reason = -1 - verdict;
	rudder_count_failure(s->target.counter_slot == RUDDER_NO_SLOT ? rule->counter_slot : s->target.counter_slot, reason);
	s->failure_verdict = RUDDER_NEXT;
	if (rule->flags & RUDDER_RULE_FAILURE_DROPS && reason != RUDDER_REASON_TTL_EXPIRED)
		s->failure_verdict = RUDDER_DROP;
	if (reason == RUDDER_REASON_TOO_BIG || reason == RUDDER_REASON_TTL_EXPIRED)
		bpf_tail_call(skb, &stages, RUDDER_STAGE_ANSWER);
	return s->failure_verdict;
}

static __always_inline int rudder_act_replicate(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
						const struct rudder_rule *rule)
{
	int reason = rudder_save_transport(skb, s);
	int has_expired = 0, has_sent = 0, is_owed;

	if (reason != RUDDER_REASON_NONE) {
		rudder_count_failure(rule->counter_slot, reason);
		return RUDDER_NEXT;
	}
	s->is_original_passing = rule->flags & RUDDER_RULE_ORIGINAL_PASSES;
	s->is_tag_lost = 0;
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < RUDDER_MAX_TARGETS; i++) {
		if (i >= rule->target_count)
			break;
		if (rudder_load_target(blob, s, rule->first_target + i)) {
			rudder_count_failure(rule->counter_slot, RUDDER_REASON_BAD_POLICY);
			break;
		}
		reason = rudder_copy(skb);
		has_expired |= reason == RUDDER_REASON_TTL_EXPIRED;
		has_sent |= reason == RUDDER_REASON_NONE;
	}
	/* No copy, because the TTL expired or it is too big: the sender of an original that is consumed is told. */
	is_owed = !s->is_original_passing && !has_sent && !s->is_header_added && (has_expired || s->answer_mtu);
	if (!s->is_original_passing && !is_owed)
		return RUDDER_DROP;
	/* A packet that cannot be restored must not go on as somebody else's. */
	if (rudder_restore(skb) != RUDDER_REASON_NONE)
		return RUDDER_DROP;
	if (!is_owed)
		return RUDDER_NEXT;
	if (has_expired)
		s->answer_mtu = 0;
	s->failure_verdict = has_expired ? RUDDER_NEXT : RUDDER_DROP;
	bpf_tail_call(skb, &stages, RUDDER_STAGE_ANSWER);
	return s->failure_verdict;
}

static __always_inline int rudder_act_mirror(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
					     const struct rudder_rule *rule)
{
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < RUDDER_MAX_TARGETS; i++) {
		if (i >= rule->target_count)
			break;
		if (rudder_load_target(blob, s, rule->first_target + i)) {
			rudder_count_failure(rule->counter_slot, RUDDER_REASON_BAD_POLICY);
			break;
		}
		rudder_mirror(skb);
	}
	return RUDDER_NEXT;
}

/* Beyond its limit a rule does not treat a packet. */
static __always_inline int rudder_is_excess(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
					    const struct rudder_rule *rule)
{
	if (!rule->limit || rudder_load_limit(blob, s, rule->limit) || !rudder_is_limited(skb))
		return 0;
	rudder_count_traffic(rule->counter_slot, s->frame_bytes);
	rudder_count_failure(rule->counter_slot, RUDDER_REASON_RATE_LIMITED);
	return 1;
}

/* The short way by a target that the rule does not say all of. What a group does with a flow may change at any time, and a new TTL
 * is rare: such flows are not kept. */
static __always_inline void rudder_forward_by_target(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
						     const struct rudder_rule *rule)
{
	const struct rudder_target *target = rudder_target_at(blob, rule->first_target);
	__s64 taken;
	__u32 how;

	if (target && target->flags & RUDDER_TARGET_GROUP) {
		taken = rudder_taken_target(blob, rule->first_target);
		target = taken < 0 ? NULL : rudder_target_at(blob, (__u32)taken);
	}
	if (!target || target->flags & RUDDER_TARGET_LONG_WAY || !rudder_can_forward(skb, target->next_hop))
		return;
	how = rudder_forward_how(target, s->direction);
	if (target->counter_slot != RUDDER_NO_SLOT)
		how |= RUDDER_FORWARD_TARGET;
	skb->cb[RUDDER_CB_TARGET_SLOT] = target->counter_slot;
	rudder_order_forward(skb, target->next_hop, how, s->mark);
	bpf_tail_call(skb, &stages, RUDDER_STAGE_FORWARD);
}

/* What rudder_forward is to do by a rule with RUDDER_RULE_FORWARDS. */
static __always_inline __u32 rudder_forward_how_of(const struct rudder_rule *rule, __u32 direction)
{
	__u32 how = (rule->flags & RUDDER_RULE_FORWARD_BITS) << RUDDER_RULE_FORWARD_SHIFT;

	return direction == RUDDER_EGRESS ? how & ~RUDDER_FORWARD_DECREMENT : how;
}

/* Takes the short way if the packet can; returns if it cannot. Whether the way is open rudder_forward sees: to ask before costs each
 * packet more than to be turned down costs a few. It is asked for frames that are not as most are, and for flows to be
 * kept: a closed way would turn down all of their packets. What rudder_forward has turned down before does not go there again. */
static __always_inline void rudder_try_forward(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
					       const struct rudder_rule *rule)
{
	__u32 how;

	if (!rudder_is_plain_frame(s) || s->odd & RUDDER_ODD_UNCACHED)
		return;
	skb->cb[RUDDER_CB_RULE_SLOT] = rule->counter_slot;
	if (!(rule->flags & RUDDER_RULE_FORWARDS)) {
		rudder_forward_by_target(skb, blob, s, rule);
		return;
	}
	how = rudder_forward_how_of(rule, s->direction);
	if (s->odd & (RUDDER_ODD_KEEP | RUDDER_ODD_FRAME) && !rudder_can_forward(skb, rule->next_hop))
		return;
	rudder_order_forward(skb, rule->next_hop, how, s->mark);
	if (s->odd & RUDDER_ODD_KEEP)
		rudder_keep_flow(rule->counter_slot, rule->next_hop | how << 16);
	bpf_tail_call(skb, &stages, RUDDER_STAGE_FORWARD);
}

static __always_inline const struct rudder_rule *rudder_rule_at(const char *blob, __u32 rank)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u64 at = header->rule_offset + (__u64)rank * sizeof(struct rudder_rule);

	RUDDER_OPAQUE(at);
	return at > blob_bytes - sizeof(struct rudder_rule) ? NULL : (const struct rudder_rule *)(blob + at);
}

/* Where there is nothing to ask, the short way in as few steps as there can be: a usual packet, which a steer without limit sends on
 * as its rule says. Returns if that is not so. */
static __always_inline void rudder_forward_at_once(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s,
						   __u32 rank)
{
	const struct rudder_rule *rule = rudder_rule_at(blob, rank);

	if (!rule || !(rule->flags & RUDDER_RULE_AT_ONCE))
		return;
	s->rank = rank;
	skb->cb[RUDDER_CB_RULE_SLOT] = rule->counter_slot;
	rudder_order_forward(skb, rule->next_hop, rudder_forward_how_of(rule, s->direction), 0);
	bpf_tail_call(skb, &stages, RUDDER_STAGE_FORWARD);
}

/* A packet that the rule of this rank matched: refuses it, takes the short way, or goes on to rudder_act. */
static __always_inline int rudder_begin(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s, __u32 rank)
{
	const struct rudder_rule *rule = rudder_rule_at(blob, rank);
	int reason;

	if (!rule) {
		rudder_count_reason(RUDDER_REASON_BAD_POLICY);
		return RUDDER_NEXT;
	}
	reason = (int)rudder_refuse_again(s->mark, rule->action);
	if (reason != RUDDER_REASON_NONE) {
		rudder_count_traffic(rule->counter_slot, s->frame_bytes);
		rudder_count_failure(rule->counter_slot, reason);
		return reason == RUDDER_REASON_LOOP ? RUDDER_DROP : RUDDER_NEXT;
	}
	s->rank = rank;
	if (rule->action == RUDDER_ACTION_STEER && !rule->limit)
		rudder_try_forward(skb, blob, s, rule);
	bpf_tail_call(skb, &stages, RUDDER_STAGE_ACT);
	return RUDDER_NEXT;
}

/* What is done by the rule scratch->rank. */
static __always_inline int rudder_act_by(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s)
{
	const struct rudder_rule *rule = rudder_rule_at(blob, s->rank);
	int reason;

	if (!rule) {
		rudder_count_reason(RUDDER_REASON_BAD_POLICY);
		return RUDDER_NEXT;
	}
	if (!s->is_long_way) {
		if (rudder_is_excess(skb, blob, s, rule))
			return rule->flags & RUDDER_RULE_EXCESS_DROPS ? RUDDER_DROP : RUDDER_NEXT;
		if (rule->action == RUDDER_ACTION_STEER && rule->limit) {
			s->odd &= ~RUDDER_ODD_KEEP;
			rudder_try_forward(skb, blob, s, rule);
		}
	}
	s->answer_mtu = 0;
	reason = rudder_save_headers(skb, s);
	if (reason != RUDDER_REASON_NONE) {
		rudder_count_failure(rule->counter_slot, reason);
		return RUDDER_NEXT;
	}
	rudder_count_traffic(rule->counter_slot, s->frame_bytes);
	if (rule->flags & RUDDER_RULE_SAMPLES)
		s->random = bpf_get_prandom_u32();
	switch (rule->action) {
	case RUDDER_ACTION_DROP:
		return RUDDER_DROP;
	case RUDDER_ACTION_STEER:
		return rudder_act_steer(skb, blob, s, rule);
	case RUDDER_ACTION_REPLICATE:
		return rudder_act_replicate(skb, blob, s, rule);
	case RUDDER_ACTION_MIRROR:
		return rudder_act_mirror(skb, blob, s, rule);
	default:
		return RUDDER_NEXT;
	}
}
