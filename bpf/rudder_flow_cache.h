/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The flow cache: what became of the last packet of a flow becomes of the next one, without parser and classifier.
 *
 * Kept are flows that no rule matches, and those of a steer that changes MACs and decrements the TTL at most. What may change without a new
 * generation - next hop, MTU, TTL, lengths - is looked at for each packet all the same. A flow is of the generation it
 * was kept under: publishing empties the cache, and no packet gets another generation's verdict (invariant I5).
 *
 * A hit costs a cache line that is seldom at hand, and a miss costs the same for nothing. So how much of the
 * cache a policy uses goes by the memory it takes itself, bit vectors left out (rudder_blob_header.flow_place_mask), and where too few packets hit, the cache rests, each
 * time for longer. Packets that we have sent before are for the classifier, which knows their mark.
 */
#pragma once

#include "rudder_forward.h"
#include "rudder_maps.h"
#include "rudder_own_source.h"

#define RUDDER_PACKET_OTHERHOST 3
#define RUDDER_FLOW_LEAST_WINDOW 256u /* misses; a power of two */
#define RUDDER_FLOW_FIRST_REST 4u     /* 2^4 windows, then twice as many each time ... */
#define RUDDER_FLOW_LONGEST_REST 8u   /* up to 2^8 */

/* NULL for a CPU without a cache: one beyond RUDDER_FLOW_CPUS. */
static __always_inline struct rudder_flow_cache *rudder_flows_here(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&flows, &cpu);
}

/* The first of the two places that a flow may be in: neighbours. `place` is at most rudder_blob_header.flow_place_mask. */
static __always_inline struct rudder_flow *rudder_flow_at(struct rudder_flow_cache *cache, __u32 place)
{
	return &cache->flow[place & (RUDDER_CPU_FLOWS - 2)];
}

/* ---- keeping ----------------------------------------------------------------------------------- */

/* Keeps scratch->flow, if what became of this packet becomes of all of them. `way`: next hop | RUDDER_FORWARD_* << 16.
 * A global function: most packets do not come here. */
__attribute__((noinline)) int rudder_keep_flow(__u32 rule_slot, __u32 way)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct rudder_flow_cache *cache = rudder_flows_here();
	struct rudder_flow *kept;

	if (!s || !cache || s->odd & RUDDER_ODD_STALE || !rudder_is_flow_lasting(&s->packet))
		return 0;
	kept = rudder_flow_at(cache, s->flow_place);
	if (kept->generation == s->generation && (kept[1].generation != s->generation || cache->misses & 1))
		kept++;
	*kept = s->flow;
	kept->generation = s->generation;
	kept->rule_slot = rule_slot;
	kept->way = way | RUDDER_FORWARD_KEPT << 16;
	return 0;
}

static __always_inline void rudder_keep_unmatched(const struct rudder_scratch *s)
{
	if (s->odd & RUDDER_ODD_KEEP)
		rudder_keep_flow(RUDDER_NO_SLOT, 0);
}

/* ---- finding ----------------------------------------------------------------------------------- */

/* A new generation empties the cache: what was found out about its use counts no more. */
static __always_inline void rudder_judge_anew(struct rudder_scratch *s, const struct rudder_flow_cache *cache, __u64 generation)
{
	s->flow_generation = generation;
	s->flow_hits = cache->hits;
	s->flow_misses = 0;
	s->flow_bad_windows = 0;
	s->flow_rest = 0;
}

/* Judges the use of the cache after each window of misses: as many as a quarter of its places. Three hits for each miss are
 * worth it; the first bad window in a row may be that of a cache which fills. */
static __always_inline void rudder_note_miss(const struct rudder_blob_header *header, struct rudder_scratch *s,
					     struct rudder_flow_cache *cache)
{
	__u32 window = (header->flow_place_mask >> 2 | (RUDDER_FLOW_LEAST_WINDOW - 1)) + 1;
	__u64 hits;

	cache->misses++;
	if (s->flow_generation != header->generation)
		rudder_judge_anew(s, cache, header->generation);
	if (++s->flow_misses < window)
		return;
	hits = cache->hits - s->flow_hits;
	s->flow_hits = cache->hits;
	s->flow_misses = 0;
	if (hits >= 3ull * window) {
		s->flow_bad_windows = 0;
		return;
	}
	if (s->flow_bad_windows)
		s->flow_rest = window << ((s->flow_bad_windows - 1 + RUDDER_FLOW_FIRST_REST) & 15);
	if (s->flow_bad_windows <= RUDDER_FLOW_LONGEST_REST - RUDDER_FLOW_FIRST_REST)
		s->flow_bad_windows++;
}

static __always_inline int rudder_may_be_own4(const struct rudder_blob_header *header, const __u8 *source)
{
	__u32 address_be = rudder_load32_be(source);

	return (header->own_v4 & rudder_own_bit(&address_be, 4)) != 0;
}

