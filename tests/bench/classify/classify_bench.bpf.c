/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What one classification costs: the walk of the product, a linear scan of plain rules, and neither, each over a
 * trace. A run takes the next header of the trace, so that no cache has the answer ready.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "classify_bench.h"
#include "rudder_classifier.h"

/* Set before loading. */
const volatile __u32 blob_bytes = 65536;
const volatile __u32 trace_mask = 0;

struct bench_header {
	struct rudder_packet packet;
};

/* The generation as the product reaches it: outer slot 0 -> inner key 0. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__uint(map_flags, BPF_F_RDONLY_PROG);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, 65536);
	});
} active SEC(".maps");

/* All rules of the linear scan in one value, in order of rank. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_linear);
} linear SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_header);
} trace SEC(".maps");

struct bench_scratch {
	struct rudder_packet packet;
	struct rudder_key key;
	__u32 next;
	__u32 result;
	__u64 sum; /* of ranks: keeps the work alive and is checked */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_scratch);
} scratch SEC(".maps");

static __always_inline struct bench_scratch *next_header(void)
{
	__u32 zero = 0, index;
	struct bench_scratch *s = bpf_map_lookup_elem(&scratch, &zero);
	struct bench_header *header;

	if (!s)
		return NULL;
	index = s->next++ & trace_mask;
	header = bpf_map_lookup_elem(&trace, &index);
	if (!header)
		return NULL;
	__builtin_memcpy(&s->packet, &header->packet, sizeof(s->packet));
	return s;
}

static __always_inline int done(struct bench_scratch *s, __u32 rank)
{
	s->result = rank;
	s->sum += rank;
	return 0;
}

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	struct bench_scratch *s = next_header();

	return s ? done(s, s->packet.dst_port) : 0;
}

SEC("tc")
int bench_walk(struct __sk_buff *skb)
{
	struct bench_scratch *s = next_header();
	__u32 zero = 0;
	void *generation = bpf_map_lookup_elem(&active, &zero);
	void *blob = generation ? bpf_map_lookup_elem(generation, &zero) : NULL;

	if (!s || !blob)
		return 0;
	return done(s, rudder_classify_packet(blob, blob_bytes, &s->packet, &s->key));
}

/* As one would write it by hand: field by field, away at the first difference. */
static __always_inline int tail_matches(const struct rudder_packet *p, const struct bench_rule_tail *tail)
{
	if ((p->protocol ^ tail->protocol) & tail->protocol_mask)
		return 0;
	if (p->dst_port < tail->dst_port_first || p->dst_port > tail->dst_port_last)
		return 0;
	return p->src_port >= tail->src_port_first && p->src_port <= tail->src_port_last;
}

SEC("tc")
int bench_linear_v4(struct __sk_buff *skb)
{
	struct bench_scratch *s = next_header();
	__u32 src, dst, zero = 0;
	struct bench_linear *rules = bpf_map_lookup_elem(&linear, &zero);

	if (!s || !rules)
		return 0;
	src = RUDDER_HOST32(s->packet.src_be[0]);
	dst = RUDDER_HOST32(s->packet.dst_be[0]);
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < BENCH_LINEAR_RULES; i++) {
		const struct bench_rule_v4 *rule = &rules->v4[i];

		if ((dst ^ rule->dst) & rule->dst_mask)
			continue;
		if ((src ^ rule->src) & rule->src_mask)
			continue;
		if (tail_matches(&s->packet, &rule->tail))
			return done(s, rule->tail.rank);
	}
	return done(s, RUDDER_NO_RULE);
}

static __always_inline __u64 half(const __u32 *word_be)
{
	return (__u64)RUDDER_HOST32(word_be[0]) << 32 | RUDDER_HOST32(word_be[1]);
}

SEC("tc")
int bench_linear_v6(struct __sk_buff *skb)
{
	struct bench_scratch *s = next_header();
	__u64 src_high, src_low, dst_high, dst_low;
	__u32 zero = 0;
	struct bench_linear *rules = bpf_map_lookup_elem(&linear, &zero);

	if (!s || !rules)
		return 0;
	src_high = half(&s->packet.src_be[0]);
	src_low = half(&s->packet.src_be[2]);
	dst_high = half(&s->packet.dst_be[0]);
	dst_low = half(&s->packet.dst_be[2]);
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < BENCH_LINEAR_RULES; i++) {
		const struct bench_rule_v6 *rule = &rules->v6[i];

		if ((dst_high ^ rule->dst[0]) & rule->dst_mask[0] || (dst_low ^ rule->dst[1]) & rule->dst_mask[1])
			continue;
		if ((src_high ^ rule->src[0]) & rule->src_mask[0] || (src_low ^ rule->src[1]) & rule->src_mask[1])
			continue;
		if (tail_matches(&s->packet, &rule->tail))
			return done(s, rule->tail.rank);
	}
	return done(s, RUDDER_NO_RULE);
}

char _license[] SEC("license") = "Dual BSD/GPL";
