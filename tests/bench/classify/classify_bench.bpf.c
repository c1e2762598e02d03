/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What one classification costs: the walk of the product, linear scans of plain rules, and neither, each over a
 * trace. A run takes the next header of the trace, so that no cache has the answer ready.
 *
 * The maps of the generation and of the scratch memory are the product's, and so is the way to them.
 *
 * bench_X is timed from outside, over many runs. cold_X empties the caches before each packet and takes the time itself.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "classify_bench.h"
#include "rudder_match.h"

/* Set before loading. */
const volatile __u32 evicted_pages = 1;

/* Of the one process that runs these programs, one at a time. */
__u32 trace_mask = 0;
__u32 trace_next = 0;
__u32 last_rank = 0;
__u64 rank_sum = 0; /* keeps the work alive */
__u64 evict_sum = 0;
__u32 sample_next = 0;
__u32 samples[BENCH_SAMPLES]; /* nanoseconds of cold runs */

/* All rules of the linear scans in one value, in order of rank. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_linear);
} linear SEC(".maps");

struct bench_trace {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BENCH_TRACE);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rudder_packet);
};

/* Headers for the walk, and for the linear scans, which have rules of their own. */
struct bench_trace trace SEC(".maps");
struct bench_trace linear_trace SEC(".maps");

/* Memory to fill the caches with. */
struct bench_page {
	__u64 line[BENCH_PAGE / BENCH_LINE][BENCH_LINE / sizeof(__u64)];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_page);
} pages SEC(".maps");

/* Copies the next header of a trace to where the product's parser leaves a packet. */
static __always_inline struct rudder_scratch *next_header(void *headers)
{
	__u32 index;
	struct rudder_scratch *s = rudder_get_scratch();
	struct rudder_packet *packet;

	if (!s)
		return NULL;
	index = trace_next++ & trace_mask;
	packet = bpf_map_lookup_elem(headers, &index);
	if (!packet)
		return NULL;
	__builtin_memcpy(&s->packet, packet, sizeof(s->packet));
	return s;
}

static __always_inline int done(__u32 rank)
{
	last_rank = rank;
	rank_sum += rank;
	return 0;
}

static long touch_page(__u32 index, void *unused)
{
	const volatile struct bench_page *page = bpf_map_lookup_elem(&pages, &index);
	__u64 sum = 0;

	if (!page)
		return 1;
	RUDDER_NO_UNROLL
	for (__u32 i = 0; i < BENCH_PAGE / BENCH_LINE; i++)
		sum += page->line[i][0];
	evict_sum += sum;
	return 0;
}

/* One way to classify: as a program on its own, and as one that starts with empty caches. The header itself is warm in
 * both, as it is after parsing. */
#define BENCH_PROGRAMS(NAME, TRACE)                                                                                    \
	SEC("tc") int bench_##NAME(struct __sk_buff *skb)                                                              \
	{                                                                                                              \
		struct rudder_scratch *s = next_header(&TRACE);                                                         \
		return s ? done(NAME(s)) : 0;                                                                          \
	}                                                                                                              \
	SEC("tc") int cold_##NAME(struct __sk_buff *skb)                                                               \
	{                                                                                                              \
		struct rudder_scratch *s;                                                                               \
		__u64 start;                                                                                           \
		__u32 rank;                                                                                            \
		bpf_loop(evicted_pages, touch_page, NULL, 0);                                                          \
		s = next_header(&TRACE);                                                                               \
		if (!s)                                                                                                \
			return 0;                                                                                      \
		start = bpf_ktime_get_ns();                                                                            \
		rank = NAME(s);                                                                                        \
		samples[sample_next++ & (BENCH_SAMPLES - 1)] = (__u32)(bpf_ktime_get_ns() - start);                    \
		return done(rank);                                                                                     \
	}

static __always_inline __u32 empty(const struct rudder_scratch *s)
{
	return s->packet.dst_port;
}
BENCH_PROGRAMS(empty, trace)

static __always_inline __u32 walk(struct rudder_scratch *s)
{
	const char *blob = rudder_active_blob();

	if (!blob)
		return RUDDER_NO_RULE;
	s->generation = ((const struct rudder_blob_header *)blob)->generation;
	return rudder_classify_packet(blob, blob_bytes, &s->packet, &s->key);
}
BENCH_PROGRAMS(walk, trace)

