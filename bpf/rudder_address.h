/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What an address says by itself: multicast, or of a special purpose (link-local, loopback, unspecified, local network
 * control), which no rule matches unasked. *Source*: RFC 6890, RFC 5771, RFC 4291.
 */
#pragma once

#include "rudder_bytes.h"

static __always_inline int rudder_is_multicast4(__u32 address_be)
{
	return (RUDDER_SWAP32(address_be) >> 28) == 0xe;
}

static __always_inline int rudder_is_special4(__u32 address_be)
{
	__u32 address = RUDDER_SWAP32(address_be);
	__u32 first = address >> 24;

	return first == 0 || first == 127 || (address >> 16) == 0xa9fe || (address >> 8) == 0xe00000 ||
	       address == 0xffffffffu;
}

static __always_inline int rudder_is_multicast6(const __u32 *address_be)
{
	return (RUDDER_SWAP32(address_be[0]) >> 24) == 0xff;
}

static __always_inline int rudder_is_special6(const __u32 *address_be)
{
	__u32 first = RUDDER_SWAP32(address_be[0]) >> 16;

	if (first == 0)
		return !(address_be[0] | address_be[1] | address_be[2]) && RUDDER_SWAP32(address_be[3]) <= 1;
	return (first & 0xffc0) == 0xfe80 || first == 0xff01 || first == 0xff02;
}

/* First octets of IPv4 addresses that may be special or groups: 0, 127, 169, 224 and above. */
static __always_inline int rudder_is_remarkable4(__u32 address_be)
{
	__u8 first = rudder_get_byte(address_be, 0);

	return (__u8)(first - 1) >= 223 || first == 127 || first == 169;
}

/* The upper six bits of an address, below others. */
static __always_inline __u32 rudder_upper_six(__u32 address_be)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return address_be >> 2;
#else
	return address_be >> 26;
#endif
}

/* Zero: neither address is remarkable. In as few steps as there can be, for which a few others are taken for remarkable, too. */
static __always_inline int rudder_may_be_remarkable4(__u32 src_be, __u32 dst_be)
{
	const __u64 remarkable = 1ull << (0 >> 2) | 1ull << (127 >> 2) | 1ull << (169 >> 2) | ~0ull << (224 >> 2);

	return ((RUDDER_SHIFT_RIGHT(remarkable, rudder_upper_six(src_be)) | RUDDER_SHIFT_RIGHT(remarkable, rudder_upper_six(dst_be))) & 1) != 0;
}

/* Of IPv6 addresses: 0, fe, ff. */
static __always_inline int rudder_is_remarkable6(__u32 first_word_be)
{
	return (__u8)(rudder_get_byte(first_word_be, 0) + 2) <= 2;
}
