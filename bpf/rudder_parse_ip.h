/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * From the IP header on to struct rudder_packet: what a frame is to the parser, addresses, transports, IPv4 and IPv6. Pure, for
 * BPF and for the host. rudder_parse.h begins before it, at the link layer.
 */
#pragma once

#include "rudder_address.h"
#include "rudder_bytes.h"

#define RUDDER_MAX_EXTENSION_HEADERS 6u
/* Transport headers that start behind this are not looked at: the packet has no ports. */
#define RUDDER_MAX_HEADER_BYTES 512u
/* As far as anything is read: the last header that is looked at is at most an extension header, of which 8 bytes are. */
#define RUDDER_PARSED_BYTES (RUDDER_MAX_HEADER_BYTES + 8u)

enum rudder_parse_result {
	RUDDER_PARSE_OK = 0,
	RUDDER_PARSE_NOT_IP = 1,
	RUDDER_PARSE_SHORT = 2,
	RUDDER_PARSE_MALFORMED = 3,
};

/* What the parser is told of a frame. */
struct rudder_frame {
	const __u8 *data;     /* linear part */
	const __u8 *data_end;
	__u32 frame_bytes;    /* whole frame, from data on */
	__u16 vlan_tci;       /* of an offloaded tag */
	__u8 has_vlan_tag;    /* a tag was offloaded */
	__u8 is_layer3;       /* no Ethernet header */
};

#define RUDDER_ETH_BYTES 14u
#define RUDDER_TAG_BYTES 4u
#define RUDDER_MAX_TAGS 2u
#define RUDDER_IPV4_BYTES 20u
#define RUDDER_IPV6_BYTES 40u
#define RUDDER_VID_MASK 0x0fffu
#define RUDDER_TCP_BYTES 20u
#define RUDDER_UDP_BYTES 8u
#define RUDDER_TCP_CHECKSUM 16u /* where it lies in the header */
#define RUDDER_UDP_CHECKSUM 6u

enum {
	RUDDER_ETHERTYPE_IPV4 = 0x0800,
	RUDDER_ETHERTYPE_IPV6 = 0x86dd,
	RUDDER_ETHERTYPE_8021Q = 0x8100,
	RUDDER_ETHERTYPE_8021AD = 0x88a8,
};

enum {
	RUDDER_IP_HOP_BY_HOP = 0,
	RUDDER_IP_ICMP = 1,
	RUDDER_IP_TCP = 6,
	RUDDER_IP_UDP = 17,
	RUDDER_IP_DCCP = 33,
	RUDDER_IP_ROUTING = 43,
	RUDDER_IP_FRAGMENT = 44,
	RUDDER_IP_AH = 51,
	RUDDER_IP_ICMP6 = 58,
	RUDDER_IP_DST_OPTIONS = 60,
	RUDDER_IP_SCTP = 132,
	RUDDER_IP_UDPLITE = 136,
};

/* Most packets are one or the other, and which no processor foresees: so they are told apart without a branch. */
static __always_inline int rudder_is_tcp_or_udp(__u8 protocol)
{
	__u32 other = (__u32)(protocol ^ RUDDER_IP_TCP) * (__u32)(protocol ^ RUDDER_IP_UDP);

	RUDDER_OPAQUE(other);
	return other == 0;
}

/* 1 for TCP, else 0. */
static __always_inline __u32 rudder_is_tcp(__u8 protocol)
{
	__u32 is_tcp = ((__u32)(protocol ^ RUDDER_IP_TCP) - 1) >> 31;

	RUDDER_OPAQUE(is_tcp);
	return is_tcp;
}

/* Bytes of a transport header that is TCP's (1) or UDP's (0). */
static __always_inline __u32 rudder_least_transport(__u32 is_tcp)
{
	return RUDDER_UDP_BYTES + is_tcp * (RUDDER_TCP_BYTES - RUDDER_UDP_BYTES);
}

