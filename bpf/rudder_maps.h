/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Maps of the TC programs. A comment says key, value, and who writes.
 *
 * Each tier has its own active, stages and counters; they share the others.
 */
#pragma once

#include "rudder_abi.h"

/* The walk asks through a function that the verifier looks at once; see rudder_match.h. */
int rudder_extension_rank(__u32 result);
#define RUDDER_EXTENDED_RANK(result) (__u32)rudder_extension_rank(result)
int rudder_unmet_conditions(__u32 unit);
#define RUDDER_CONDITIONS_DIFFER(unit) (__u64)(__u32)rudder_unmet_conditions(unit)
int rudder_excluded_address(__u32 unit);
#define RUDDER_ADDRESSES_EXCLUDED(unit) (__u64)(__u32)rudder_excluded_address(unit)
#include "rudder_classifier.h"
#include "rudder_flow_key.h"
#include "rudder_parse.h"
#include "rudder_rewrite.h"
#include "rudder_stage.h"

/* Value size of the blob map of this tier. Set before loading, together with the template of `active`. */
#define RUDDER_DEFAULT_BLOB_BYTES 65536u
const volatile __u32 blob_bytes = RUDDER_DEFAULT_BLOB_BYTES;

/* Counters of this tier, on each CPU. Set before loading, together with the value size of `counters`. */
#define RUDDER_DEFAULT_COUNTER_SLOTS 4096u
const volatile __u32 counter_slots = RUDDER_DEFAULT_COUNTER_SLOTS;

/* Key 0 -> the active generation's map, whose key 0 -> its blob. Invariants I1, I3, I5. Written by rudderd, one update per
 * publish. Empty: another tier has the active generation (RUDDER_STAGE_NEXT_TIER), or there is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__uint(map_flags, BPF_F_RDONLY_PROG | BPF_F_MMAPABLE);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, RUDDER_DEFAULT_BLOB_BYTES);
	});
} active SEC(".maps");

/* RUDDER_STAGE_* -> program that goes on with the packet. Each tier has its own, filled by rudderd after loading. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, RUDDER_STAGE_COUNT);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

/* Next-hop slot -> where it leads. Written by rudderd while packets read it. */
#define RUDDER_NEXT_HOP_SLOTS 65536
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RUDDER_NEXT_HOP_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rudder_next_hop);
} next_hops SEC(".maps");

/* Group slot -> which member has each place of the flow hash. Written by rudderd while packets read it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RUDDER_GROUP_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rudder_group_table);
} group_tables SEC(".maps");

/* CPU -> its counters, struct rudder_counter[counter_slots]: what matched (rule) or was sent (target). Written here, each CPU
 * its own value; read and zeroed by rudderd in its memory. An array for each slot, per CPU, would cost a packet the kernel's
 * table of pointers besides, and the kernel half a microsecond for each slot of the tier when it is made. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* numbers of CPUs, set before loading */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, RUDDER_DEFAULT_COUNTER_SLOTS * sizeof(struct rudder_counter));
} counters SEC(".maps");

/* enum rudder_reason -> packets, per CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RUDDER_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

/* {counter slot, reason} -> packets, per CPU. Entries appear with the first failure. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct rudder_failure_key);
	__type(value, __u64);
} failures SEC(".maps");

/* Slot of a limit -> what it has left. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RUDDER_LIMIT_SLOTS);
	__type(key, __u32);
	__type(value, struct rudder_limit_state);
} limit_states SEC(".maps");

/* CPU -> its flow cache. Not a per-CPU map: the values of those are not aligned to cache lines, and have at most 32 KiB.
 * The number of CPUs is set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rudder_flow_cache);
} flows SEC(".maps");

/* The way out as one packet sees it: a snapshot of a next-hop slot, or what a routing table said. So every decision on
 * one copy sees one state. dst and src as in rudder_next_hop. */
struct rudder_way {
	__u64 dst;
	__u64 src;
	__u32 ifindex;
	__u32 mtu;
	__u32 flags; /* RUDDER_NH_* */
	__u32 reserved;
};

