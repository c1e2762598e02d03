/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The binary contract between rudderd (C++) and its BPF programs (C).
 *
 * Compiled by clang -target bpf, by C11 and by C++20; every struct is asserted for size and offsets
 * at the end, so that the three cannot drift apart. Fields are in host byte order unless their name
 * ends in `_be`.
 *
 * One policy generation is ONE value ("blob") of one single-entry array map. Everything a packet needs
 * from the policy is inside it, addressed by byte offsets from the start of the blob. Blobs are
 * inner maps of an array-of-maps whose slot 0 is the active generation (invariants I1, I3, I5 in HACKING.md).
 * What may change without a new generation (MACs, MTU, neighbour state) lives in the next-hop table.
 */
#pragma once

#include "rudder_flow.h"
#include "rudder_vectors.h"

#define RUDDER_ABI_MAGIC 0x52444452u /* "RDDR" */
#define RUDDER_ABI_VERSION 1u

#define RUDDER_MAX_TARGETS 64u
#define RUDDER_MAX_RULES 200000u
#define RUDDER_MAX_PASSES 64u        /* how often one packet is sent on within this host; see rudder_mark.h */
#define RUDDER_NO_RULE 0xffffffffu  /* classification result: nothing matched */
#define RUDDER_NO_SLOT 0xffffffffu  /* no counter slot */

/* ---- the packet as the parser leaves it ------------------------------------------------------ */

/* Bits of rudder_packet.flags; a rule states which it requires set or clear (flag_mask, flag_value). Those that leaf entries
 * compare lie as their lanes do, so that one shift takes them there: see rudder_leaf.h. */
#define RUDDER_PKT_HAS_PORTS 0x01u      /* TCP, UDP, UDP-Lite, SCTP or DCCP ports were read */
#define RUDDER_PKT_FRAGMENT 0x02u       /* any fragment */
#define RUDDER_PKT_TAGGED 0x04u         /* in a VLAN: a tag (802.1Q, 802.1ad) with VID != 0, in band or offloaded */
#define RUDDER_PKT_LATER_FRAGMENT 0x08u /* not the first one: no ports */
#define RUDDER_PKT_OWN_SOURCE 0x10u     /* it comes in with an address of this host as its source */
#define RUDDER_PKT_SPECIAL 0x20u        /* special-purpose source or destination: link-local, loopback, ... */
#define RUDDER_PKT_GROUP 0x80u          /* link-layer broadcast/multicast, or IP multicast destination */

enum rudder_direction {
	RUDDER_INGRESS = 0,
	RUDDER_EGRESS = 1,
};

/* What of a packet only some rules look at is there (rudder_packet.has). */
#define RUDDER_HAS_TCP_FLAGS 0x01u
#define RUDDER_HAS_ICMP 0x02u

/* A MAC address as a number, its first octet on top, above them this bit. */
#define RUDDER_A_MAC (1ull << 48)

/* One parsed packet. Addresses stay in wire order; IPv4 uses word [0] only. What every packet needs is in the first 52
 * bytes; the rest is filled where rudder_blob_header.fields says that a rule looks at it (rudder_closer.h). */
struct rudder_packet {
	__u32 src_be[4];
	__u32 dst_be[4];
	__u16 src_port;     /* host order; 0 without RUDDER_PKT_HAS_PORTS */
	__u16 dst_port;     /* host order; 0 without RUDDER_PKT_HAS_PORTS */
	__u8 family;        /* 4 or 6 */
	__u8 protocol;      /* IP protocol after IPv6 extension headers */
	__u8 tos;           /* whole TOS / traffic class octet: DSCP << 2 | ECN */
	__u8 ttl;           /* TTL or hop limit */
	__u8 flags;         /* RUDDER_PKT_* */
	__u8 l3_offset;     /* bytes from skb->data to the IP header */
	__u16 l4_offset;    /* bytes from skb->data to the transport header; 0 if there is none */
	__u16 vlan_tci;     /* of the outermost tag with VID != 0 if RUDDER_PKT_TAGGED; else of a priority tag, or 0 */
	__u16 l3_bytes;     /* length of the IP packet by its own header */
	__u16 hook_class;   /* equivalence class of (device, direction), from the blob's hook table */
	__u8 ip_header_bytes; /* IPv4: IHL * 4; IPv6: 40 */
	__u8 l4_checksum;   /* byte offset of the checksum in the transport header, RUDDER_L4_NO_CHECKSUM if none */
	__u16 icmp;         /* RUDDER_HAS_ICMP: type << 8 | code of ICMP in IPv4, ICMPv6 in IPv6 */
	__u8 tcp_flags;     /* RUDDER_HAS_TCP_FLAGS: FIN is bit 0, CWR bit 7 */
	__u8 has;           /* RUDDER_HAS_* */
	__u32 mark;         /* skb->mark */
	__u32 reserved;
	__u64 src_mac;      /* RUDDER_A_MAC | address; 0 without an Ethernet header */
	__u64 dst_mac;
};
#define RUDDER_L4_NO_CHECKSUM 0xffu

