/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Writing the computed headers into a packet, and the saved ones back.
 *
 * Two things must stay true whatever the kernel knows of the checksums (skb->ip_summed):
 *  - the transport checksum field is right (a CHECKSUM_PARTIAL one covers the pseudo-header only);
 *  - skb->csum of a CHECKSUM_COMPLETE packet is the sum of its bytes.
 * An IPv4 header sums up to the same before and after, so its store needs no flag; an IPv6 header is stored with
 * BPF_F_RECOMPUTE_CSUM, which the pseudo-header update of the transport checksum takes back. Ports are
 * stored without the flag, because the checksum update beside them cancels them out.
 *
 * The transport header is written first: it lies highest, so once that store has made the packet linear and
 * writable, the others cannot fail, and a failure leaves the packet as it was.
 */
#pragma once

#include "rudder_maps.h"

/* ---- saving ------------------------------------------------------------------------------------ */

/* Saves what a transport rewrite changes. The parser has seen that the bytes exist. */
static __always_inline int rudder_save_transport(struct __sk_buff *skb, struct rudder_scratch *s)
{
	__u32 offset = s->packet.l4_offset;

	if (!offset || s->packet.l4_checksum == RUDDER_L4_NO_CHECKSUM)
		return RUDDER_REASON_NONE;
	if (s->packet.protocol == RUDDER_IP_TCP)
		return bpf_skb_load_bytes(skb, offset, s->original.transport, RUDDER_TCP_CHECKSUM + 2) ? RUDDER_REASON_NOT_WRITABLE : 0;
	if (s->packet.protocol == RUDDER_IP_ICMP6)
		return bpf_skb_load_bytes(skb, offset, s->original.transport, 4) ? RUDDER_REASON_NOT_WRITABLE : 0;
	return bpf_skb_load_bytes(skb, offset, s->original.transport, 8) ? RUDDER_REASON_NOT_WRITABLE : 0;
}

static __always_inline __u16 rudder_saved_checksum(const struct rudder_scratch *s)
{
	switch (s->packet.l4_checksum) {
	case 16:
		return rudder_load16_be(&s->original.transport[16]);
	case 6:
		return rudder_load16_be(&s->original.transport[6]);
	default:
		return rudder_load16_be(&s->original.transport[2]);
	}
}

/* Saves the fixed IP header and the MACs. Returns RUDDER_REASON_MALFORMED when an IPv4 header checksum is wrong. */
static __always_inline int rudder_save_headers(struct __sk_buff *skb, struct rudder_scratch *s)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;
	const __u8 *ip = data + s->packet.l3_offset;
	__u64 sum = 0;

	if (!s->is_layer3_hook) {
		if (data + RUDDER_ETH_BYTES > end)
			return RUDDER_REASON_SHORT;
		for (int i = 0; i < 3; i++)
			s->original.macs[i] = rudder_load32_be(data + i * 4);
	}
	if (ip + RUDDER_IPV4_BYTES > end)
		return RUDDER_REASON_SHORT;
	for (int i = 0; i < 5; i++) {
		s->original.ip[i] = rudder_load32_be(ip + i * 4);
		sum += s->original.ip[i];
	}
	if (s->packet.family == 6) {
		if (ip + RUDDER_IPV6_BYTES > end)
			return RUDDER_REASON_SHORT;
		for (int i = 5; i < 10; i++)
			s->original.ip[i] = rudder_load32_be(ip + i * 4);
		return RUDDER_REASON_NONE;
	}
	RUDDER_NO_UNROLL
	for (__u32 at = RUDDER_IPV4_BYTES; at < 60; at += 4) {
		if (at >= s->packet.ip_header_bytes)
			break;
		if (ip + at + 4 > end)
			return RUDDER_REASON_SHORT;
		sum += rudder_load32_be(ip + at);
	}
	return rudder_is_header_sum_good(sum) ? RUDDER_REASON_NONE : RUDDER_REASON_MALFORMED;
}

/* ---- storing ----------------------------------------------------------------------------------- */

static __always_inline __u32 rudder_added_bytes(const struct rudder_scratch *s)
{
	return s->is_header_added ? RUDDER_ETH_BYTES : 0;
}

static __always_inline int rudder_store_transport(struct __sk_buff *skb, struct rudder_scratch *s)
{
	const struct rudder_rewritten *new = &s->rewritten;
	__u32 offset = s->packet.l4_offset + rudder_added_bytes(s);
	__u32 checksum = offset + s->packet.l4_checksum;
	__u64 flags = rudder_zero_means_none(&s->packet) ? BPF_F_MARK_MANGLED_0 : 0;
	int is_summed = !flags || rudder_saved_checksum(s) != 0;
	__u32 difference = new->pseudo_difference;

	if (new->changed & RUDDER_CHANGED_PORTS) {
		s->transport_changed |= RUDDER_CHANGED_PORTS;
		if (bpf_skb_store_bytes(skb, offset, new->ports_be, 4, is_summed ? 0 : BPF_F_RECOMPUTE_CSUM))
			return RUDDER_REASON_NOT_WRITABLE;
		if (is_summed && bpf_l4_csum_replace(skb, checksum, 0, new->port_difference, flags))
			return RUDDER_REASON_NOT_WRITABLE;
	}
	if (new->changed & RUDDER_CHANGED_PSEUDO && is_summed) {
		if (s->transport_changed & RUDDER_CHANGED_PSEUDO)
			difference = rudder_sum_fold32((__u64)difference + (__u32)~s->pseudo_difference);
		if (bpf_l4_csum_replace(skb, checksum, 0, difference, flags | BPF_F_PSEUDO_HDR))
			return RUDDER_REASON_NOT_WRITABLE;
		/* Only now: after a failure the next copy must go on from what the frame really holds. */
		s->transport_changed |= RUDDER_CHANGED_PSEUDO;
		s->pseudo_difference = new->pseudo_difference;
	}
	return RUDDER_REASON_NONE;
}

