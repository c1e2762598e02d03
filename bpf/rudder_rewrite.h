/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What a packet looks like after a target's rewrite. Pure, for BPF and for the host.
 *
 * Every result is computed from the original headers, never from what the previous copy left behind. Payload and
 * transport checksum are not touched here: `pseudo_difference` and `port_difference` say what to add to the
 * checksum, because only the kernel knows its state (CHECKSUM_PARTIAL counts the first but not the second).
 */
#pragma once

#include "rudder_bytes.h"
#include "rudder_parse.h"

#define RUDDER_TTL_OF_UNICAST_COPY 64u
#define RUDDER_TRANSPORT_BYTES 20u

/* Headers as they arrived. `ip` holds the fixed part only: options and extension headers never change. */
struct rudder_original {
	__u32 macs[3]; /* destination, then source */
	__u32 ip[10];
	__u8 transport[RUDDER_TRANSPORT_BYTES]; /* as much of it as rudder_transport_form().least_bytes */
};

#define RUDDER_CHANGED_PORTS 0x1u  /* ports_be and port_difference */
#define RUDDER_CHANGED_PSEUDO 0x2u /* pseudo_difference: there is a transport checksum over the addresses */

struct rudder_rewritten {
	__u32 ip[10];           /* fixed part of the IP header; IPv4: with its checksum */
	__u32 pseudo_difference; /* one's complement sums, memory order */
	__u32 port_difference;
	__u16 ports_be[2];
	__u32 changed;          /* RUDDER_CHANGED_* */
};

/* ---- TTL --------------------------------------------------------------------------------------- */

static __always_inline int rudder_is_multicast(const struct rudder_packet *packet)
{
	return packet->family == 4 ? rudder_is_multicast4(packet->dst_be[0]) : rudder_is_multicast6(packet->dst_be);
}

static __always_inline int rudder_becomes_unicast(const struct rudder_packet *packet, const struct rudder_target *target)
{
	if (!(target->flags & RUDDER_REWRITE_DST_IP) || !rudder_is_multicast(packet))
		return 0;
	return packet->family == 4 ? !rudder_is_multicast4(target->dst_be[0]) : !rudder_is_multicast6(target->dst_be);
}

/* The TTL to send with, -1 if it has expired. At egress routing has already decremented it. */
static __always_inline int rudder_new_ttl(const struct rudder_packet *packet, const struct rudder_target *target,
					  __u32 direction)
{
	if (target->ttl_mode == RUDDER_TTL_SET)
		return target->ttl;
	if (target->ttl_mode == RUDDER_TTL_KEEP)
		return packet->ttl;
	if (rudder_becomes_unicast(packet, target))
		return RUDDER_TTL_OF_UNICAST_COPY;
	if (direction == RUDDER_EGRESS)
		return packet->ttl;
	return packet->ttl <= 1 ? -1 : packet->ttl - 1;
}

/* ---- IP headers -------------------------------------------------------------------------------- */

static __always_inline __u8 rudder_new_tos(const struct rudder_packet *packet, const struct rudder_target *target)
{
	if (!(target->flags & RUDDER_REWRITE_DSCP))
		return packet->tos;
	return (__u8)(target->dscp << 2 | (packet->tos & 3));
}

static __always_inline void rudder_rewrite_ipv4(const struct rudder_original *original, const struct rudder_target *target,
						__u8 tos, __u8 ttl, struct rudder_rewritten *out)
{
	__u32 word0 = rudder_set_byte(original->ip[0], 1, tos);
	__u32 word2 = rudder_set_byte(original->ip[2], 0, ttl);
	__u32 src = target->flags & RUDDER_REWRITE_SRC_IP ? target->src_be[0] : original->ip[3];
	__u32 dst = target->flags & RUDDER_REWRITE_DST_IP ? target->dst_be[0] : original->ip[4];
	__u64 addresses = rudder_sum_replace(original->ip[3], src) + rudder_sum_replace(original->ip[4], dst);
	/* Word 2 holds the checksum itself: equal on both sides, it adds nothing. */
	__u64 header = rudder_sum_replace(original->ip[0], word0) + rudder_sum_replace(original->ip[2], word2) + addresses;

	out->ip[0] = word0;
	out->ip[1] = original->ip[1];
	out->ip[2] = rudder_set_second_half(word2, rudder_checksum_update(rudder_second_half(word2), header));
	out->ip[3] = src;
	out->ip[4] = dst;
	out->pseudo_difference = rudder_sum_fold32(addresses);
}

