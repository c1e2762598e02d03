/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The TC programs.
 *
 * rudder_ingress and rudder_egress are what hooks run: those of the active tier or, for the short time until hooks have been given
 * them, those of the one before, which has no active generation any more and hands packets on. Parser, classifier and
 * rewrite are in headers of their own; here is the order of things, and the verdicts. Not ours means untouched: RUDDER_NEXT.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "rudder_abi.h"
#include "rudder_act.h"
#include "rudder_answer.h"
#include "rudder_closer.h"
#include "rudder_flow_cache.h"
#include "rudder_forward.h"
#include "rudder_mark.h"
#include "rudder_match.h"

/* ---- parsing ----------------------------------------------------------------------------------- */

/* Field by field: the parser's locals stay in registers, and no later load is wider than its store. */
static __always_inline void rudder_keep_packet(struct rudder_packet *to, const struct rudder_packet *from)
{
	for (int i = 0; i < 4; i++) {
		to->src_be[i] = from->src_be[i];
		to->dst_be[i] = from->dst_be[i];
	}
	to->src_port = from->src_port;
	to->dst_port = from->dst_port;
	to->family = from->family;
	to->protocol = from->protocol;
	to->tos = from->tos;
	to->ttl = from->ttl;
	to->flags = from->flags;
	to->l3_offset = from->l3_offset;
	to->l4_offset = from->l4_offset;
	to->vlan_tci = from->vlan_tci;
	to->l3_bytes = from->l3_bytes;
	to->ip_header_bytes = from->ip_header_bytes;
	to->l4_checksum = from->l4_checksum;
}

static __always_inline void rudder_look_at(struct __sk_buff *skb, const struct rudder_scratch *s,
					   struct rudder_frame *frame)
{
	frame->data = (const __u8 *)(long)skb->data;
	frame->data_end = (const __u8 *)(long)skb->data_end;
	frame->frame_bytes = skb->len;
	frame->has_vlan_tag = skb->vlan_present != 0;
	frame->vlan_tci = (__u16)skb->vlan_tci;
	frame->is_layer3 = s->is_layer3_hook != 0;
}

/* Parses into scratch->packet, but for its hook class. Returns enum rudder_parse_result. */
__attribute__((noinline)) int rudder_parse_packet(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	struct rudder_packet packet = {};
	struct rudder_frame frame;
	int result;

	if (!s)
		return RUDDER_PARSE_NOT_IP;
	rudder_look_at(skb, s, &frame);
	result = rudder_parse(&frame, &packet);
	if (result == RUDDER_PARSE_OK)
		rudder_keep_packet(&s->packet, &packet);
	return result;
}

static __always_inline int rudder_parse_or_pull(struct __sk_buff *skb, struct rudder_scratch *s)
{
	struct rudder_frame frame;
	__u32 wanted;
	int result;

	rudder_look_at(skb, s, &frame);
	if (rudder_parse_plain(&frame, &s->packet))
		return RUDDER_PARSE_OK;
	wanted = skb->len < RUDDER_PARSED_BYTES ? skb->len : RUDDER_PARSED_BYTES;
	result = rudder_parse_packet(skb);
	if (result == RUDDER_PARSE_SHORT && !bpf_skb_pull_data(skb, wanted))
		result = rudder_parse_packet(skb);
	if (!rudder_is_plain_frame(s))
		s->odd |= RUDDER_ODD_FRAME;
	return result;
}

/* Adds to scratch->packet what only some rules look at. A transport header that is not there any more has no fields. */
__attribute__((noinline)) int rudder_look_closer(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	__u8 bytes[RUDDER_TCP_LOOK_BYTES] = {};
	__u32 wanted;

	if (!s)
		return 0;
	wanted = rudder_transport_look(&s->packet);
	if ((wanted == RUDDER_TCP_LOOK_BYTES && bpf_skb_load_bytes(skb, s->packet.l4_offset, bytes, RUDDER_TCP_LOOK_BYTES)) ||
	    (wanted == RUDDER_ICMP_LOOK_BYTES && bpf_skb_load_bytes(skb, s->packet.l4_offset, bytes, RUDDER_ICMP_LOOK_BYTES)))
		wanted = 0;
	rudder_note_transport(&s->packet, bytes, wanted);
	s->packet.mark = skb->mark;
	if (s->is_layer3_hook || bpf_skb_load_bytes(skb, 0, bytes, 12))
		rudder_note_macs(&s->packet, NULL);
	else
		rudder_note_macs(&s->packet, bytes);
	return 0;
}

