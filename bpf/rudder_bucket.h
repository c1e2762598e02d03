/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * A token bucket as one 64-bit word that all CPUs share: the time at which it is full again (the generic cell rate
 * algorithm, ITU-T I.371). Pure, for BPF and for the host. Times are ticks; see struct rudder_limit.
 *
 * A packet passes if the bucket is full or has room for it within the burst; a packet larger than the burst passes
 * when the bucket is full, and pays in full: the rate over time is exact. No lock and no loop: a packet that finds room
 * adds its cost with one atomic instruction and takes it back if others were faster. In a race for the last token it may
 * be refused to both. A CPU held up between the two instructions until the bucket is full again leaves one cost unpaid.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_bytes.h"

/* What one packet may count as, so that the price of that many fits 64 bits at the lowest rates. */
#define RUDDER_MAX_COST_BYTES 0x7ffffu
#define RUDDER_MAX_COST_PACKETS 0xfffu

/* In ticks. */
static __always_inline __u64 rudder_cost(const struct rudder_limit *limit, __u32 packets, __u32 bytes)
{
	__u64 units = packets < RUDDER_MAX_COST_PACKETS ? packets : RUDDER_MAX_COST_PACKETS;

	if (limit->is_per_byte)
		units = bytes < RUDDER_MAX_COST_BYTES ? bytes : RUDDER_MAX_COST_BYTES;
	return limit->price * units >> RUDDER_PRICE_SHIFT;
}

/* Takes tokens for a packet of `cost` ticks. Returns nonzero if it is beyond the limit. */
static __always_inline int rudder_is_beyond(struct rudder_limit_state *state, __u64 now, __u64 cost,
					    const struct rudder_limit *limit)
{
	__u64 seen = *(volatile __u64 *)&state->full_at;
	__u64 backlog = seen - now;

	/* Another limit's, or this one's by other terms: it begins full. */
	if (state->terms != limit->terms) {
		state->terms = limit->terms;
		*(volatile __u64 *)&state->full_at = now;
	} else if ((__s64)backlog < 0) {
		__sync_val_compare_and_swap(&state->full_at, seen, now);
	} else if (backlog && backlog + cost > limit->burst) {
		return 1;
	}
	backlog = __sync_fetch_and_add(&state->full_at, cost) - now;
	if ((__s64)backlog <= 0 || backlog + cost <= limit->burst)
		return 0;
	__sync_fetch_and_add(&state->full_at, -cost);
	return 1;
}