/* ---- blob ------------------------------------------------------------------------------------ */

/* Hook table: open addressing, linear probing, at most RUDDER_HOOK_PROBES steps (the builder grows
 * the table until that holds). hash = rudder_hook_hash(ifindex, direction) & hook_mask. */
#define RUDDER_HOOK_PROBES 8u
#define RUDDER_HOOK_LAYER3 0x1u /* the device carries no Ethernet header (tun, wireguard, ...) */
#define RUDDER_HOOK_BOTH 0x2u   /* the device has a hook in the other direction too */
#define RUDDER_HOOK_BELOW 0x4u  /* ingress: it hands packets on to a device that has an ingress hook of ours, too */
#define RUDDER_HOOK_OUTSIDE 0x8u /* ingress, neither of the loopback nor of a VRF: no packet of this host begins there */

/* Where a rule sends by routing tables: an entry for each device without Ethernet header, which is no hook. */
#define RUDDER_LAYER3_DEVICE 2u

struct rudder_hook {
	__u32 ifindex;    /* 0: empty entry */
	__u32 direction;  /* enum rudder_direction, or RUDDER_LAYER3_DEVICE */
	__u16 hook_class; /* hooks served by the same set of rules share one class */
	__u16 flags;      /* RUDDER_HOOK_* */
	__u32 source_offset; /* ingress: struct rudder_source; 0: the host has no address */
};

/* What ICMP errors sent from an ingress hook come from: an address of the device, or of another one if it has none.
 * Zero: the host has none of the family. */
struct rudder_source {
	__u32 v4_be;
	__u32 v6_be[4];
};

static inline __u32 rudder_hook_hash(__u32 ifindex, __u32 direction)
{
	return ((ifindex * 2u + direction) * 0x9e3779b1u) >> 8;
}

/* One place of the hash table of this host's own addresses: see rudder_own_source.h. All zero: empty. */
struct rudder_own_address {
	__u32 address_be[4];
};

#define RUDDER_MAX_TREES 6u

/* One tree of the classifier forest of one address family. Its root lies here and not among the other nodes: each
 * place that one look-up leads to costs a packet the time of a cache miss. */
struct rudder_tree {
	__u64 root;      /* struct rudder_node, see rudder_classifier.h; 0: no tree */
	__u32 best_rank; /* no rule in this tree has a smaller rank; trees are sorted by it */
	__u32 reserved;
};

/* Bits of rudder_blob_header.fields. */
#define RUDDER_FIELD_VLAN 0x01u      /* a rule is for packets in VLANs, or for some of them */
#define RUDDER_FIELD_HEADER 0x02u    /* length, TTL: what every packet has, in the key of this policy only */
#define RUDDER_FIELD_TRANSPORT 0x04u /* ICMP type, TCP flags */
#define RUDDER_FIELD_LINK 0x08u      /* mark, MAC addresses */
#define RUDDER_FIELD_CLOSER (RUDDER_FIELD_TRANSPORT | RUDDER_FIELD_LINK) /* fields that cost a second look */