/* Puts ports and checksum back, byte for byte. */
static __always_inline int rudder_restore_transport(struct __sk_buff *skb, struct rudder_scratch *s)
{
	__u32 offset = s->packet.l4_offset + rudder_added_bytes(s);
	__u16 checksum = rudder_saved_checksum(s);

	if (!s->transport_changed)
		return RUDDER_REASON_NONE;
	if (bpf_skb_store_bytes(skb, offset + s->packet.l4_checksum, &checksum, 2, BPF_F_RECOMPUTE_CSUM))
		return RUDDER_REASON_NOT_WRITABLE;
	s->transport_changed = RUDDER_CHANGED_PORTS; /* at most: whoever comes here again begins anew */
	if (s->packet.flags & RUDDER_PKT_HAS_PORTS &&
	    bpf_skb_store_bytes(skb, offset, s->original.transport, 4, BPF_F_RECOMPUTE_CSUM))
		return RUDDER_REASON_NOT_WRITABLE;
	s->transport_changed = 0;
	return RUDDER_REASON_NONE;
}

/* Before the next copy. From addresses to addresses the checksum goes by their difference. */
static __always_inline int rudder_rewind_transport(struct __sk_buff *skb, struct rudder_scratch *s)
{
	if ((s->transport_changed | s->rewritten.changed) == RUDDER_CHANGED_PSEUDO &&
	    s->rewritten.changed == RUDDER_CHANGED_PSEUDO)
		return RUDDER_REASON_NONE;
	return rudder_restore_transport(skb, s);
}

static __always_inline int rudder_store_ip(struct __sk_buff *skb, struct rudder_scratch *s, const __u32 *ip)
{
	__u32 offset = s->packet.l3_offset + rudder_added_bytes(s);

	if (s->packet.family == 4)
		return bpf_skb_store_bytes(skb, offset, ip, RUDDER_IPV4_BYTES, 0) ? RUDDER_REASON_NOT_WRITABLE : 0;
	return bpf_skb_store_bytes(skb, offset, ip, RUDDER_IPV6_BYTES, BPF_F_RECOMPUTE_CSUM) ?
		       RUDDER_REASON_NOT_WRITABLE : 0;
}

/* Both MACs, and the ethertype where the header is ours. */
static __always_inline int rudder_store_ethernet(struct __sk_buff *skb, struct rudder_scratch *s, const __u32 *macs)
{
	__u16 type_be = RUDDER_SWAP16(s->packet.family == 4 ? RUDDER_ETHERTYPE_IPV4 : RUDDER_ETHERTYPE_IPV6);

	if (s->is_header_added && bpf_skb_store_bytes(skb, 12, &type_be, 2, 0))
		return RUDDER_REASON_NOT_WRITABLE;
	return bpf_skb_store_bytes(skb, 0, macs, 12, 0) ? RUDDER_REASON_NOT_WRITABLE : 0;
}

/* scratch->macs and scratch->rewritten.ip of an IPv4 frame without a tag in band: they are neighbours, so one store does. No
 * sum of the kernel's covers the first, and the second sums up to the same. */
static __always_inline int rudder_store_frame4(struct __sk_buff *skb, struct rudder_scratch *s)
{
	for (int i = 0; i < 3; i++)
		rudder_store32_be(s->ethernet + i * 4, s->macs[i]);
	*(__u16 *)(s->ethernet + 12) = RUDDER_SWAP16(RUDDER_ETHERTYPE_IPV4);
	return bpf_skb_store_bytes(skb, 0, s->ethernet, RUDDER_ETH_BYTES + RUDDER_IPV4_BYTES, 0) ?
		       RUDDER_REASON_NOT_WRITABLE : 0;
}

static __always_inline int rudder_is_frame4(const struct rudder_scratch *s)
{
	return s->packet.family == 4 && s->packet.l3_offset == RUDDER_ETH_BYTES && !s->is_layer3_hook;
}

/* The headers as they were computed. */
static __always_inline int rudder_store_packet(struct __sk_buff *skb, struct rudder_scratch *s, int with_ethernet)
{
	int reason = rudder_store_transport(skb, s);

	if (reason != RUDDER_REASON_NONE)
		return reason;
	if (with_ethernet && rudder_is_frame4(s))
		return rudder_store_frame4(skb, s);
	reason = rudder_store_ip(skb, s, s->rewritten.ip);
	if (reason != RUDDER_REASON_NONE || !with_ethernet)
		return reason;
	return rudder_store_ethernet(skb, s, s->macs);
}

/* A layer-3 frame gets room for an Ethernet header. Cannot be undone: what can fail later must have been made sure
 * of before. */
static __always_inline int rudder_add_header(struct __sk_buff *skb, struct rudder_scratch *s)
{
	__u32 headers = s->packet.l4_offset ? s->packet.l4_offset + RUDDER_TRANSPORT_BYTES : RUDDER_IPV6_BYTES;

	if (s->is_header_added)
		return RUDDER_REASON_NONE;
	if (bpf_skb_pull_data(skb, headers < skb->len ? headers : skb->len) ||
	    bpf_skb_change_head(skb, RUDDER_ETH_BYTES, 0))
		return RUDDER_REASON_NOT_WRITABLE;
	s->is_header_added = 1;
	return RUDDER_REASON_NONE;
}
