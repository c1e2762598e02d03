/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * From bytes to struct rudder_packet. Pure, for BPF and for the host.
 *
 * Only the linear part [data, data_end) is read; RUDDER_PARSE_SHORT with a frame longer than that means: pull
 * RUDDER_PARSED_BYTES and try again. Nothing behind the IP packet's own length counts (Ethernet padding).
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

/* ---- the straight way -------------------------------------------------------------------------- */

/* What the straight way has found out before the transport header. */
struct rudder_plain {
	__u8 family;
	__u8 ip_bytes;
	__u8 protocol;
	__u8 tos;
	__u8 ttl;
	__u8 flags;
	__u16 vlan_tci;
	__u16 l3_bytes;
};

/* Fills in all but addresses and hook_class, fields that lie side by side in one store. */
static __always_inline void rudder_store_plain(struct rudder_packet *packet, const struct rudder_plain *plain,
					       __u32 ports_be, __u16 l4_offset, __u8 checksum)
{
	char *to = (char *)packet;

	rudder_store_pair(to + __builtin_offsetof(struct rudder_packet, src_port),
			  RUDDER_SWAP16(rudder_first_half(ports_be)), RUDDER_SWAP16(rudder_second_half(ports_be)));
	rudder_store_pair(to + __builtin_offsetof(struct rudder_packet, family),
			  rudder_pair(plain->family, plain->protocol), rudder_pair(plain->tos, plain->ttl));
	rudder_store_pair(to + __builtin_offsetof(struct rudder_packet, flags),
			  rudder_pair(plain->flags, RUDDER_ETH_BYTES), l4_offset);
	rudder_store_pair(to + __builtin_offsetof(struct rudder_packet, vlan_tci), plain->vlan_tci, plain->l3_bytes);
	packet->ip_header_bytes = plain->ip_bytes;
	packet->l4_checksum = checksum;
}

/* TCP and UDP by themselves, the others as rudder_parse does. */
static __always_inline int rudder_finish_plain(const struct rudder_frame *frame, struct rudder_packet *packet,
					       struct rudder_plain *plain)
{
	const __u8 *transport = frame->data + RUDDER_ETH_BYTES + plain->ip_bytes;
	__u16 offset = (__u16)(RUDDER_ETH_BYTES + plain->ip_bytes);
	__u32 is_tcp = rudder_is_tcp(plain->protocol);

	if (!rudder_is_tcp_or_udp(plain->protocol)) {
		if (plain->l3_bytes < plain->ip_bytes)
			return 0;
		rudder_store_plain(packet, plain, 0, 0, RUDDER_L4_NO_CHECKSUM);
		return rudder_parse_transport(frame, packet, offset, plain->l3_bytes - plain->ip_bytes) == RUDDER_PARSE_OK;
	}
	if (plain->l3_bytes < plain->ip_bytes + rudder_least_transport(is_tcp) || transport + 4 > frame->data_end)
		return 0;
	plain->flags |= RUDDER_PKT_HAS_PORTS;
	rudder_store_plain(packet, plain, rudder_load32_be(transport), offset,
			   (__u8)(RUDDER_UDP_CHECKSUM + is_tcp * (RUDDER_TCP_CHECKSUM - RUDDER_UDP_CHECKSUM)));
	return 1;
}

static __always_inline int rudder_parse_plain4(const struct rudder_frame *frame, struct rudder_packet *packet,
					       struct rudder_plain *plain)
{
	const __u8 *ip = frame->data + RUDDER_ETH_BYTES;
	__u32 total = rudder_load16(ip + 2), third_be = rudder_load32_be(ip + 8);
	__u32 src_be = rudder_load32_be(ip + 12), dst_be = rudder_load32_be(ip + 16);

	if (rudder_load16_be(ip + 6) & RUDDER_SWAP16(0x3fff) || total > frame->frame_bytes - RUDDER_ETH_BYTES)
		return 0;
	packet->src_be[0] = src_be;
	packet->dst_be[0] = dst_be;
	plain->family = 4;
	plain->ip_bytes = RUDDER_IPV4_BYTES;
	plain->protocol = rudder_get_byte(third_be, 1);
	plain->tos = ip[1];
	plain->ttl = rudder_get_byte(third_be, 0);
	plain->l3_bytes = (__u16)total;
	if (!rudder_finish_plain(frame, packet, plain))
		return 0;
	if (rudder_may_be_remarkable4(src_be, dst_be))
		rudder_flag_addresses(packet);
	return 1;
}

static __always_inline int rudder_parse_plain6(const struct rudder_frame *frame, struct rudder_packet *packet,
					       struct rudder_plain *plain)
{
	const __u8 *ip = frame->data + RUDDER_ETH_BYTES;
	__u32 total = RUDDER_IPV6_BYTES + rudder_load16(ip + 4);
	__u32 first_be = rudder_load32_be(ip);

	/* No payload length: a jumbogram, or nothing behind the header. */
	if (total == RUDDER_IPV6_BYTES || total > 0xffff || total > frame->frame_bytes - RUDDER_ETH_BYTES)
		return 0;
	for (int i = 0; i < 4; i++) {
		packet->src_be[i] = rudder_load32_be(ip + 8 + 4 * i);
		packet->dst_be[i] = rudder_load32_be(ip + 24 + 4 * i);
	}
	plain->family = 6;
	plain->ip_bytes = RUDDER_IPV6_BYTES;
	plain->protocol = ip[6];
	plain->tos = (__u8)(RUDDER_SWAP32(first_be) >> 20);
	plain->ttl = ip[7];
	plain->l3_bytes = (__u16)total;
	if (!rudder_finish_plain(frame, packet, plain))
		return 0;
	if (rudder_is_remarkable6(packet->src_be[0]) || rudder_is_remarkable6(packet->dst_be[0]))
		rudder_flag_addresses(packet);
	return 1;
}

/* rudder_parse for what most packets are: an Ethernet frame without a tag in band, IPv4 without options, whole, or IPv6
 * without extension headers. Every offset is a constant then, and nearly no branch depends on the packet. Returns nonzero if it
 * was one of these; else `packet` is not to be used and rudder_parse says what it is. */
static __always_inline int rudder_parse_plain(const struct rudder_frame *frame, struct rudder_packet *packet)
{
	const __u8 *ip = frame->data + RUDDER_ETH_BYTES;
	struct rudder_plain plain;
	__u32 start_be;

	if (frame->is_layer3 || ip + RUDDER_IPV4_BYTES > frame->data_end)
		return 0;
	start_be = rudder_load32_be(frame->data + 12); /* from the ethertype on */
	plain.flags = (__u8)((frame->data[0] & 1) * RUDDER_PKT_GROUP);
	plain.vlan_tci = 0;
	if (frame->has_vlan_tag) {
		plain.vlan_tci = frame->vlan_tci;
		plain.flags |= frame->vlan_tci & RUDDER_VID_MASK ? RUDDER_PKT_TAGGED : 0;
	}
	if ((start_be & rudder_word(0xff, 0xff, 0xff, 0)) == rudder_word(0x08, 0x00, 0x45, 0))
		return rudder_parse_plain4(frame, packet, &plain);
	if ((start_be & rudder_word(0xff, 0xff, 0xf0, 0)) == rudder_word(0x86, 0xdd, 0x60, 0) &&
	    ip + RUDDER_IPV6_BYTES <= frame->data_end && !rudder_is_extension(ip[6]))
		return rudder_parse_plain6(frame, packet, &plain);
	return 0;
}
