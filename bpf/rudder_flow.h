/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The flow cache as user space and datapath share it: which bits make a flow's key (in the blob's header), and the map
 * `flows`, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, index = CPU. What is done with them: rudder_flow_key.h, rudder_flow_cache.h.
 */
#pragma once

#include "rudder_types.h"

/* Which bits of a packet some rule of the family looks at: the rest is masked out of the keys of the flow cache
 * (rudder_flow_key.h). Addresses in wire order, source first; `fields` as rudder_flow_fields packs them, 0: rules look at
 * more than the cache does, no flow of the family is kept. */
struct rudder_flow_mask4 {
	__u64 address;
	__u64 fields;
};

struct rudder_flow_mask6 {
	__u64 address[4];
	__u64 fields;
};

/* The family sets the keys of IPv4 apart from those of IPv6. */
static inline __u64 rudder_flow_fields(__u32 ports_be, __u8 tos, __u8 protocol, __u8 direction, __u8 family)
{
	return (__u64)ports_be | (__u64)(tos | (__u32)protocol << 8 | (__u32)direction << 16 | (__u32)family << 24) << 32;
}

/* ---- the map ----------------------------------------------------------------------------------- */

#define RUDDER_CPU_FLOWS 16384u /* a power of two */
#define RUDDER_FLOW_CPUS 128u   /* at most: the others go without */

/* One flow, a cache line: its key, and what becomes of its packets. Written and read by the datapath only, rudder_flow_cache.h. */
struct rudder_flow {
	__u64 address[4]; /* masked, wire order; IPv4: source and destination in [0], and no more is looked at */
	__u64 fields;     /* rudder_flow_fields(), masked */
	__u32 ifindex;    /* of the hook */
	__u32 way;        /* index into the next-hop table | RUDDER_FORWARD_* in rudder_forward.h << 16 */
	__u64 generation; /* 0: empty */
	__u32 rule_slot;  /* counters; RUDDER_NO_SLOT: no rule matches */
	__u32 reserved;
};

struct rudder_flow_cache {
	struct rudder_flow flow[RUDDER_CPU_FLOWS];
	__u64 hits;   /* packets since rudderd started whose flow was found */
	__u64 misses; /* packets whose flow was looked for in vain */
	__u64 reserved[6];
};

/* ---- layout assertions ------------------------------------------------------------------------- */

RUDDER_STATIC_ASSERT(sizeof(struct rudder_flow_mask4) == 16, "rudder_flow_mask4");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_flow_mask6) == 40, "rudder_flow_mask6");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_flow) == 64, "rudder_flow");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_flow, generation) == 48, "rudder_flow.generation");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_flow_cache, hits) == 64 * RUDDER_CPU_FLOWS, "rudder_flow_cache.hits");
