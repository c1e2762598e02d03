/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Packets inside of packets: before a clone redirect returns, the kernel may send others - the copy again, from a device
 * below the one it went to, or those that waited in that device's queue - and run our egress hooks for them.
 *
 * There is one scratch memory per CPU, so that the usual packet pays nothing: the first of the others puts it aside,
 * and who called the clone redirect takes it back.
 */
#pragma once

#include "rudder_maps.h"

/* Begins a packet. A global function: only packets inside of packets come here. */
__attribute__((noinline)) int rudder_put_aside(void)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct rudder_scratch *nest;
	__u32 depth;

	if (!s)
		return -1;
	depth = s->depth % RUDDER_NEST_LEVELS;
	nest = bpf_map_lookup_elem(&nests, &depth);
	if (!nest)
		return -1;
	*nest = *s;
	s->depth++;
	s->is_cloning = 0;
	return 0;
}

/* After a clone redirect of the packet at this depth. */
__attribute__((noinline)) int rudder_take_back(__u32 depth)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct rudder_scratch *nest;

	depth %= RUDDER_NEST_LEVELS;
	nest = bpf_map_lookup_elem(&nests, &depth);
	if (!s || !nest)
		return -1;
	if (!s->is_cloning)
		*s = *nest;
	s->is_cloning = 0;
	return 0;
}