/* Least bytes of a transport header we must see, and where its checksum lies. The checksums counted here are those
 * with a pseudo-header; the others (SCTP, ICMP) do not change when addresses do. */
struct rudder_transport_form {
	__u8 least_bytes;
	__u8 checksum; /* offset, RUDDER_L4_NO_CHECKSUM */
	__u8 has_ports;
};

static __always_inline struct rudder_transport_form rudder_transport_form(__u8 family, __u8 protocol)
{
	struct rudder_transport_form form = { 0, RUDDER_L4_NO_CHECKSUM, 1 };

	if (protocol == RUDDER_IP_TCP) {
		form.least_bytes = RUDDER_TCP_BYTES;
		form.checksum = RUDDER_TCP_CHECKSUM;
	} else if (protocol == RUDDER_IP_UDP || protocol == RUDDER_IP_UDPLITE) {
		form.least_bytes = RUDDER_UDP_BYTES;
		form.checksum = RUDDER_UDP_CHECKSUM;
	} else if (protocol == RUDDER_IP_DCCP) {
		form.least_bytes = 12;
		form.checksum = 6;
	} else if (protocol == RUDDER_IP_SCTP) {
		form.least_bytes = 12;
	} else {
		form.has_ports = 0;
		if (protocol == RUDDER_IP_ICMP6 && family == 6) {
			form.least_bytes = 4;
			form.checksum = 2;
		}
	}
	return form;
}

/* ICMP in IPv4, ICMPv6 in IPv6. */
static __always_inline int rudder_is_icmp(const struct rudder_packet *packet)
{
	return packet->protocol == (packet->family == 4 ? RUDDER_IP_ICMP : RUDDER_IP_ICMP6);
}

/* Where `offset`, at most RUDDER_MAX_HEADER_BYTES, leads. The mask is for the verifier: before Linux 6.3 it loses a bound
 * that was checked on a copy ("math between pkt pointer and register with unbounded min value"). */
static __always_inline const __u8 *rudder_at(const struct rudder_frame *frame, __u32 offset)
{
	__u64 bounded = offset;

	if (__builtin_constant_p(offset))
		return frame->data + offset;
	RUDDER_OPAQUE(bounded);
	return frame->data + (bounded & (2 * RUDDER_MAX_HEADER_BYTES - 1));
}

/* ---- addresses --------------------------------------------------------------------------------- */

static __always_inline void rudder_flag_addresses(struct rudder_packet *packet)
{
	int is_special, is_group;

	if (packet->family == 4) {
		is_group = rudder_is_multicast4(packet->dst_be[0]);
		is_special = rudder_is_special4(packet->src_be[0]) || rudder_is_special4(packet->dst_be[0]) ||
			     rudder_is_multicast4(packet->src_be[0]);
	} else {
		is_group = rudder_is_multicast6(packet->dst_be);
		is_special = rudder_is_special6(packet->src_be) || rudder_is_special6(packet->dst_be) ||
			     rudder_is_multicast6(packet->src_be);
	}
	if (is_group)
		packet->flags |= RUDDER_PKT_GROUP;
	if (is_special)
		packet->flags |= RUDDER_PKT_SPECIAL;
}

/* ---- transport --------------------------------------------------------------------------------- */

/* A first fragment may end within its transport header, behind the ports at the earliest (fragments are multiples of 8
 * bytes): the checksum over the addresses is in a later one then. */
static __always_inline int rudder_is_cut_by_fragment(const struct rudder_packet *packet,
						     const struct rudder_transport_form *form, __u32 bytes)
{
	return packet->flags & RUDDER_PKT_FRAGMENT && form->has_ports && bytes >= 8;
}

