/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * One counter per outcome. Per CPU: no atomics.
 */
#pragma once

#include "rudder_maps.h"

static __always_inline void rudder_count_traffic(__u32 slot, __u32 bytes)
{
	struct rudder_counter *counter = bpf_map_lookup_elem(&counters, &slot);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

static __always_inline void rudder_count_reason(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&reasons, &reason);

	if (count)
		(*count)++;
}

/* Counts the reason as such and for the rule or target it concerns. A full table loses the second only. */
static __always_inline void rudder_count_failure(__u32 slot, __u32 reason)
{
	struct rudder_failure_key key = { slot, reason };
	__u64 first = 0;
	__u64 *count;

	rudder_count_reason(reason);
	count = bpf_map_lookup_elem(&failures, &key);
	if (!count) {
		bpf_map_update_elem(&failures, &key, &first, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&failures, &key);
	}
	if (count)
		(*count)++;
}
