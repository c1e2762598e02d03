/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The sender of a packet that a steer cannot send is told by ICMP: too big for the egress device, or TTL expired.
 *
 * A program of its own, reached by a tail call after the failure was counted. The error is made of the packet itself:
 * trimmed to what is quoted, grown by headers, sent back. At ingress it leaves by the device the packet came from, with
 * an address of ours as its source. At egress it enters the local stack by the same device, as if the next router had
 * sent it; the stack delivers it to the local sender or forwards it to where the packet came from. Its source is the packet's
 * own destination then: an own address would be a martian there, and this one passes the reverse path filter.
 *
 * What a router does decides who is told: an IPv4 packet that may be fragmented is not answered but goes on as
 * `on_failure` says, and expired packets are left to a stack that forwards.
 */
#pragma once

#include "rudder_count.h"
#include "rudder_icmp.h"
#include "rudder_mark.h"
#include "rudder_match.h"
#include "rudder_store.h"
#include "rudder_tag.h"
#include "rudder_verdict.h"
#include "rudder_way.h"

#define RUDDER_ANY_REWRITE (RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP | RUDDER_REWRITE_DST_PORT | \
			    RUDDER_REWRITE_SRC_PORT | RUDDER_REWRITE_DSCP | RUDDER_RETAGS)
#define RUDDER_IPV4_DF 0x4000u

/* What is quoted, for its checksum. */
#define RUDDER_QUOTE_ROOM 1280u
struct rudder_quote {
	__u8 bytes[RUDDER_QUOTE_ROOM];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rudder_quote);
} quotes SEC(".maps");

/* How many errors this CPU may still send. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rudder_bucket);
} answers SEC(".maps");

/* ---- whether ----------------------------------------------------------------------------------- */

static __always_inline int rudder_can_answer(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	__u8 type = 0;

	/* The kernel grows a frame behind its Ethernet header only: not behind a tag. */
	if (s->packet.l3_offset != (s->is_layer3_hook ? 0 : RUDDER_ETH_BYTES))
		return 0;
	if (rudder_is_icmp(&s->packet) && s->packet.l4_offset && bpf_skb_load_bytes(skb, s->packet.l4_offset, &type, 1))
		return 0;
	return rudder_may_answer(&s->packet, type);
}

static __always_inline int rudder_may_be_fragmented(const struct rudder_scratch *s)
{
	return s->packet.family == 4 && !(RUDDER_SWAP32(s->original.ip[1]) & RUDDER_IPV4_DF);
}

/* Asks the kernel's tables as its stack would. Returns BPF_FIB_LKUP_RET_* or a negative error. */
static __always_inline long rudder_ask_stack(struct __sk_buff *skb, const struct rudder_scratch *s, struct bpf_fib_lookup *query)
{
	query->ifindex = skb->ifindex;
	query->l4_protocol = s->packet.protocol;
	query->tot_len = 1; /* the MTU is not the question: 0 would ask about the packet as it is */
	query->tos = s->packet.tos;
	if (s->packet.family == 4) {
		query->family = RUDDER_AF_INET;
		query->ipv4_src = s->packet.src_be[0];
		query->ipv4_dst = s->packet.dst_be[0];
	} else {
		query->family = RUDDER_AF_INET6;
		query->flowinfo = s->original.ip[0] & rudder_word(0x0f, 0xff, 0xff, 0xff);
		__builtin_memcpy(query->ipv6_src, s->packet.src_be, 16);
		__builtin_memcpy(query->ipv6_dst, s->packet.dst_be, 16);
	}
	return bpf_fib_lookup(skb, query, sizeof(*query), 0);
}

/* The stack would send the packet on (and then tells the sender of an expired TTL itself). */
static __always_inline int rudder_stack_forwards(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	struct bpf_fib_lookup query = {};
	long verdict = rudder_ask_stack(skb, s, &query);

	return verdict == BPF_FIB_LKUP_RET_SUCCESS || verdict == BPF_FIB_LKUP_RET_NO_NEIGH ||
	       verdict == BPF_FIB_LKUP_RET_UNSUPP_LWT;
}