struct rudder_blob_header {
	__u32 magic;
	__u32 abi_version;
	__u64 generation;
	__u32 used_bytes;      /* header included */
	__u32 rule_count;
	__u32 hook_offset;     /* struct rudder_hook[hook_mask + 1] */
	__u32 hook_mask;       /* power of two minus one */
	__u32 hook_set_offset; /* __u64[hook classes][hook_set_words]: bit s of row c = class c is in hook set s */
	__u32 hook_set_words;
	__u32 rule_offset;     /* struct rudder_rule[rule_count], index = rank (0 = first to match) */
	__u32 target_offset;   /* struct rudder_target[target_count] */
	__u32 target_count;
	__u32 extension_offset; /* classifier extensions (lists that do not fit a leaf entry) */
	__u32 flow_place_mask;  /* places of the flow cache that this policy uses: power of two minus one */
	__u32 fields;           /* RUDDER_FIELD_*: what only some policies look at */
	__u64 own_v4;           /* a bit for each own IPv4 address: see rudder_own_source.h */
	struct rudder_flow_mask4 flow_v4;
	struct rudder_tree tree_v4[RUDDER_MAX_TREES];
	__u64 reserved_v4;
	struct rudder_vectors vectors_v4; /* of a set without trees */
	__u64 own_v6;
	struct rudder_flow_mask6 flow_v6;
	struct rudder_tree tree_v6[RUDDER_MAX_TREES];
	__u64 reserved_v6[2];
	struct rudder_vectors vectors_v6;
	__u32 own_offset;       /* struct rudder_own_address[own_mask + 1] */
	__u32 own_mask;         /* power of two minus one */
	__u32 extension_bytes;
	__u32 reserved;
};

enum rudder_action {
	RUDDER_ACTION_PASS = 0,
	RUDDER_ACTION_DROP = 1,
	RUDDER_ACTION_STEER = 2,
	RUDDER_ACTION_REPLICATE = 3,
	RUDDER_ACTION_MIRROR = 4,
};

#define RUDDER_RULE_ORIGINAL_PASSES 0x1u /* replicate: the original goes on, else it is consumed */
#define RUDDER_RULE_FAILURE_DROPS 0x2u   /* steer: drop when it cannot be sent, else it goes on untouched */
#define RUDDER_RULE_SAMPLES 0x4u         /* some target wants a sample only */
#define RUDDER_RULE_EXCESS_DROPS 0x8u    /* what is beyond the limit is dropped, else it goes on untouched */
/* Steer: the target has a next hop on an Ethernet and changes nothing but MACs and TTL; it is said here once more, and plain frames take the
 * short way without a look at it. */
#define RUDDER_RULE_FORWARDS 0x10u
#define RUDDER_RULE_AT_ONCE 0x40u    /* it does, and has no limit */
#define RUDDER_RULE_DECREMENTS 0x20u /* RUDDER_TTL_DECREMENT, else RUDDER_TTL_KEEP */
#define RUDDER_RULE_MEETS_HOOK 0x80u /* RUDDER_TARGET_MEETS_HOOK */
/* The last two as bits of RUDDER_FORWARD_*; the others would be bits that mean something else there. */
#define RUDDER_RULE_FORWARD_SHIFT 4u
#define RUDDER_RULE_FORWARD_BITS (RUDDER_RULE_DECREMENTS | RUDDER_RULE_MEETS_HOOK)

/* What to do with a packet that matched. Index = rank. */
struct rudder_rule {
	__u8 action;         /* enum rudder_action */
	__u8 flags;          /* RUDDER_RULE_* */
	__u16 target_count;  /* steer: 1; replicate, mirror: 1..64; else 0 */
	__u32 first_target;  /* index into the target array */
	__u32 counter_slot;  /* stable for the rule's name (invariant I6) */
	__u16 limit;         /* number of its rudder_limit, 0: none */
	__u16 next_hop;      /* RUDDER_RULE_FORWARDS: index into the next-hop table */
};

#define RUDDER_LIMIT_SLOTS 16384u
#define RUDDER_TICK_SHIFT 6   /* a tick is 2^-6 ns */
#define RUDDER_PRICE_SHIFT 16 /* a price is in 2^-16 ticks */

/* A rate limit. The limits of a policy lie before its targets: number i, from 1, begins i records before target 0. */
struct rudder_limit {
	__u64 price;       /* of one packet or byte */
	__u64 burst;       /* ticks: what may come at once; less than 2^62.5 */
	__u32 slot;        /* of its rudder_limit_state; stable for the rule or target */
	__u32 terms;       /* stands for price, burst and owner */
	__u32 is_per_byte; /* the price is that of a byte, else of a packet */
	__u32 reserved;
};

