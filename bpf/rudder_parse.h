/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * From bytes to struct rudder_packet. Pure, for BPF and for the host.
 *
 * Only the linear part [data, data_end) is read; RUDDER_PARSE_SHORT with a frame longer than that means: pull
 * RUDDER_MAX_HEADER_BYTES and try again. Nothing behind the IP packet's own length counts (Ethernet padding).
 */
#pragma once

#include "rudder_parse_ip.h"

/* ---- link layer -------------------------------------------------------------------------------- */

/* The outermost tag with a VID says which VLAN the packet is in; a priority tag (VID 0) says nothing. *Source*: IEEE
 * 802.1Q, vlan_do_receive() of the kernel. */
static __always_inline void rudder_note_tag(struct rudder_packet *packet, __u16 tci)
{
	if (packet->flags & RUDDER_PKT_TAGGED)
		return;
	packet->vlan_tci = tci;
	if (tci & RUDDER_VID_MASK)
		packet->flags |= RUDDER_PKT_TAGGED;
}

static __always_inline int rudder_is_tag(__u32 ethertype)
{
	return ethertype == RUDDER_ETHERTYPE_8021Q || ethertype == RUDDER_ETHERTYPE_8021AD;
}

/* Steps over up to RUDDER_MAX_TAGS tags, an offloaded one included; with more the ethertype stays that of a tag. */
static __always_inline int rudder_parse_tags(const struct rudder_frame *frame, struct rudder_packet *packet,
					     __u32 *offset, __u32 *ethertype)
{
	const __u8 *eth = frame->data;
	__u32 at = RUDDER_ETH_BYTES;

	*ethertype = rudder_load16(eth + 12);
	for (__u32 i = 0; i < RUDDER_MAX_TAGS; i++) {
		if ((i == 0 && frame->has_vlan_tag) || !rudder_is_tag(*ethertype))
			continue;
		if (eth + at + RUDDER_TAG_BYTES > frame->data_end)
			return RUDDER_PARSE_SHORT;
		rudder_note_tag(packet, rudder_load16(eth + at));
		*ethertype = rudder_load16(eth + at + 2);
		at += RUDDER_TAG_BYTES;
	}
	*offset = at;
	return RUDDER_PARSE_OK;
}

/* Finds the IP header. */
static __always_inline int rudder_parse_link(const struct rudder_frame *frame, struct rudder_packet *packet,
					     __u32 *offset, __u32 *ethertype)
{
	const __u8 *eth = frame->data;

	if (frame->has_vlan_tag)
		rudder_note_tag(packet, frame->vlan_tci);
	if (frame->is_layer3) {
		if (eth + 1 > frame->data_end)
			return RUDDER_PARSE_SHORT;
		*offset = 0;
		*ethertype = eth[0] >> 4 == 6 ? RUDDER_ETHERTYPE_IPV6 : RUDDER_ETHERTYPE_IPV4;
		return RUDDER_PARSE_OK;
	}
	if (eth + RUDDER_ETH_BYTES > frame->data_end)
		return RUDDER_PARSE_SHORT;
	if (eth[0] & 1)
		packet->flags |= RUDDER_PKT_GROUP;
	return rudder_parse_tags(frame, packet, offset, ethertype);
}

static __always_inline void rudder_clear_packet(struct rudder_packet *packet)
{
	packet->src_port = 0;
	packet->dst_port = 0;
	packet->flags = 0;
	packet->l4_offset = 0;
	packet->vlan_tci = 0;
	packet->l4_checksum = RUDDER_L4_NO_CHECKSUM;
}

/* Fills every field of `packet` but hook_class. Returns enum rudder_parse_result; unless it is OK, the packet is
 * not to be used. Addresses of the other family's words are left as they were. */
static __always_inline int rudder_parse(const struct rudder_frame *frame, struct rudder_packet *packet)
{
	__u32 offset = 0, ethertype = 0;
	int result;

	rudder_clear_packet(packet);
	result = rudder_parse_link(frame, packet, &offset, &ethertype);
	if (result != RUDDER_PARSE_OK)
		return result;
	packet->l3_offset = (__u8)offset;
	if (ethertype == RUDDER_ETHERTYPE_IPV4)
		result = rudder_parse_ipv4(frame, packet, offset);
	else if (ethertype == RUDDER_ETHERTYPE_IPV6)
		result = rudder_parse_ipv6(frame, packet, offset);
	else
		return RUDDER_PARSE_NOT_IP;
	if (result == RUDDER_PARSE_OK)
		rudder_flag_addresses(packet);
	return result;
}

/* rudder_parse for what most packets are: an Ethernet frame without a tag in band, IPv4 without options or IPv6 without
 * extension headers, all there. Every offset is a constant then, which halves the price. Returns nonzero if it was one of
 * these; else `packet` is not to be used and rudder_parse says what it is. */
static __always_inline int rudder_parse_plain(const struct rudder_frame *frame, struct rudder_packet *packet)
{
	const __u8 *ip = frame->data + RUDDER_ETH_BYTES;
	__u32 ethertype, bytes = 0;
	int result = RUDDER_PARSE_NOT_IP;

	if (frame->is_layer3 || ip + RUDDER_IPV4_BYTES > frame->data_end)
		return 0;
	ethertype = rudder_load16(frame->data + 12);
	rudder_clear_packet(packet);
	if (frame->has_vlan_tag)
		rudder_note_tag(packet, frame->vlan_tci);
	packet->l3_offset = RUDDER_ETH_BYTES;
	if (frame->data[0] & 1)
		packet->flags |= RUDDER_PKT_GROUP;
	if (ethertype == RUDDER_ETHERTYPE_IPV4 && ip[0] == 0x45) {
		result = rudder_parse_ipv4_header(frame, packet, RUDDER_ETH_BYTES, RUDDER_IPV4_BYTES);
	} else if (ethertype == RUDDER_ETHERTYPE_IPV6 && ip + RUDDER_IPV6_BYTES <= frame->data_end &&
		   !rudder_is_extension(ip[6])) {
		result = rudder_parse_ipv6_header(frame, packet, RUDDER_ETH_BYTES, &bytes);
		packet->protocol = ip[6];
		if (result == RUDDER_PARSE_OK)
			result = rudder_parse_transport(frame, packet, RUDDER_ETH_BYTES + RUDDER_IPV6_BYTES,
							bytes - RUDDER_IPV6_BYTES);
	}
	if (result == RUDDER_PARSE_OK)
		rudder_flag_addresses(packet);
	return result == RUDDER_PARSE_OK;
}