static __always_inline int rudder_is_same_gateway(const struct rudder_scratch *s, const struct bpf_fib_lookup *answer)
{
	__u32 is_ipv6 = s->way.flags & RUDDER_NH_GATEWAY6, differs = 0;
	__u32 gateway_be[4] = {};

	rudder_copy_gateway(s, gateway_be);
	if (!is_ipv6)
		return answer->family == RUDDER_AF_INET && answer->ipv4_dst == gateway_be[0];
	for (int i = 0; i < 4; i++)
		differs |= answer->ipv6_dst[i] ^ gateway_be[i];
	return answer->family == RUDDER_AF_INET6 && !differs;
}

/* Does the kernel's answer lead where scratch->way leads? */
static __always_inline int rudder_is_same_way(const struct rudder_scratch *s, const struct bpf_fib_lookup *answer, long verdict)
{
	__u64 dmac = 0;

	if (answer->ifindex != s->way.ifindex)
		return 0;
	if (s->way.flags & (RUDDER_NH_GATEWAY4 | RUDDER_NH_GATEWAY6))
		return rudder_is_same_gateway(s, answer);
	if (!(s->way.flags & RUDDER_NH_MAC_VALID))
		return 1;
	__builtin_memcpy(&dmac, answer->dmac, 6);
	return verdict == BPF_FIB_LKUP_RET_SUCCESS && rudder_mac_of(dmac) == rudder_mac_of(s->way.dst);
}

/* The stack would send the packet to the same next hop as the target does, unchanged: it may fragment it. A way by
 * routing table is still the one that was found for it. */
static __always_inline int rudder_stack_does_the_same(struct __sk_buff *skb, struct rudder_scratch *s)
{
	struct bpf_fib_lookup query = {};
	long verdict;

	if (s->direction != RUDDER_INGRESS || s->target.flags & RUDDER_ANY_REWRITE || s->target.ttl_mode != RUDDER_TTL_DECREMENT)
		return 0;
	if (!(s->target.flags & RUDDER_TARGET_TABLE) && rudder_find_way(&s->target, &s->way) != RUDDER_REASON_NONE)
		return 0;
	verdict = rudder_ask_stack(skb, s, &query);
	return (verdict == BPF_FIB_LKUP_RET_SUCCESS || verdict == BPF_FIB_LKUP_RET_NO_NEIGH) &&
	       rudder_is_same_way(s, &query, verdict);
}

static __always_inline int rudder_has_token(void)
{
	__u32 key = 0;
	struct rudder_bucket *bucket = bpf_map_lookup_elem(&answers, &key);

	return bucket && rudder_take_token(bucket, bpf_ktime_get_ns());
}

/* ---- source ------------------------------------------------------------------------------------ */

static __always_inline int rudder_has_address(const __u32 *address_be)
{
	return (address_be[0] | address_be[1] | address_be[2] | address_be[3]) != 0;
}

/* The hook's own address of the packet's family. Returns the hook's flags, -1 if it has none. */
static __always_inline int rudder_find_source(struct __sk_buff *skb, struct rudder_scratch *s, __u32 *source_be)
{
	const char *blob = rudder_same_blob(s);
	const struct rudder_source *source;
	const struct rudder_hook *hook;
	__u64 at;

	if (!blob)
		return -1;
	hook = rudder_find_hook(blob, blob_bytes, skb->ifindex, s->direction);
	if (!hook)
		return -1;
	if (s->direction == RUDDER_EGRESS) {
		for (int i = 0; i < 4; i++)
			source_be[i] = i && s->packet.family == 4 ? 0 : s->packet.dst_be[i];
		return (int)hook->flags;
	}
	at = hook->source_offset;
	RUDDER_OPAQUE(at);
	if (at == 0 || at > blob_bytes - sizeof(*source))
		return -1;
	source = (const struct rudder_source *)(blob + at);
	source_be[0] = s->packet.family == 4 ? source->v4_be : source->v6_be[0];
	for (int i = 1; i < 4; i++)
		source_be[i] = s->packet.family == 4 ? 0 : source->v6_be[i];
	return rudder_has_address(source_be) ? (int)hook->flags : -1;
}