/* What a limit has left, in a cache line of its own. BPF_MAP_TYPE_ARRAY limit_states, index = rudder_limit.slot. Written
 * by the datapath only; see rudder_bucket.h. */
struct rudder_limit_state {
	__u64 full_at; /* ticks of the monotonic clock */
	__u32 terms;   /* of the limit that wrote it */
	__u32 reserved[13];
};

#define RUDDER_REWRITE_DST_IP 0x01u
#define RUDDER_REWRITE_SRC_IP 0x02u
#define RUDDER_REWRITE_DST_PORT 0x04u
#define RUDDER_REWRITE_SRC_PORT 0x08u
#define RUDDER_REWRITE_DSCP 0x10u
#define RUDDER_REWRITE_VLAN 0x20u    /* the outer tag gets the id vlan_id; without a tag one is put on */
#define RUDDER_POP_VLAN 0x40u        /* the outer tag is taken off */
#define RUDDER_TARGET_DEFERRED 0x80u /* cannot be used now: skip and count; next_hop says why (NO_DEVICE, NO_ADDRESS) */
#define RUDDER_TARGET_GROUP 0x100u   /* one of several: next_hop is a slot of the group table, the members' own targets
				      * start at first_member */
#define RUDDER_TARGET_TABLE 0x200u   /* next_hop is the number of a routing table of the kernel */
#define RUDDER_TARGET_MEETS_HOOK 0x400u /* its device has our program at egress in this generation; always, if it has a snap */
/* With any of these a steer takes the long way. Without, addresses, ports, DSCP and VLAN stay, and the device is known. */
#define RUDDER_TARGET_LONG_WAY                                                                                         \
	(RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP | RUDDER_REWRITE_DST_PORT | RUDDER_REWRITE_SRC_PORT |          \
	 RUDDER_REWRITE_DSCP | RUDDER_REWRITE_VLAN | RUDDER_POP_VLAN | RUDDER_TARGET_DEFERRED | RUDDER_TARGET_TABLE)

/* What of a packet chooses the member of a group (rudder_target.hash_fields). */
#define RUDDER_HASH_SRC_IP 0x01u
#define RUDDER_HASH_DST_IP 0x02u
#define RUDDER_HASH_SRC_PORT 0x04u
#define RUDDER_HASH_DST_PORT 0x08u
#define RUDDER_HASH_PROTOCOL 0x10u
#define RUDDER_HASH_5_TUPLE 0x1fu

enum rudder_ttl_mode {
	RUDDER_TTL_DECREMENT = 0, /* at ingress; at egress routing has already done it */
	RUDDER_TTL_SET = 1,       /* store `ttl` */
	RUDDER_TTL_KEEP = 2,
};

/* One way out: where to, and what to change on the way. */
struct rudder_target {
	__u32 next_hop;     /* index into the next-hop table; but see RUDDER_TARGET_DEFERRED, _GROUP and _TABLE */
	__u32 counter_slot; /* stable for (rule name, target index); RUDDER_NO_SLOT: the rule's count says it all */
	__u16 flags;        /* RUDDER_REWRITE_* | RUDDER_TARGET_* */
	__u8 ttl_mode;      /* enum rudder_ttl_mode */
	__u8 ttl;           /* RUDDER_TTL_SET: the value */
	__u8 dscp;          /* RUDDER_REWRITE_DSCP: 0-63; ECN bits stay */
	__u8 hash_fields;   /* RUDDER_TARGET_GROUP: RUDDER_HASH_* */
	__u16 vlan_id;      /* RUDDER_REWRITE_VLAN: 1-4094 */
	__u16 dst_port_be;
	__u16 src_port_be;
	__u32 first_member; /* RUDDER_TARGET_GROUP: index of member 0 in the target array */
	__u32 dst_be[4];    /* family of the rule's packets; IPv4 in [0] */
	__u32 src_be[4];
	__u32 sample;       /* copies: sent if a random number is below it, 0: always */
	__u16 snap;         /* mirror: bytes of the frame that are sent, 0: all */
	__u16 limit;        /* replicate: number of its rudder_limit, 0: none */
};

