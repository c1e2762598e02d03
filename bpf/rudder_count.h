/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * One counter per outcome. Per CPU: no atomics. Global functions: the verifier looks at them once, and a loop over
 * targets does not multiply their branches.
 */
#pragma once

#include "rudder_maps.h"

static __always_inline int rudder_add_traffic(__u32 slot, __u32 bytes)
{
	__u32 cpu = bpf_get_smp_processor_id();
	char *own = bpf_map_lookup_elem(&counters, &cpu);
	struct rudder_counter *counter;
	__u64 at = slot;

	RUDDER_OPAQUE(at);
	if (!own || at >= counter_slots)
		return -1;
	counter = (struct rudder_counter *)(own + at * sizeof(*counter));
	counter->packets++;
	counter->bytes += bytes;
	return 0;
}

__attribute__((noinline)) int rudder_count_traffic(__u32 slot, __u32 bytes)
{
	return rudder_add_traffic(slot, bytes);
}

__attribute__((noinline)) int rudder_count_reason(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&reasons, &reason);

	if (!count)
		return -1;
	(*count)++;
	return 0;
}

/* Counts the reason as such and for the rule or target it concerns. A full table loses the second only. */
__attribute__((noinline)) int rudder_count_failure(__u32 slot, __u32 reason)
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
	if (!count)
		return -1;
	(*count)++;
	return 0;
}