/* `bytes`: from the transport header to the end of the IP packet. */
static __always_inline int rudder_parse_transport(const struct rudder_frame *frame, struct rudder_packet *packet,
						  __u32 offset, __u32 bytes)
{
	struct rudder_transport_form form = rudder_transport_form(packet->family, packet->protocol);
	const __u8 *at;

	if (packet->flags & RUDDER_PKT_LATER_FRAGMENT || offset > RUDDER_MAX_HEADER_BYTES)
		return RUDDER_PARSE_OK;
	if (bytes < form.least_bytes && !rudder_is_cut_by_fragment(packet, &form, bytes))
		return RUDDER_PARSE_SHORT;
	if (bytes >= form.least_bytes || form.checksum == RUDDER_L4_NO_CHECKSUM || form.checksum + 2u <= bytes) {
		packet->l4_offset = (__u16)offset;
		packet->l4_checksum = form.checksum;
	}
	if (!form.has_ports)
		return RUDDER_PARSE_OK;
	at = rudder_at(frame, offset);
	if (at + 4 > frame->data_end)
		return RUDDER_PARSE_SHORT;
	packet->src_port = rudder_load16(at);
	packet->dst_port = rudder_load16(at + 2);
	packet->flags |= RUDDER_PKT_HAS_PORTS;
	return RUDDER_PARSE_OK;
}

/* ---- IPv4 -------------------------------------------------------------------------------------- */

/* The fixed part, which the caller has seen to be there, with options up to `header_bytes`. */
static __always_inline int rudder_parse_ipv4_header(const struct rudder_frame *frame, struct rudder_packet *packet,
						    __u32 offset, __u32 header_bytes)
{
	const __u8 *ip = frame->data + offset;
	__u32 remaining = frame->frame_bytes - offset;
	__u32 total = rudder_load16(ip + 2);
	__u32 fragment;

	if (total == 0 && frame->frame_bytes > 0xffff)
		total = remaining > 0xffff ? 0xffff : remaining;
	if (ip[0] >> 4 != 4 || header_bytes < RUDDER_IPV4_BYTES || total < header_bytes || total > remaining)
		return RUDDER_PARSE_MALFORMED;
	fragment = rudder_load16(ip + 6);
	if (fragment & 0x3fff)
		packet->flags |= RUDDER_PKT_FRAGMENT;
	if (fragment & 0x1fff)
		packet->flags |= RUDDER_PKT_LATER_FRAGMENT;
	packet->family = 4;
	packet->tos = ip[1];
	packet->ttl = ip[8];
	packet->protocol = ip[9];
	packet->src_be[0] = rudder_load32_be(ip + 12);
	packet->dst_be[0] = rudder_load32_be(ip + 16);
	packet->l3_bytes = (__u16)total;
	packet->ip_header_bytes = (__u8)header_bytes;
	return rudder_parse_transport(frame, packet, offset + header_bytes, total - header_bytes);
}

static __always_inline int rudder_parse_ipv4(const struct rudder_frame *frame, struct rudder_packet *packet, __u32 offset)
{
	const __u8 *ip = frame->data + offset;

	if (ip + RUDDER_IPV4_BYTES > frame->data_end)
		return RUDDER_PARSE_SHORT;
	return rudder_parse_ipv4_header(frame, packet, offset, (__u32)(ip[0] & 0xf) * 4);
}

/* ---- IPv6 -------------------------------------------------------------------------------------- */

static __always_inline int rudder_is_extension(__u8 next)
{
	return next == RUDDER_IP_HOP_BY_HOP || next == RUDDER_IP_ROUTING || next == RUDDER_IP_FRAGMENT ||
	       next == RUDDER_IP_AH || next == RUDDER_IP_DST_OPTIONS;
}

/* Passes a value through memory: the verifier forgets what it knew of it, and the ways through a loop meet again. */
static __always_inline __u32 rudder_forget(__u16 *memory, __u32 value)
{
	*(volatile __u16 *)memory = (__u16)value;
	return *(volatile __u16 *)memory;
}

/* Walks the extension headers from `offset`; `end` is where the IP packet ends. A chain that is too long, or whose
 * transport checksum is not over this destination (segments left), ends at the header that says so: no ports. */