/* ---- next-hop table: BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, index = next-hop slot ---------------- */

#define RUDDER_NH_LINK_UP 0x0001u  /* the egress device is up with carrier */
#define RUDDER_NH_MAC_VALID 0x0002u /* dst_mac may be used (static, or a usable neighbour) */
#define RUDDER_NH_LAYER3 0x0004u   /* the egress device carries no Ethernet header */
#define RUDDER_NH_GATEWAY4 0x0008u /* gateway_be holds an IPv4 next hop */
#define RUDDER_NH_GATEWAY6 0x0010u /* gateway_be holds an IPv6 next hop */
#define RUDDER_NH_BY_PACKET 0x0020u /* no fixed next hop: the kernel's route to the packet's own destination */
#define RUDDER_NH_UNREACHABLE 0x0040u /* the kernel has no route to it out of the device */
#define RUDDER_NH_NO_TAG 0x0100u   /* ways by routing table only: the device takes no packet with a VLAN tag */
#define RUDDER_NH_FAILED 0x0080u   /* the neighbour does not answer; only for whoever chooses among members of a group */

/* Written by rudderd while packets read it: `dst` and `src` are each stored and loaded as one
 * 64-bit word, so a MAC is never seen half written. ifindex and gateway are constant for a slot's life. */
struct rudder_next_hop {
	__u64 dst;         /* bytes 0-5: MAC in wire order; bytes 6-7 (memory order): __u16 RUDDER_NH_* flags */
	__u64 src;         /* bytes 0-5: the egress device's MAC; bytes 6-7: __u16 zero */
	__u32 ifindex;     /* 0: slot not in use */
	__u32 mtu;         /* of the device, bytes of layer 3 */
	__u32 gateway_be[4];
	__u32 reserved[6]; /* a slot is one cache line */
};

/* ---- group tables: BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, index = group slot ---------------------- */

#define RUDDER_MAX_MEMBERS 64u
#define RUDDER_GROUP_SLOTS 1024u
#define RUDDER_GROUP_ENTRIES 4093u /* a prime; 64 members of equal weight differ by less than 2 % */
#define RUDDER_NO_MEMBER 0xffffu

/* The look-up table of one group: a flow's hash -> its member. Written by rudderd while packets read it, entry by entry,
 * each in one store: a packet sees the old member or the new one. */
struct rudder_group_table {
	__u16 member[RUDDER_GROUP_ENTRIES]; /* index, or RUDDER_NO_MEMBER */
	__u16 reserved[3];
};

/* ---- counters -------------------------------------------------------------------------------- */

/* BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, index = number of a CPU; each value is an array of these, index = counter slot of a
 * rule or a target. A rule counts each packet it matched; a target counts each packet or copy sent to it. `bytes` are skb->len
 * at the hook. */
struct rudder_counter {
	__u64 packets;
	__u64 bytes;
};

/* Why a packet was not treated, or a copy not sent. BPF_MAP_TYPE_PERCPU_ARRAY reasons[RUDDER_REASON_COUNT]
 * of __u64, and BPF_MAP_TYPE_PERCPU_HASH failures{slot, reason} -> __u64 for those that concern one rule
 * or target. The list is closed: report and man page name every member (src/core/base/reason.hpp). */