/* ---- one packet -------------------------------------------------------------------------------- */

static __always_inline int rudder_is_ours(struct __sk_buff *skb, struct rudder_scratch *s)
{
	int result;

	if (skb->pkt_type == RUDDER_PACKET_OTHERHOST && s->direction == RUDDER_INGRESS) {
		rudder_count_reason(RUDDER_REASON_NOT_FOR_US);
		return 0;
	}
	result = rudder_parse_or_pull(skb, s);
	if (result == RUDDER_PARSE_SHORT)
		rudder_count_reason(RUDDER_REASON_SHORT);
	else if (result == RUDDER_PARSE_MALFORMED)
		rudder_count_reason(RUDDER_REASON_MALFORMED);
	return result == RUDDER_PARSE_OK;
}

/* Hook, parser and classifier on the blob of one generation. Returns a rank, RUDDER_NO_RULE when it is not ours. */
static __always_inline __u32 rudder_find_rule(struct __sk_buff *skb, const char *blob, struct rudder_scratch *s)
{
	const struct rudder_blob_header *header = (const struct rudder_blob_header *)blob;
	__u32 bytes = blob_bytes; /* one load, not one for each access */
	const struct rudder_hook *hook = rudder_find_hook(blob, bytes, skb->ifindex, s->direction);
	__u32 mark = s->mark;
	__u32 rank;

	if (!hook)
		return RUDDER_NO_RULE;
	s->is_layer3_hook = hook->flags & RUDDER_HOOK_LAYER3;
	s->packet.hook_class = hook->hook_class;
	if (mark && hook->flags & RUDDER_HOOK_BELOW)
		skb->tc_index = (__u16)mark; /* for the hook above */
	if (!rudder_is_ours(skb, s))
		return RUDDER_NO_RULE;
	if (rudder_may_be_own(header, &s->packet) && hook->flags & RUDDER_HOOK_OUTSIDE && rudder_source_is_own(skb))
		s->packet.flags |= RUDDER_PKT_OWN_SOURCE;
	if (header->fields & RUDDER_FIELD_CLOSER)
		rudder_look_closer(skb);
	rank = rudder_classify_packet(blob, bytes, &s->packet, &s->key);
	if (rank == RUDDER_NO_RULE)
		rudder_keep_unmatched(s);
	return rank;
}

/* No generation is active in this tier: the packet is for the one that came after it, if any. */
static __always_inline int rudder_go_on(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &stages, RUDDER_STAGE_NEXT_TIER);
	return RUDDER_NEXT;
}

/* The packet's mark, 0 if we have not sent it. At ingress the mark ends here - the stack and other tools see nothing of
 * it - unless the packet is sent on, or comes to another hook above this device, or is a copy: the stack may forward it to
 * where it would be copied again, and again. */
static __always_inline __u32 rudder_take_mark(struct __sk_buff *skb, __u32 direction)
{
	__u32 mark = skb->tc_index;

	if (!mark || !rudder_is_mark(mark))
		return 0;
	skb->tc_index = direction == RUDDER_EGRESS || mark & RUDDER_MARK_COPY ? (__u16)(mark & ~RUDDER_MARK_FRESH) : 0;
	return mark;
}

/* Another generation was met on the way, or none. */
static __always_inline int rudder_start_again(struct __sk_buff *skb, __u32 mark)
{
	if (mark)
		skb->tc_index = (__u16)mark;
	bpf_tail_call(skb, &stages, RUDDER_STAGE_CLASSIFY);
	return RUDDER_NEXT;
}

/* A packet that we have sent, at the hook it was sent to. */
static __always_inline int rudder_let_go(struct __sk_buff *skb, __u32 mark, __u32 direction)
{
	struct rudder_scratch *s;

	if (mark & RUDDER_MARK_COPY && direction == RUDDER_EGRESS) {
		s = rudder_get_scratch();
		if (rudder_is_to_cut(skb, s))
			return rudder_cut_copy(skb, s);
	}
	rudder_count_reason(RUDDER_REASON_OWN_COPY);
	return RUDDER_NEXT;
}