/* ---- quote ------------------------------------------------------------------------------------- */

static __always_inline __u32 rudder_quote_bytes(const struct rudder_scratch *s)
{
	__u32 most = s->packet.family == 4 ? RUDDER_QUOTE4_BYTES : RUDDER_QUOTE6_BYTES;
	__u32 bytes = s->frame_bytes - s->packet.l3_offset;

	if (bytes > s->packet.l3_bytes)
		bytes = s->packet.l3_bytes;
	return bytes > most ? most : bytes;
}

/* Reads what is quoted, zeros behind it. Returns 0 on success. */
static __always_inline int rudder_read_quote(struct __sk_buff *skb, const struct rudder_scratch *s, struct rudder_quote *quote,
					     __u64 bytes)
{
	RUDDER_NO_UNROLL
	for (__u32 at = 0; at < RUDDER_QUOTE_ROOM; at += 8)
		*(volatile __u64 *)(quote->bytes + at) = 0;
	bytes--; /* verifiers before 6.3 learn nothing from a comparison with 0 */
	RUDDER_OPAQUE(bytes);
	if (bytes >= RUDDER_QUOTE6_BYTES)
		return -1;
	return (int)bpf_skb_load_bytes(skb, s->packet.l3_offset, quote->bytes, (__u32)bytes + 1);
}

static __always_inline __u32 rudder_sum_quote(struct rudder_quote *quote)
{
	__s64 sum = bpf_csum_diff(NULL, 0, (__be32 *)quote->bytes, 512, 0);

	sum = bpf_csum_diff(NULL, 0, (__be32 *)(quote->bytes + 512), 512, (__u32)sum);
	return (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(quote->bytes + 1024), 256, (__u32)sum);
}

/* Is the transport checksum still to be completed (CHECKSUM_PARTIAL)? The kernel leaves such a field alone when what
 * changes lies in what it will sum up then: that is the question put to it. */
static __always_inline int rudder_is_partial(struct __sk_buff *skb, __u32 field, __u16 value)
{
	__u16 now = value;

	if (bpf_l4_csum_replace(skb, field, 0, 1, 0) || bpf_skb_load_bytes(skb, field, &now, 2))
		return 0;
	if (now == value)
		return 1;
	bpf_skb_store_bytes(skb, field, &value, 2, 0);
	return 0;
}

/* A checksum that is still to be completed would be so inside the quote, after ours over it was made: gives it a value
 * that stays. Returns the quote's new sum. */
static __always_inline __u32 rudder_settle_checksum(struct __sk_buff *skb, const struct rudder_scratch *s,
						    struct rudder_quote *quote, __u32 sum)
{
	__u32 field = s->packet.l4_offset + s->packet.l4_checksum;
	__u64 header = s->packet.l4_offset - s->packet.l3_offset;
	__u16 before = 0, after;
	__u64 rest;

	if (!s->packet.l4_offset || s->packet.l4_checksum == RUDDER_L4_NO_CHECKSUM ||
	    bpf_skb_load_bytes(skb, field, &before, 2) || !rudder_is_partial(skb, field, before))
		return sum;
	RUDDER_OPAQUE(header);
	header &= 0x3fc;
	if (header > 512)
		return sum;
	rest = (__u64)sum + (__u32)~(__u32)bpf_csum_diff(NULL, 0, (__be32 *)quote->bytes, (__u32)header, 0) + (__u16)~before;
	after = rudder_lasting_checksum(rest);
	if (bpf_skb_store_bytes(skb, field, &after, 2, 0))
		return sum;
	return rudder_sum_fold32((__u64)sum + (__u16)~before + after);
}

/* ---- the packet becomes the error -------------------------------------------------------------- */

static __always_inline int rudder_swap_macs(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	const __u8 *macs = (const __u8 *)s->original.macs;
	__u8 swapped[12];

	if (s->is_layer3_hook)
		return 0;
	__builtin_memcpy(swapped, macs + 6, 6);
	__builtin_memcpy(swapped + 6, macs, 6);
	return (int)bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0);
}