/* Bits of rudder_scratch.odd, below those of a mark; see rudder_mark.h. */
#define RUDDER_ODD_STALE 0x01u    /* another generation was met on the way: start again */
#define RUDDER_ODD_UNCACHED 0x02u /* the flow cache is not to be asked, nor rudder_forward again */
#define RUDDER_ODD_FRAME 0x04u    /* no rudder_is_plain_frame, or larger than most */
#define RUDDER_ODD_KEEP 0x08u     /* what becomes of it is to be kept for its flow */

/* One packet's working memory. */
struct rudder_scratch {
	/* What every packet needs comes first: few cache lines. */
	__u64 generation;                /* of the blob this packet is treated by */
	__u32 frame_bytes;               /* skb->len at the hook */
	__u32 odd;                       /* RUDDER_ODD_* | its mark: why it cannot do what most packets do; 0: it can */
	__u32 direction;
	__u32 is_layer3_hook;
	__u32 is_cloning;                /* a clone redirect is under way, and no other packet has used this memory yet */
	__u32 mark;                      /* of the packet as it came: 0 if it is not ours; see rudder_mark.h */
	__u32 rank;                      /* of the rule it matched */
	__u16 transport_changed;         /* RUDDER_CHANGED_*: what the frame carries of an earlier copy */
	__u8 is_header_added;            /* an Ethernet header was put before a layer-3 frame */
	__u8 is_long_way;                /* steer: rudder_forward has turned the packet down */
	__u32 macs[3];                   /* new destination and source MAC */
	__u32 flow_rest;                 /* packets that the flow cache is not asked for */
	__u32 flow_place;                /* RUDDER_ODD_KEEP: of `flow` in the cache */
	struct rudder_packet packet;
	struct rudder_key key;
	struct rudder_original original;
	struct rudder_target target;     /* the one being served: global functions cannot be given the blob */
	__u16 reserved;
	__u8 ethernet[14];               /* before rewritten.ip, as in a frame: both are written in one store */
	struct rudder_rewritten rewritten;
	__u32 pseudo_difference;         /* of an earlier copy, in the frame's transport checksum: see transport_changed */
	struct rudder_way way;           /* of target */
	__u32 gateway_be[4];             /* of a way by routing table */
	__u32 taken_target;              /* index of target */
	__u32 is_original_passing;       /* replicate: the original goes on after the copies */
	__u32 is_tag_lost;               /* replicate: the original's tag could not be put back */
	__u32 answer_mtu;                /* a packet that was too big: the least MTU in its way; else 0 */
	__s32 failure_verdict;           /* for a packet that was not sent */
	__u32 depth;                     /* how many clone redirects of other packets this one is inside of */
	__u32 random;                    /* drawn once: targets with equal samples get copies of the same packets */
	struct rudder_limit limit;       /* the one being asked */
	__u32 cut_ifindex;               /* whose egress hook is to cut the copy being cloned, 0: none; see rudder_cut.h */
	__u32 cut_bytes;                 /* to how many bytes */
	__u32 is_cut;                    /* it has done so, or need not */
	struct rudder_flow flow;         /* RUDDER_ODD_KEEP: this packet's, which is not in the cache */
	__u64 flow_generation;           /* under which the cache is being judged, and rests */
	__u64 flow_hits;                 /* of the cache when its use was last judged */
	__u32 flow_misses;               /* since then */
	__u32 flow_bad_windows;          /* in a row, of little use; not counted further than the longest rest */
};

RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_scratch, rewritten) ==
			     RUDDER_OFFSET(struct rudder_scratch, ethernet) + RUDDER_ETH_BYTES, "one store");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_rewritten, ip) == 0, "one store");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rudder_scratch);
} scratch SEC(".maps");

static __always_inline struct rudder_scratch *rudder_get_scratch(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&scratch, &key);
}

/* Depth of nesting -> the scratch memory of the packet whose clone redirect has other packets treated; see rudder_nest.h.
 * The kernel ends such nesting at 10 (XMIT_RECURSION_LIMIT). */
#define RUDDER_NEST_LEVELS 16
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RUDDER_NEST_LEVELS);
	__type(key, __u32);
	__type(value, struct rudder_scratch);
} nests SEC(".maps");