/* Begins the treatment of a packet of which the flow cache knows nothing. */
static __always_inline void rudder_clear_scratch(struct __sk_buff *skb, struct rudder_scratch *s, __u32 direction, __u32 mark)
{
	/* Through memory: the verifier forgets which ways led here, and looks at what follows once. */
	*(volatile __u32 *)&s->direction = direction;
	*(volatile __u32 *)&s->mark = mark;
	s->frame_bytes = skb->len;
	if (s->frame_bytes > RUDDER_USUAL_FRAME_BYTES)
		s->odd |= RUDDER_ODD_FRAME;
	s->transport_changed = 0;
	s->is_header_added = 0;
	s->is_long_way = 0;
}

/* What becomes of a packet. `direction`: of the hook, as skb->cb[RUDDER_CB_DIRECTION] says it to the programs behind;
 * `uncached`: RUDDER_ODD_UNCACHED or 0. */
static __always_inline int rudder_treat(struct __sk_buff *skb, __u32 direction, __u32 uncached)
{
	__u32 mark = rudder_take_mark(skb, direction);
	const struct rudder_flow *flow;
	struct rudder_scratch *s;
	const char *blob;
	__u32 odd, rank;

	if (mark & RUDDER_MARK_FRESH)
		return rudder_let_go(skb, mark, direction);
	s = rudder_get_scratch();
	if (!s || (s->is_cloning && rudder_put_aside()))
		return RUDDER_NEXT;
	blob = rudder_active_blob();
	if (!blob) {
		if (mark)
			skb->tc_index = (__u16)mark;
		return rudder_go_on(skb);
	}
	odd = mark | uncached;
	s->odd = odd;
	if (!odd) {
		flow = rudder_find_flow(skb, (const struct rudder_blob_header *)blob, s, direction);
		if (flow)
			return rudder_follow_flow(skb, flow);
	}
	rudder_clear_scratch(skb, s, direction, mark);
	s->generation = ((const struct rudder_blob_header *)blob)->generation;
	rank = rudder_find_rule(skb, blob, s);
	if (!s->odd && rank != RUDDER_NO_RULE)
		rudder_forward_at_once(skb, blob, s, rank);
	if (s->odd & RUDDER_ODD_STALE)
		return rudder_start_again(skb, s->mark);
	return rank == RUDDER_NO_RULE ? RUDDER_NEXT : rudder_begin(skb, blob, s, rank);
}

/* ---- programs ---------------------------------------------------------------------------------- */

/* What ingress hooks run. */
SEC("tc")
int rudder_ingress(struct __sk_buff *skb)
{
	skb->cb[RUDDER_CB_DIRECTION] = RUDDER_INGRESS;
	return rudder_treat(skb, RUDDER_INGRESS, 0);
}

/* What egress hooks run. */
SEC("tc")
int rudder_egress(struct __sk_buff *skb)
{
	skb->cb[RUDDER_CB_DIRECTION] = RUDDER_EGRESS;
	bpf_tail_call(skb, &stages, RUDDER_STAGE_CLASSIFY);
	return RUDDER_NEXT;
}

/* Packets that begin at egress or again, or come from the tier that was active before: skb->cb[RUDDER_CB_DIRECTION] says how. */
SEC("tc")
int rudder_classify(struct __sk_buff *skb)
{
	__u32 way_here = skb->cb[RUDDER_CB_DIRECTION];

	return rudder_treat(skb, way_here & RUDDER_EGRESS, way_here & RUDDER_ODD_UNCACHED);
}

SEC("tc")
int rudder_act(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	const char *blob;

	if (!s)
		return RUDDER_NEXT;
	blob = rudder_same_blob(s);
	return blob ? rudder_act_by(skb, blob, s) : rudder_start_again(skb, s->mark);
}

SEC("tc")
int rudder_forward(struct __sk_buff *skb)
{
	return rudder_forward_packet(skb);
}

SEC("tc")
int rudder_answer(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();

	return s ? rudder_answer_packet(skb, s) : RUDDER_NEXT;
}

/* Whether this kernel looks into a table that it is told the number of: 1 if so. Run once, at start. */
SEC("tc")
int rudder_probe_tables(struct __sk_buff *skb)
{
	struct bpf_fib_lookup query = {};

	query.family = RUDDER_AF_INET;
	query.ifindex = skb->ifindex;
	rudder_set_query_table(&query, 254);
	return bpf_fib_lookup(skb, &query, sizeof(query), BPF_FIB_LOOKUP_DIRECT | RUDDER_FIB_LOOKUP_TBID) >= 0;
}

/* The kernel must read "GPL" here to lend GPL-only helpers; the file's own terms are in its first line. */
char _license[] SEC("license") = "GPL";
