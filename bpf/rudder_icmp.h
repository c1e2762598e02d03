/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * ICMP errors: who may be told, and the headers that say it. Pure, for BPF and for the host.
 *
 * *Source*: RFC 792, RFC 1191, RFC 1812 section 4.3.2, RFC 4443.
 */
#pragma once

#include "rudder_address.h"
#include "rudder_bytes.h"
#include "rudder_parse.h"

/* As much of the packet as fits an error that every path carries: 576 and 1280 bytes. */
#define RUDDER_ICMP4_BYTES 28u /* with the IP header */
#define RUDDER_ICMP6_BYTES 48u
#define RUDDER_QUOTE4_BYTES (576u - RUDDER_ICMP4_BYTES)
#define RUDDER_QUOTE6_BYTES (1280u - RUDDER_ICMP6_BYTES)
#define RUDDER_IPV6_LEAST_MTU 1280u

#define RUDDER_ICMP_TTL 64u
#define RUDDER_ICMP4_TOS 0xc0u /* precedence "internetwork control" */

enum {
	RUDDER_ICMP4_UNREACHABLE = 3,
	RUDDER_ICMP4_QUENCH = 4,
	RUDDER_ICMP4_REDIRECT = 5,
	RUDDER_ICMP4_TIME_EXCEEDED = 11,
	RUDDER_ICMP4_PARAMETER = 12,
	RUDDER_ICMP4_FRAGMENTATION_NEEDED = 4, /* a code of "unreachable" */
	RUDDER_ICMP6_TOO_BIG = 2,
	RUDDER_ICMP6_TIME_EXCEEDED = 3,
	RUDDER_ICMP6_FIRST_QUERY = 128, /* below it: errors */
	RUDDER_ICMP6_REDIRECT = 137,
};

/* ---- whom to tell ------------------------------------------------------------------------------ */

/* An error, or a redirect, which is answered no more than an error. */
static __always_inline int rudder_is_icmp_error(__u8 family, __u8 type)
{
	if (family == 6)
		return type < RUDDER_ICMP6_FIRST_QUERY || type == RUDDER_ICMP6_REDIRECT;
	return type == RUDDER_ICMP4_UNREACHABLE || type == RUDDER_ICMP4_QUENCH || type == RUDDER_ICMP4_REDIRECT ||
	       type == RUDDER_ICMP4_TIME_EXCEEDED || type == RUDDER_ICMP4_PARAMETER;
}

/* An address that stands for one host other than this: neither unspecified, loopback, multicast nor reserved. */
static __always_inline int rudder_is_one_host(__u8 family, const __u32 *address_be)
{
	__u32 first = RUDDER_SWAP32(address_be[0]) >> 24;

	if (family == 4)
		return first != 0 && first != 127 && first < 224;
	return !rudder_is_multicast6(address_be) &&
	       ((address_be[0] | address_be[1] | address_be[2]) || RUDDER_SWAP32(address_be[3]) > 1);
}

/* May the sender of this packet be sent an ICMP error? `icmp_type`: of an ICMP packet, else any. */
static __always_inline int rudder_may_answer(const struct rudder_packet *packet, __u8 icmp_type)
{
	if (packet->flags & (RUDDER_PKT_GROUP | RUDDER_PKT_LATER_FRAGMENT))
		return 0;
	if (!rudder_is_one_host(packet->family, packet->src_be))
		return 0;
	if (!rudder_is_icmp(packet))
		return 1;
	return packet->l4_offset && !rudder_is_icmp_error(packet->family, icmp_type);
}

/* ---- the message ------------------------------------------------------------------------------- */

struct rudder_icmp {
	__u32 words[12]; /* IP header, ICMP header */
	__u32 bytes;     /* how much of it */
};

static __always_inline __u32 rudder_word16(__u16 first, __u16 second)
{
	return RUDDER_SWAP32((__u32)first << 16 | second);
}

/* What an error is about. */
struct rudder_trouble {
	__u32 mtu;         /* too big: the MTU to tell; 0: the TTL or hop limit has expired */
	__u32 quote_bytes; /* of the packet, from its IP header on */
	__u32 quote_sum;   /* one's complement sum of them, memory order */
};

