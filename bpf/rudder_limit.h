/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What makes packets and copies fewer: limits and samples.
 */
#pragma once

#include "rudder_bucket.h"
#include "rudder_count.h"

/* Copies the limit of that number into scratch memory. Returns nonzero if there is none. */
static __always_inline int rudder_load_limit(const char *blob, struct rudder_scratch *s, __u32 number)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u64 at = header->target_offset - (__u64)number * sizeof(struct rudder_limit);

	RUDDER_OPAQUE(at);
	if (at > blob_bytes - sizeof(struct rudder_limit))
		return -1;
	s->limit = *(const struct rudder_limit *)(blob + at);
	return 0;
}

/* Bytes of the headers that each segment of a GSO packet gets. */
static __always_inline __u32 rudder_segment_header_bytes(struct __sk_buff *skb, const struct rudder_packet *packet)
{
	__u8 offset = 0x50;

	if (packet->protocol != RUDDER_IP_TCP)
		return packet->l4_offset + 8;
	bpf_skb_load_bytes(skb, packet->l4_offset + 12, &offset, 1);
	return packet->l4_offset + (__u32)(offset >> 4) * 4;
}

/* Of the packets that go on the wire for this one. */
static __always_inline __u64 rudder_packet_cost(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	__u32 header_bytes, segments;

	if (!skb->gso_size)
		return rudder_cost(&s->limit, 1, s->frame_bytes);
	header_bytes = rudder_segment_header_bytes(skb, &s->packet);
	if (s->frame_bytes <= header_bytes)
		return rudder_cost(&s->limit, 1, s->frame_bytes);
	segments = (s->frame_bytes - header_bytes + skb->gso_size - 1) / skb->gso_size;
	return rudder_cost(&s->limit, segments, s->frame_bytes + (segments - 1) * header_bytes);
}

/* Asks scratch->limit. Returns nonzero if the packet is beyond it. A global function: most packets have no limit. */
__attribute__((noinline)) int rudder_is_limited(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct rudder_limit_state *state;
	__u32 slot;

	if (!s)
		return 0;
	slot = s->limit.slot;
	state = bpf_map_lookup_elem(&limit_states, &slot);
	if (!state)
		return 0;
	return rudder_is_beyond(state, bpf_ktime_get_ns() << RUDDER_TICK_SHIFT, rudder_packet_cost(skb, s), &s->limit);
}

#define RUDDER_LEFT_OUT (-1) /* no reason: no copy is wanted */

/* Is a copy for scratch->target to be made? Returns RUDDER_REASON_NONE, RUDDER_LEFT_OUT, or why not. */
static __always_inline int rudder_wants_copy(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	if (s->target.sample && s->random >= s->target.sample)
		return RUDDER_LEFT_OUT;
	return s->target.limit && rudder_is_limited(skb) ? RUDDER_REASON_RATE_LIMITED : RUDDER_REASON_NONE;
}