enum rudder_reason {
	RUDDER_REASON_NONE = 0,
	RUDDER_REASON_SHORT = 1,          /* truncated headers: passed untouched */
	RUDDER_REASON_MALFORMED = 2,      /* bad version, header length, total length or IP checksum: passed */
	RUDDER_REASON_NOT_FOR_US = 3,     /* PACKET_OTHERHOST at ingress: passed */
	RUDDER_REASON_TTL_EXPIRED = 4,    /* TTL <= 1: left to the stack */
	RUDDER_REASON_NO_NEIGHBOUR = 5,   /* link-layer address not known (yet) */
	RUDDER_REASON_NO_ROUTE = 6,       /* the kernel has no route to it out of the device */
	RUDDER_REASON_LINK_DOWN = 7,      /* egress device down or without carrier */
	RUDDER_REASON_NO_DEVICE = 8,      /* egress device does not exist */
	RUDDER_REASON_TOO_BIG = 9,        /* larger than the egress MTU */
	RUDDER_REASON_CLONE_FAILED = 10,  /* the kernel could not clone or enqueue */
	RUDDER_REASON_NOT_WRITABLE = 11,  /* headers could not be made linear and writable */
	RUDDER_REASON_NO_PORTS = 12,      /* a port is to be rewritten, the packet has none */
	RUDDER_REASON_OWN_COPY = 13,      /* a packet we sent met a hook of ours that must not treat it again: passed */
	RUDDER_REASON_BAD_POLICY = 14,    /* the blob refers outside itself: a bug of ours */
	RUDDER_REASON_HIDDEN_TRANSPORT = 15, /* an address is to be rewritten, a checksum over it may be out of reach */
	RUDDER_REASON_LOOP = 16,          /* we have sent it on RUDDER_MAX_PASSES times: dropped */
	RUDDER_REASON_RATE_LIMITED = 17,  /* beyond the limit of the rule or target */
	RUDDER_REASON_NO_MEMBER = 18,     /* no member of the group is up */
	RUDDER_REASON_NO_ADDRESS = 19,    /* the egress device has no address of the packet's family */
	RUDDER_REASON_FORWARDING_OFF = 20, /* the kernel forwards nothing that comes in there, so its tables do not answer */
	RUDDER_REASON_ICMP_SENT = 21,     /* the sender was told by ICMP; the packet itself counts by its own reason */
	RUDDER_REASON_ICMP_LIMITED = 22,  /* it was not, there are too many */
	RUDDER_REASON_COUNT = 23,
};

struct rudder_failure_key {
	__u32 slot;   /* counter slot */
	__u32 reason; /* enum rudder_reason */
};

/* ---- layout assertions ----------------------------------------------------------------------- */

RUDDER_STATIC_ASSERT(sizeof(struct rudder_packet) == 80, "rudder_packet");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, src_port) == 32, "rudder_packet.src_port");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, dst_port) == 34, "rudder_packet.dst_port");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, family) == 36, "rudder_packet.family");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, protocol) == 37, "rudder_packet.protocol");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, tos) == 38, "rudder_packet.tos");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, ttl) == 39, "rudder_packet.ttl");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, flags) == 40, "rudder_packet.flags");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, l3_offset) == 41, "rudder_packet.l3_offset");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, l4_offset) == 42, "rudder_packet.l4_offset");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, vlan_tci) == 44, "rudder_packet.vlan_tci");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, l3_bytes) == 46, "rudder_packet.l3_bytes");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, hook_class) == 48, "rudder_packet.hook_class");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, icmp) == 52, "rudder_packet.icmp");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_packet, src_mac) == 64, "rudder_packet.src_mac");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_hook) == 16, "rudder_hook");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_source) == 20, "rudder_source");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_own_address) == 16, "rudder_own_address");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_tree) == 16, "rudder_tree");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_blob_header) == 432, "rudder_blob_header");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_blob_header, hook_offset) == 24, "rudder_blob_header.hook_offset");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_blob_header, tree_v4) == 88, "rudder_blob_header.tree_v4");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_blob_header, vectors_v4) == 192, "in one cache line");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_blob_header, vectors_v6) == 384, "in one cache line");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_blob_header, tree_v6) == 272, "rudder_blob_header.tree_v6");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_rule) == 16, "rudder_rule");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_limit) == 32, "rudder_limit");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_limit_state) == 64, "rudder_limit_state");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_target) == 64, "rudder_target");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, dst_be) == 24, "rudder_target.dst_be");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, hash_fields) == 13, "rudder_target.hash_fields");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, vlan_id) == 14, "rudder_target.vlan_id");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, first_member) == 20, "rudder_target.first_member");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, sample) == 56, "rudder_target.sample");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, snap) == 60, "rudder_target.snap");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_target, limit) == 62, "rudder_target.limit");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_group_table) == 8192, "rudder_group_table");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_next_hop) == 64, "rudder_next_hop");
RUDDER_STATIC_ASSERT(RUDDER_OFFSET(struct rudder_next_hop, gateway_be) == 24, "rudder_next_hop.gateway_be");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_counter) == 16, "rudder_counter");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_failure_key) == 8, "rudder_failure_key");