static __always_inline void rudder_rewrite_ipv6(const struct rudder_original *original, const struct rudder_target *target,
						__u8 tos, __u8 hop_limit, struct rudder_rewritten *out)
{
	__u32 word0 = rudder_set_byte(original->ip[0], 0, (__u8)(0x60 | tos >> 4));
	__u64 addresses = 0;

	/* Bits 12 to 15: the low half of the traffic class. The flow label stays. */
	word0 = rudder_set_byte(word0, 1, (__u8)(tos << 4 | (rudder_get_byte(word0, 1) & 0xf)));
	out->ip[0] = word0;
	out->ip[1] = rudder_set_byte(original->ip[1], 3, hop_limit);
	for (int i = 0; i < 4; i++) {
		__u32 src = target->flags & RUDDER_REWRITE_SRC_IP ? target->src_be[i] : original->ip[2 + i];
		__u32 dst = target->flags & RUDDER_REWRITE_DST_IP ? target->dst_be[i] : original->ip[6 + i];

		out->ip[2 + i] = src;
		out->ip[6 + i] = dst;
		addresses += rudder_sum_replace(original->ip[2 + i], src) + rudder_sum_replace(original->ip[6 + i], dst);
	}
	out->pseudo_difference = rudder_sum_fold32(addresses);
}

/* ---- the whole --------------------------------------------------------------------------------- */

static __always_inline int rudder_rewrite_ports(const struct rudder_original *original, const struct rudder_packet *packet,
						const struct rudder_target *target, struct rudder_rewritten *out)
{
	__u16 from_be[2];

	if (!(target->flags & (RUDDER_REWRITE_DST_PORT | RUDDER_REWRITE_SRC_PORT)) ||
	    packet->flags & RUDDER_PKT_LATER_FRAGMENT)
		return RUDDER_REASON_NONE;
	/* SCTP has ports, but its CRC32c is over the whole packet. */
	if (!(packet->flags & RUDDER_PKT_HAS_PORTS) || packet->l4_checksum == RUDDER_L4_NO_CHECKSUM)
		return RUDDER_REASON_NO_PORTS;
	from_be[0] = rudder_load16_be(original->transport);
	from_be[1] = rudder_load16_be(original->transport + 2);
	out->ports_be[0] = target->flags & RUDDER_REWRITE_SRC_PORT ? target->src_port_be : from_be[0];
	out->ports_be[1] = target->flags & RUDDER_REWRITE_DST_PORT ? target->dst_port_be : from_be[1];
	out->port_difference = (__u32)(__u16)~from_be[0] + (__u16)~from_be[1] + out->ports_be[0] + out->ports_be[1];
	out->changed |= RUDDER_CHANGED_PORTS;
	return RUDDER_REASON_NONE;
}

/* The parser gave up among the extension headers: there may be a checksum over the addresses behind them. */
static __always_inline int rudder_is_transport_hidden(const struct rudder_packet *packet)
{
	return !packet->l4_offset && !(packet->flags & RUDDER_PKT_LATER_FRAGMENT);
}