static __always_inline int rudder_parse_extensions(const struct rudder_frame *frame, struct rudder_packet *packet,
						   __u32 offset, __u32 end, __u8 next)
{
	for (__u32 i = 0; i < RUDDER_MAX_EXTENSION_HEADERS; i++) {
		const __u8 *at;
		__u32 bytes;

		offset = rudder_forget(&packet->l4_offset, offset);
		if (!rudder_is_extension(next) || packet->flags & RUDDER_PKT_LATER_FRAGMENT ||
		    offset > RUDDER_MAX_HEADER_BYTES)
			break;
		at = rudder_at(frame, offset);
		if (at + 8 > frame->data_end)
			return RUDDER_PARSE_SHORT;
		if (next == RUDDER_IP_ROUTING && at[3] != 0)
			break;
		if (next == RUDDER_IP_FRAGMENT) {
			__u32 fragment = rudder_load16(at + 2);

			if (fragment & 0xfff9)
				packet->flags |= RUDDER_PKT_FRAGMENT;
			if (fragment & 0xfff8)
				packet->flags |= RUDDER_PKT_LATER_FRAGMENT;
			bytes = 8;
		} else if (next == RUDDER_IP_AH) {
			bytes = ((__u32)at[1] + 2) * 4;
		} else {
			bytes = ((__u32)at[1] + 1) * 8;
		}
		next = at[0];
		offset += bytes;
		if (offset > end)
			return RUDDER_PARSE_SHORT;
	}
	packet->protocol = next;
	packet->l4_offset = 0;
	if (rudder_is_extension(next))
		return RUDDER_PARSE_OK;
	return rudder_parse_transport(frame, packet, offset, end - offset);
}

/* The fixed part, which the caller has seen to be there. `*bytes`: length of the IP packet. */
static __always_inline int rudder_parse_ipv6_header(const struct rudder_frame *frame, struct rudder_packet *packet,
						    __u32 offset, __u32 *bytes)
{
	const __u8 *ip = frame->data + offset;
	__u32 remaining = frame->frame_bytes - offset;
	__u32 total = RUDDER_IPV6_BYTES + rudder_load16(ip + 4);

	if (total == RUDDER_IPV6_BYTES && frame->frame_bytes > 0xffff)
		total = remaining;
	if (ip[0] >> 4 != 6 || total > remaining)
		return RUDDER_PARSE_MALFORMED;
	packet->family = 6;
	packet->tos = (__u8)(ip[0] << 4 | ip[1] >> 4);
	packet->ttl = ip[7];
	packet->src_be[0] = rudder_load32_be(ip + 8);
	packet->src_be[1] = rudder_load32_be(ip + 12);
	packet->src_be[2] = rudder_load32_be(ip + 16);
	packet->src_be[3] = rudder_load32_be(ip + 20);
	packet->dst_be[0] = rudder_load32_be(ip + 24);
	packet->dst_be[1] = rudder_load32_be(ip + 28);
	packet->dst_be[2] = rudder_load32_be(ip + 32);
	packet->dst_be[3] = rudder_load32_be(ip + 36);
	packet->l3_bytes = (__u16)(total > 0xffff ? 0xffff : total);
	packet->ip_header_bytes = RUDDER_IPV6_BYTES;
	*bytes = total;
	return RUDDER_PARSE_OK;
}

static __always_inline int rudder_parse_ipv6(const struct rudder_frame *frame, struct rudder_packet *packet, __u32 offset)
{
	const __u8 *ip = frame->data + offset;
	__u32 bytes = 0;
	int result;

	if (ip + RUDDER_IPV6_BYTES > frame->data_end)
		return RUDDER_PARSE_SHORT;
	result = rudder_parse_ipv6_header(frame, packet, offset, &bytes);
	if (result != RUDDER_PARSE_OK)
		return result;
	return rudder_parse_extensions(frame, packet, offset + RUDDER_IPV6_BYTES, offset + bytes, ip[6]);
}
