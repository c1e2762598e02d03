/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The VLAN rewrite: the outermost tag gets another id, is put on or is taken off.
 *
 * The kernel keeps the outermost tag beside the frame (an offloaded tag). There it cannot be written: only bpf_skb_vlan_push
 * and bpf_skb_vlan_pop change it, and they move a second tag into and out of the frame. So a tag that is still in the
 * frame, which only happens at egress, is lifted out first, and the headers behind it move up with it. The rewrite itself is the last
 * thing done to a packet, when its headers are linear and writable, so that it does not fail, and of a copy it is
 * undone at once: nobody else needs to know of it.
 */
#pragma once

#include "rudder_maps.h"

#define RUDDER_RETAGS (RUDDER_REWRITE_VLAN | RUDDER_POP_VLAN)

static __always_inline int rudder_has_tag_inside(const struct rudder_scratch *s)
{
	return !s->is_layer3_hook && s->packet.l3_offset != RUDDER_ETH_BYTES;
}

/* Makes an outermost tag that is in the frame one that is beside it: the same packet. Returns enum rudder_reason. */
static __always_inline int rudder_lift_tag(struct __sk_buff *skb, struct rudder_scratch *s)
{
	if (!rudder_has_tag_inside(s))
		return RUDDER_REASON_NONE;
	/* The kernel goes by this, not by the frame; a packet socket may have said otherwise. */
	if (!rudder_is_tag(RUDDER_SWAP16((__u16)skb->protocol)))
		return RUDDER_REASON_NOT_WRITABLE;
	if (skb->vlan_present)
		return RUDDER_REASON_NONE;
	/* Taking one off brings the next one up. */
	if (bpf_skb_vlan_push(skb, RUDDER_SWAP16(RUDDER_ETHERTYPE_8021Q), 0) || bpf_skb_vlan_pop(skb))
		return RUDDER_REASON_NOT_WRITABLE;
	s->packet.l3_offset -= RUDDER_TAG_BYTES;
	if (s->packet.l4_offset)
		s->packet.l4_offset -= RUDDER_TAG_BYTES;
	s->frame_bytes -= RUDDER_TAG_BYTES;
	return RUDDER_REASON_NONE;
}

/* Will the packet have a tag beside it when it leaves by scratch->target? A device without Ethernet header cannot take it. */
static __always_inline int rudder_leaves_tagged(struct __sk_buff *skb, const struct rudder_scratch *s)
{
	if (s->target.flags & RUDDER_POP_VLAN)
		return rudder_has_tag_inside(s);
	return s->target.flags & RUDDER_REWRITE_VLAN || skb->vlan_present;
}

/* Will there be a tag in the frame, before the IP header? */
static __always_inline int rudder_leaves_with_tag_inside(const struct rudder_scratch *s)
{
	return rudder_has_tag_inside(s) && !(s->target.flags & RUDDER_POP_VLAN);
}

/* The tag beside a frame. */
struct rudder_tag {
	__u16 is_there;
	__u16 tci;
	__u16 protocol_be;
};

static __always_inline void rudder_read_tag(struct __sk_buff *skb, struct rudder_tag *tag)
{
	tag->is_there = skb->vlan_present != 0;
	tag->tci = (__u16)skb->vlan_tci;
	tag->protocol_be = (__u16)skb->vlan_proto;
}

/* Does to the tag what scratch->target says; `before` is the one that is there. Priority and drop eligibility stay. Returns 0
 * on success. */
static __always_inline int rudder_retag(struct __sk_buff *skb, const struct rudder_scratch *s, const struct rudder_tag *before)
{
	__u16 protocol_be = before->is_there ? before->protocol_be : RUDDER_SWAP16(RUDDER_ETHERTYPE_8021Q);
	__u16 tci = before->is_there ? before->tci & (__u16)~RUDDER_VID_MASK : 0;

	if (before->is_there && bpf_skb_vlan_pop(skb))
		return -1;
	if (!(s->target.flags & RUDDER_REWRITE_VLAN))
		return 0;
	return (int)bpf_skb_vlan_push(skb, protocol_be, tci | s->target.vlan_id);
}

/* Undoes rudder_retag. Returns 0 on success. */
static __always_inline int rudder_put_tag_back(struct __sk_buff *skb, const struct rudder_scratch *s, const struct rudder_tag *before)
{
	if (s->target.flags & RUDDER_REWRITE_VLAN && bpf_skb_vlan_pop(skb))
		return -1;
	return before->is_there ? (int)bpf_skb_vlan_push(skb, before->protocol_be, before->tci) : 0;
}

/* Up to Linux 6.11 the kernel loses track of where the network header is when a tag moves back into the frame: such an original
 * cannot go on to the stack. *Source*: skb_vlan_push, net/core/skbuff.c. */
static __always_inline int rudder_cannot_put_tag_back(const struct rudder_scratch *s)
{
	return s->is_original_passing && s->direction == RUDDER_INGRESS && rudder_has_tag_inside(s);
}