static __always_inline void rudder_icmp4(const struct rudder_trouble *trouble, __u32 src_be, __u32 dst_be, struct rudder_icmp *out)
{
	__u32 *ip = out->words;
	__u32 *icmp = out->words + 5;
	__u64 sum = 0;

	ip[0] = rudder_word16((__u16)(0x4500u | RUDDER_ICMP4_TOS), (__u16)(RUDDER_ICMP4_BYTES + trouble->quote_bytes));
	ip[1] = rudder_word16(0, 0x4000); /* never fragmented: it needs no identification (RFC 6864) */
	ip[2] = rudder_word(RUDDER_ICMP_TTL, RUDDER_IP_ICMP, 0, 0);
	ip[3] = src_be;
	ip[4] = dst_be;
	for (int i = 0; i < 5; i++)
		sum += ip[i];
	ip[2] = rudder_set_second_half(ip[2], (__u16)~rudder_sum_fold16(sum));
	icmp[0] = trouble->mtu ? rudder_word(RUDDER_ICMP4_UNREACHABLE, RUDDER_ICMP4_FRAGMENTATION_NEEDED, 0, 0) :
				 rudder_word(RUDDER_ICMP4_TIME_EXCEEDED, 0, 0, 0);
	icmp[1] = rudder_word16(0, (__u16)(trouble->mtu > 0xffff ? 0xffff : trouble->mtu));
	sum = (__u64)icmp[0] + icmp[1] + trouble->quote_sum;
	icmp[0] = rudder_set_second_half(icmp[0], (__u16)~rudder_sum_fold16(sum));
	out->bytes = RUDDER_ICMP4_BYTES;
}

static __always_inline void rudder_icmp6(const struct rudder_trouble *trouble, const __u32 *src_be, const __u32 *dst_be,
					 struct rudder_icmp *out)
{
	__u32 *ip = out->words;
	__u32 *icmp = out->words + 10;
	__u16 bytes = (__u16)(8 + trouble->quote_bytes);
	__u32 mtu = trouble->mtu < RUDDER_IPV6_LEAST_MTU ? RUDDER_IPV6_LEAST_MTU : trouble->mtu;
	__u64 sum;

	ip[0] = rudder_word(0x60, 0, 0, 0);
	ip[1] = rudder_word((__u8)(bytes >> 8), (__u8)bytes, RUDDER_IP_ICMP6, RUDDER_ICMP_TTL);
	icmp[0] = rudder_word(trouble->mtu ? RUDDER_ICMP6_TOO_BIG : RUDDER_ICMP6_TIME_EXCEEDED, 0, 0, 0);
	icmp[1] = trouble->mtu ? RUDDER_SWAP32(mtu) : 0;
	sum = (__u64)icmp[0] + icmp[1] + trouble->quote_sum + rudder_word16(0, bytes) + rudder_word(0, 0, 0, RUDDER_IP_ICMP6);
	for (int i = 0; i < 4; i++) {
		ip[2 + i] = src_be[i];
		ip[6 + i] = dst_be[i];
		sum += (__u64)src_be[i] + dst_be[i];
	}
	icmp[0] = rudder_set_second_half(icmp[0], (__u16)~rudder_sum_fold16(sum));
	out->bytes = RUDDER_ICMP6_BYTES;
}

/* ---- checksums in the quote -------------------------------------------------------------------- */

/* A value for a checksum field that stays what it is when the kernel or a device completes it
 * (CHECKSUM_PARTIAL: field = ~(sum over the transport part, field included)): 2 * field = -rest. One's complement
 * arithmetic is that modulo 65535, where 2 has an inverse. `rest`: the sum without the field. */
static __always_inline __u16 rudder_lasting_checksum(__u64 rest)
{
	__u32 wanted = 0xffffu - rudder_sum_fold16(rest);

	return (__u16)((wanted & 1 ? wanted + 0xffffu : wanted) / 2);
}

/* ---- how often --------------------------------------------------------------------------------- */

/* A token bucket in nanoseconds of budget. */
struct rudder_bucket {
	__u64 last_ns;
	__u64 budget_ns;
};
#define RUDDER_ICMP_COST_NS 1000000ull                    /* 1000 a second, per CPU, as the kernel's icmp_msgs_per_sec */
#define RUDDER_ICMP_BURST_NS (50ull * RUDDER_ICMP_COST_NS) /* icmp_msgs_burst */

/* Returns nonzero if one more may be sent. */
static __always_inline int rudder_take_token(struct rudder_bucket *bucket, __u64 now_ns)
{
	__u64 budget = bucket->budget_ns + (now_ns - bucket->last_ns);

	if (bucket->last_ns == 0 || budget > RUDDER_ICMP_BURST_NS)
		budget = RUDDER_ICMP_BURST_NS;
	bucket->last_ns = now_ns;
	bucket->budget_ns = budget;
	if (budget < RUDDER_ICMP_COST_NS)
		return 0;
	bucket->budget_ns = budget - RUDDER_ICMP_COST_NS;
	return 1;
}