static __always_inline int rudder_may_be_own6(const struct rudder_blob_header *header, const __u8 *source)
{
	__u32 address_be[4];

	for (int i = 0; i < 4; i++)
		address_be[i] = rudder_load32_be(source + 4 * i);
	return (header->own_v6 & rudder_own_bit(address_be, 6)) != 0;
}

/* A packet that comes in with what may be an address of this host is for the classifier, whatever its flow. */
static __always_inline const struct rudder_flow *rudder_find_flow4(const struct __sk_buff *skb, const struct rudder_blob_header *header,
								   struct rudder_scratch *s, const __u8 *data, __u32 direction)
{
	struct rudder_flow_cache *cache = rudder_flows_here();
	const struct rudder_flow *kept;
	struct rudder_flow flow;
	__u32 place;

	rudder_flow_key4(data, &header->flow_v4, direction, &flow);
	flow.ifindex = skb->ifindex;
	flow.generation = header->generation;
	place = (__u32)(rudder_flow_hash4(&flow) >> 40) & header->flow_place_mask;
	if (!cache)
		return NULL;
	kept = rudder_flow_at(cache, place);
	kept += rudder_is_set(rudder_flow_differs4(kept, &flow));
	if (!rudder_flow_differs4(kept, &flow)) {
		if (direction == RUDDER_INGRESS && rudder_may_be_own4(header, data + 26))
			return NULL;
		if (!rudder_is_flow_whole(data + 23, RUDDER_IPV4_BYTES, rudder_load16(data + 16), skb->len)) {
			rudder_note_miss(header, s, cache);
			return NULL;
		}
		cache->hits++;
		return kept;
	}
	s->flow.address[0] = flow.address[0];
	s->flow.fields = flow.fields;
	s->flow.ifindex = flow.ifindex;
	s->flow_place = place;
	s->odd = RUDDER_ODD_KEEP;
	rudder_note_miss(header, s, cache);
	return NULL;
}

static __always_inline const struct rudder_flow *rudder_find_flow6(const struct __sk_buff *skb, const struct rudder_blob_header *header,
								   struct rudder_scratch *s, const __u8 *data, __u32 direction)
{
	struct rudder_flow_cache *cache = rudder_flows_here();
	__u32 total = RUDDER_IPV6_BYTES + rudder_load16(data + 18);
	const struct rudder_flow *kept;
	struct rudder_flow flow;
	__u32 place;

	rudder_flow_key6(data, &header->flow_v6, direction, &flow);
	flow.ifindex = skb->ifindex;
	flow.generation = header->generation;
	place = (__u32)(rudder_flow_hash6(&flow) >> 40) & header->flow_place_mask;
	if (!cache)
		return NULL;
	kept = rudder_flow_at(cache, place);
	kept += rudder_is_set(rudder_flow_differs6(kept, &flow));
	if (!rudder_flow_differs6(kept, &flow)) {
		if (direction == RUDDER_INGRESS && rudder_may_be_own6(header, data + 22))
			return NULL;
		if (!rudder_is_flow_whole(data + 20, RUDDER_IPV6_BYTES, total, skb->len)) {
			rudder_note_miss(header, s, cache);
			return NULL;
		}
		cache->hits++;
		return kept;
	}
	for (int i = 0; i < 4; i++)
		s->flow.address[i] = flow.address[i];
	s->flow.fields = flow.fields;
	s->flow.ifindex = flow.ifindex;
	s->flow_place = place;
	s->odd = RUDDER_ODD_KEEP;
	rudder_note_miss(header, s, cache);
	return NULL;
}

/* The flow of this packet if the cache has it, and its verdict is that of this packet. Else
 * it may be one to be kept: RUDDER_ODD_KEEP. scratch->odd was 0. */
static __always_inline const struct rudder_flow *rudder_find_flow(const struct __sk_buff *skb, const struct rudder_blob_header *header,
								  struct rudder_scratch *s, __u32 direction)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;

	if (s->flow_rest && s->flow_generation == header->generation) {
		s->flow_rest--;
		return NULL;
	}
	if (data + RUDDER_FLOW4_LINEAR > end || data[0] & 1 || skb->vlan_present ||
	    (direction == RUDDER_INGRESS && skb->pkt_type == RUDDER_PACKET_OTHERHOST))
		return NULL;
	if (header->flow_v4.fields && rudder_is_flow4(data))
		return rudder_find_flow4(skb, header, s, data, direction);
	if (header->flow_v6.fields && data + RUDDER_FLOW6_LINEAR <= end && rudder_is_flow6(data))
		return rudder_find_flow6(skb, header, s, data, direction);
	return NULL;
}

/* Treats a packet as its flow is. Returns the verdict. */
static __always_inline int rudder_follow_flow(struct __sk_buff *skb, const struct rudder_flow *flow)
{
	if (flow->rule_slot == RUDDER_NO_SLOT)
		return RUDDER_NEXT;
	skb->cb[RUDDER_CB_RULE_SLOT] = flow->rule_slot;
	skb->cb[RUDDER_CB_WAY] = flow->way;
	bpf_tail_call(skb, &stages, RUDDER_STAGE_FORWARD);
	return rudder_leave_cache(skb);
}