/* Fills `out`. Returns RUDDER_REASON_NONE, or why the packet cannot be sent (enum rudder_reason). */
static __always_inline int rudder_rewrite_compute(const struct rudder_original *original,
						  const struct rudder_packet *packet, const struct rudder_target *target,
						  __u32 direction, struct rudder_rewritten *out)
{
	int ttl = rudder_new_ttl(packet, target, direction);
	__u8 tos = rudder_new_tos(packet, target);
	int reason;

	if (ttl < 0)
		return RUDDER_REASON_TTL_EXPIRED;
	if (rudder_is_transport_hidden(packet) && target->flags & (RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP))
		return RUDDER_REASON_HIDDEN_TRANSPORT;
	out->changed = 0;
	reason = rudder_rewrite_ports(original, packet, target, out);
	if (reason != RUDDER_REASON_NONE)
		return reason;
	if (packet->family == 4)
		rudder_rewrite_ipv4(original, target, tos, (__u8)ttl, out);
	else
		rudder_rewrite_ipv6(original, target, tos, (__u8)ttl, out);
	if (packet->l4_checksum != RUDDER_L4_NO_CHECKSUM && packet->l4_offset &&
	    target->flags & (RUDDER_REWRITE_DST_IP | RUDDER_REWRITE_SRC_IP))
		out->changed |= RUDDER_CHANGED_PSEUDO;
	return RUDDER_REASON_NONE;
}

/* UDP and UDP-Lite: a checksum of 0 means none and stays, and a result of 0 is sent as 0xffff. */
static __always_inline int rudder_zero_means_none(const struct rudder_packet *packet)
{
	return packet->protocol == RUDDER_IP_UDP || packet->protocol == RUDDER_IP_UDPLITE;
}

/* The transport checksum after the rewrite, when it is a complete one (not CHECKSUM_PARTIAL). */
static __always_inline __u16 rudder_rewrite_checksum(const struct rudder_packet *packet, __u16 checksum_be,
						     const struct rudder_rewritten *out)
{
	__u64 difference = 0;
	__u16 result;

	if (rudder_zero_means_none(packet) && checksum_be == 0)
		return 0;
	if (out->changed & RUDDER_CHANGED_PSEUDO)
		difference += out->pseudo_difference;
	if (out->changed & RUDDER_CHANGED_PORTS)
		difference += out->port_difference;
	if (!difference)
		return checksum_be;
	result = rudder_checksum_update(checksum_be, difference);
	return rudder_zero_means_none(packet) && result == 0 ? 0xffff : result;
}

/* The word of TTL, protocol and header checksum with another TTL. *Source*: RFC 1624, equation 3. */
static __always_inline __u32 rudder_ttl_word_with(__u32 word_be, __u8 ttl)
{
	__u32 changed_be = rudder_set_byte(word_be, 0, ttl);
	__u32 sum = (rudder_second_half(word_be) ^ 0xffffu) + (rudder_first_half(word_be) ^ 0xffffu) +
		    rudder_first_half(changed_be);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return rudder_set_second_half(changed_be, (__u16)~sum);
}

/* The same with a TTL that is less by one, and was not 0: the checksum is more by as much, in one's complement. *Source*: RFC 1141,
 * with the zero of RFC 1624. */
static __always_inline __u32 rudder_ttl_word_less_one(__u32 word_be)
{
	__u32 one_be = rudder_word(1, 0, 0, 0);
	__u32 checksum = rudder_second_half(word_be) + rudder_first_half(one_be);

	checksum += (checksum + 1) >> 16;
	return rudder_set_second_half(word_be, (__u16)checksum) - one_be;
}

/* Does the IPv4 header sum up? `sum` is that of all its 32-bit words. It does if the sum folds to 0xffff, that is, if it is a
 * multiple of 65535 but not 0: then, and only then, the product with the inverse of 65535 modulo 2^64 is the quotient, from 1 to
 * (2^64 - 1) / 65535. *Source*: Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994, section 9. */
static __always_inline int rudder_is_header_sum_good(__u64 sum)
{
	return sum * 0xfffefffefffeffffull - 1 < 0x0001000100010001ull;
}