/* The linear scans, as one would write them by hand: field by field, away at the first difference. */
static __always_inline int ports_match(const struct rudder_packet *p, const struct bench_ports *ports)
{
	if ((p->protocol ^ ports->protocol) & ports->protocol_mask)
		return 0;
	if (p->dst_port < ports->dst_port_first || p->dst_port > ports->dst_port_last)
		return 0;
	return p->src_port >= ports->src_port_first && p->src_port <= ports->src_port_last;
}

static __always_inline int rest_matches(const struct rudder_packet *p, const struct bench_rest *rest)
{
	if ((p->flags ^ rest->flag_value) & rest->flag_mask)
		return 0;
	if (p->hook_class < rest->hook_first || p->hook_class > rest->hook_last)
		return 0;
	return rest->dscp >> (p->tos >> 2) & 1;
}

struct addresses_v4 {
	__u32 src, dst;
};

static __always_inline struct addresses_v4 addresses_v4(const struct rudder_packet *p)
{
	return (struct addresses_v4){ RUDDER_HOST32(p->src_be[0]), RUDDER_HOST32(p->dst_be[0]) };
}

static __always_inline int match_v4(const struct rudder_packet *p, const struct addresses_v4 *a,
				    const struct bench_tuple_v4 *tuple)
{
	if ((a->dst ^ tuple->dst) & tuple->dst_mask)
		return 0;
	if ((a->src ^ tuple->src) & tuple->src_mask)
		return 0;
	return ports_match(p, &tuple->ports);
}

struct addresses_v6 {
	__u64 src[2], dst[2];
};

static __always_inline __u64 half(const __u32 *word_be)
{
	return (__u64)RUDDER_HOST32(word_be[0]) << 32 | RUDDER_HOST32(word_be[1]);
}

static __always_inline struct addresses_v6 addresses_v6(const struct rudder_packet *p)
{
	return (struct addresses_v6){ { half(&p->src_be[0]), half(&p->src_be[2]) },
				      { half(&p->dst_be[0]), half(&p->dst_be[2]) } };
}

static __always_inline int match_v6(const struct rudder_packet *p, const struct addresses_v6 *a,
				    const struct bench_tuple_v6 *tuple)
{
	if ((a->dst[0] ^ tuple->dst[0]) & tuple->dst_mask[0] || (a->dst[1] ^ tuple->dst[1]) & tuple->dst_mask[1])
		return 0;
	if ((a->src[0] ^ tuple->src[0]) & tuple->src_mask[0] || (a->src[1] ^ tuple->src[1]) & tuple->src_mask[1])
		return 0;
	return ports_match(p, &tuple->ports);
}

/* MATCHES(rule) is true of the first rule that matches, TUPLE(rule) holds its rank. */
#define BENCH_SCAN(NAME, FAMILY, RULES, TUPLE, MATCHES)                                                                \
	static __always_inline __u32 NAME(struct rudder_scratch *s)                                                     \
	{                                                                                                              \
		const struct rudder_packet *p = &s->packet;                                                            \
		struct addresses_##FAMILY a = addresses_##FAMILY(p);                                                   \
		__u32 zero = 0;                                                                                        \
		const struct bench_linear *all = bpf_map_lookup_elem(&linear, &zero);                                  \
		if (!all)                                                                                              \
			return RUDDER_NO_RULE;                                                                         \
		RUDDER_NO_UNROLL                                                                                       \
		for (__u32 i = 0; i < BENCH_LINEAR_RULES; i++) {                                                       \
			if (MATCHES)                                                                                   \
				return all->RULES[i].TUPLE.rank;                                                       \
		}                                                                                                      \
		return RUDDER_NO_RULE;                                                                                 \
	}                                                                                                              \
	BENCH_PROGRAMS(NAME, linear_trace)

BENCH_SCAN(tuples_v4, v4, tuples_v4, ports, match_v4(p, &a, &all->tuples_v4[i]))
BENCH_SCAN(tuples_v6, v6, tuples_v6, ports, match_v6(p, &a, &all->tuples_v6[i]))
BENCH_SCAN(rules_v4, v4, rules_v4, tuple.ports,
	   match_v4(p, &a, &all->rules_v4[i].tuple) && rest_matches(p, &all->rules_v4[i].rest))
BENCH_SCAN(rules_v6, v6, rules_v6, tuple.ports,
	   match_v6(p, &a, &all->rules_v6[i].tuple) && rest_matches(p, &all->rules_v6[i].rest))

char _license[] SEC("license") = "Dual BSD/GPL";
