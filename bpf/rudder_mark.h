/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The mark of packets that rudder has sent: skb->tc_index, which travels with a packet and its clones through
 * redirects, neighbour queues, segmentation, veth pairs and network namespaces (skb->mark is cleared at the border of a
 * namespace, skb->cb by every layer). The kernel overwrites it when another program ends the chain with TC_ACT_OK.
 *
 * It says how often we sent this packet on within this host, that it is a copy, and that the hook it was sent to (the
 * egress hook of a device; the ingress hook for an ICMP error to the own stack) has not seen it yet. That bit is set only if
 * there is a hook of ours, which clears it: it can never excuse the packet from another hook.
 *
 * The low five bits are 0: other users of tc_index (GRED's queue number, Cilium's flags) live there. Pure but for the last
 * functions.
 */
#pragma once

#include "rudder_abi.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define RUDDER_MARK_MASK 0xe01fu
#define RUDDER_MARK_MAGIC 0xa000u
#define RUDDER_MARK_COPY 0x1000u  /* a copy: never copied again */
#define RUDDER_MARK_FRESH 0x0800u /* on its way to a hook of ours */
#define RUDDER_MARK_PASS 0x0020u  /* 64 values from here on: passes, less one */
#define RUDDER_MARK_PASSES 0x07e0u

static __always_inline int rudder_is_mark(__u32 tc_index)
{
	return (tc_index & RUDDER_MARK_MASK) == RUDDER_MARK_MAGIC;
}

/* How often we have sent the packet on. `mark` is 0 for a packet that is not ours. */
static __always_inline __u32 rudder_mark_passes(__u32 mark)
{
	return mark ? (mark & RUDDER_MARK_PASSES) / RUDDER_MARK_PASS + 1 : 0;
}

/* The mark of the packet when it is sent once more. It has not had its RUDDER_MAX_PASSES yet. `flags`:
 * RUDDER_MARK_COPY for a copy, RUDDER_MARK_FRESH for a device with a hook of ours. */
static __always_inline __u32 rudder_next_mark(__u32 mark, __u32 flags)
{
	return (mark ? mark + RUDDER_MARK_PASS : RUDDER_MARK_MAGIC) | flags;
}

/* RUDDER_MARK_FRESH or 0, as rudder_next_mark wants it. */
static __always_inline __u32 rudder_fresh_mark(__u32 target_flags)
{
	return target_flags & RUDDER_TARGET_MEETS_HOOK ? RUDDER_MARK_FRESH : 0;
}

/* Why a packet with this mark is not to be treated by a rule of this action; RUDDER_REASON_NONE: it may. */
static __always_inline __u32 rudder_refuse_again(__u32 mark, __u32 action)
{
	if (!mark || action < RUDDER_ACTION_STEER)
		return RUDDER_REASON_NONE;
	if (mark & RUDDER_MARK_COPY && action >= RUDDER_ACTION_REPLICATE)
		return RUDDER_REASON_OWN_COPY;
	return rudder_mark_passes(mark) >= RUDDER_MAX_PASSES ? RUDDER_REASON_LOOP : RUDDER_REASON_NONE;
}
