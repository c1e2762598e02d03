/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Cut copies (rudder_target.snap).
 *
 * A clone redirect gives no hold of the clone, and the packet itself, once cut, could not be made whole again. But the
 * clone runs our program at the egress hook of its device before the clone redirect returns: there it is cut. The compiler
 * sees to that hook.
 */
#pragma once

#include "rudder_verdict.h"
#include "rudder_way.h"

#define RUDDER_VLAN_BYTES 4u
#define RUDDER_FRAGMENT_HEADER_BYTES 8u

/* What of the frame is always sent: through the fixed part of the transport header. The kernel does not cut what it must
 * still put a checksum into. */
static __always_inline __u32 rudder_uncut_bytes(const struct rudder_packet *packet)
{
	if (!packet->l4_offset)
		return packet->l3_offset + packet->ip_header_bytes + RUDDER_FRAGMENT_HEADER_BYTES;
	return packet->l4_offset + rudder_transport_form(packet->family, packet->protocol).least_bytes;
}

/* Notes in scratch memory to how many bytes the copy for scratch->target is cut, and whether it is no longer than that. On
 * a device without a link layer its frame begins with the IP header; a tag that the kernel keeps beside the frame is part of
 * it. */
static __always_inline void rudder_plan_cut(struct __sk_buff *skb, struct rudder_scratch *s, const struct rudder_way *way)
{
	__u32 left_behind = way->flags & RUDDER_NH_LAYER3 ? s->packet.l3_offset : 0;
	__u32 least = rudder_uncut_bytes(&s->packet) - left_behind;
	__u32 bytes = s->target.snap;

	if (skb->vlan_present)
		bytes -= RUDDER_VLAN_BYTES;
	s->cut_bytes = bytes < least ? least : bytes;
	s->is_cut = s->frame_bytes - left_behind <= s->cut_bytes;
}

/* Can the device take what will be left of the copy? Returns enum rudder_reason. */
static __always_inline int rudder_check_cut(struct __sk_buff *skb, struct rudder_scratch *s, const struct rudder_way *way)
{
	__u32 l3_offset = way->flags & RUDDER_NH_LAYER3 ? 0 : s->packet.l3_offset;
	int reason;

	if (s->is_cut)
		return rudder_check_way(skb, s, way);
	reason = rudder_check_device(skb, s, way);
	if (reason != RUDDER_REASON_NONE)
		return reason;
	return s->cut_bytes - l3_offset > way->mtu ? RUDDER_REASON_TOO_BIG : RUDDER_REASON_NONE;
}

/* Is this, at an egress hook, the copy that is to be cut here? */
static __always_inline int rudder_is_to_cut(const struct __sk_buff *skb, const struct rudder_scratch *s)
{
	return s && s->cut_ifindex && s->cut_ifindex == skb->ifindex;
}

/* Cuts it if it is longer. A copy that cannot be cut does not go: what lies behind was not to be shown. */
static __always_inline int rudder_cut_copy(struct __sk_buff *skb, struct rudder_scratch *s)
{
	s->cut_ifindex = 0;
	if (s->is_cut)
		return RUDDER_NEXT;
	if (bpf_skb_change_tail(skb, s->cut_bytes, 0))
		return RUDDER_DROP;
	s->is_cut = 1;
	return RUDDER_NEXT;
}