/* Trims, grows and stores. Returns 0 on success; else the packet is no more what it was. */
static __always_inline int rudder_become_error(struct __sk_buff *skb, const struct rudder_scratch *s, const struct rudder_icmp *icmp,
					       __u32 quote_bytes)
{
	__u32 l3 = s->packet.l3_offset;

	if (bpf_skb_change_tail(skb, l3 + quote_bytes, 0) ||
	    bpf_skb_adjust_room(skb, (__s32)icmp->bytes, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	if (s->packet.family == 4) {
		if (bpf_skb_store_bytes(skb, l3, icmp->words, RUDDER_ICMP4_BYTES, BPF_F_RECOMPUTE_CSUM))
			return -1;
	} else if (bpf_skb_store_bytes(skb, l3, icmp->words, RUDDER_ICMP6_BYTES, BPF_F_RECOMPUTE_CSUM)) {
		return -1;
	}
	return rudder_swap_macs(skb, s);
}

/* Sends the error. Returns the verdict. */
static __always_inline int rudder_send_error(struct __sk_buff *skb, struct rudder_scratch *s, const __u32 *source_be, int hook_flags)
{
	__u32 key = 0;
	struct rudder_quote *quote = bpf_map_lookup_elem(&quotes, &key);
	struct rudder_trouble trouble = { s->answer_mtu, rudder_quote_bytes(s), 0 };
	struct rudder_icmp icmp = {};

	if (!quote || rudder_read_quote(skb, s, quote, trouble.quote_bytes))
		return s->failure_verdict;
	trouble.quote_sum = rudder_settle_checksum(skb, s, quote, rudder_sum_quote(quote));
	if (s->packet.family == 4)
		rudder_icmp4(&trouble, source_be[0], s->packet.src_be[0], &icmp);
	else
		rudder_icmp6(&trouble, source_be, s->packet.src_be, &icmp);
	if (rudder_become_error(skb, s, &icmp, trouble.quote_bytes)) {
		rudder_count_reason(RUDDER_REASON_NOT_WRITABLE);
		return RUDDER_DROP;
	}
	rudder_count_reason(RUDDER_REASON_ICMP_SENT);
	skb->tc_index = (__u16)rudder_next_mark(0, hook_flags & RUDDER_HOOK_BOTH ? RUDDER_MARK_FRESH : 0);
	return (int)bpf_redirect(skb->ifindex, s->direction == RUDDER_EGRESS ? BPF_F_INGRESS : 0);
}

/* Is this left to the stack, or to on_failure? */
static __always_inline int rudder_is_not_for_icmp(struct __sk_buff *skb, struct rudder_scratch *s)
{
	if (!rudder_can_answer(skb, s))
		return 1;
	if (!s->answer_mtu)
		return rudder_stack_forwards(skb, s);
	if (s->packet.family == 6 && s->frame_bytes - s->packet.l3_offset <= RUDDER_IPV6_LEAST_MTU)
		return 1; /* nobody need send less */
	if (!rudder_may_be_fragmented(s))
		return 0;
	if (rudder_stack_does_the_same(skb, s))
		s->failure_verdict = RUDDER_NEXT;
	return s->failure_verdict == RUDDER_NEXT;
}

/* For a packet whose failure was counted: scratch->answer_mtu and failure_verdict. Returns the verdict. */
static __always_inline int rudder_answer_packet(struct __sk_buff *skb, struct rudder_scratch *s)
{
	__u32 source_be[4] = {};
	int hook_flags;

	if (rudder_is_not_for_icmp(skb, s))
		return s->failure_verdict;
	hook_flags = rudder_find_source(skb, s, source_be);
	if (hook_flags < 0)
		return s->failure_verdict;
	if (!rudder_has_token()) {
		rudder_count_reason(RUDDER_REASON_ICMP_LIMITED);
		return RUDDER_DROP;
	}
	return rudder_send_error(skb, s, source_be, hook_flags);
}
