/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Byte order, unaligned loads and one's complement sums, for BPF and for the host.
 */
#pragma once

#include "rudder_abi.h"
#include "rudder_opaque.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RUDDER_SWAP16(value) __builtin_bswap16(value)
#define RUDDER_SWAP32(value) __builtin_bswap32(value)
#else
#define RUDDER_SWAP16(value) ((__u16)(value))
#define RUDDER_SWAP32(value) ((__u32)(value))
#endif

/* Loads of packet bytes in wire order. The verifier takes unaligned packet loads as they are (clang would split
 * a memcpy of unknown alignment into bytes); the host must not rely on that. */
static __always_inline __u16 rudder_load16_be(const void *at)
{
#ifdef __bpf__
	return *(const __u16 *)at;
#else
	__u16 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return value;
#endif
}

static __always_inline __u32 rudder_load32_be(const void *at)
{
#ifdef __bpf__
	return *(const __u32 *)at;
#else
	__u32 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return value;
#endif
}

static __always_inline __u64 rudder_load64_be(const void *at)
{
#ifdef __bpf__
	return *(const __u64 *)at;
#else
	__u64 value;

	__builtin_memcpy(&value, at, sizeof(value));
	return value;
#endif
}

static __always_inline void rudder_store32_be(void *at, __u32 value_be)
{
#ifdef __bpf__
	*(__u32 *)at = value_be;
#else
	__builtin_memcpy(at, &value_be, sizeof(value_be));
#endif
}

static __always_inline void rudder_store64_be(void *at, __u64 value_be)
{
#ifdef __bpf__
	*(__u64 *)at = value_be;
#else
	__builtin_memcpy(at, &value_be, sizeof(value_be));
#endif
}

/* Four wire bytes as a word in memory order. */
static __always_inline __u32 rudder_word(__u8 b0, __u8 b1, __u8 b2, __u8 b3)
{
	return RUDDER_SWAP32((__u32)b0 << 24 | (__u32)b1 << 16 | (__u32)b2 << 8 | b3);
}

/* Two fields that lie one behind the other, at a multiple of four, as one store. */
static __always_inline void rudder_store_pair(void *at, __u16 first, __u16 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u32 word = first | (__u32)second << 16;
#else
	__u32 word = (__u32)first << 16 | second;
#endif

	rudder_store32_be(at, word);
}

/* Two bytes as they lie in memory. */
static __always_inline __u16 rudder_pair(__u8 first, __u8 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u16)(first | second << 8);
#else
	return (__u16)(first << 8 | second);
#endif
}

static __always_inline __u16 rudder_load16(const void *at)
{
	return RUDDER_SWAP16(rudder_load16_be(at));
}

/* 1 if any bit is set, else 0, without a branch: for what no processor foresees. */
static __always_inline __u64 rudder_is_set(__u64 bits)
{
	__u64 top = bits | -bits;

	RUDDER_OPAQUE(top);
	return top >> 63;
}

/* Folds a one's complement sum of 32-bit words to 32 bits, and to 16. */
static __always_inline __u32 rudder_sum_fold32(__u64 sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffffffu) + (sum >> 32);
	return (__u32)sum;
}

static __always_inline __u16 rudder_sum_fold16(__u64 sum)
{
	__u32 folded = rudder_sum_fold32(sum);

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return (__u16)folded;
}

/* What replacing `from` by `to` adds to a one's complement sum. */
static __always_inline __u64 rudder_sum_replace(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

/* A checksum field after `difference` was added to what it covers. *Source*: RFC 1624, equation 3. */
static __always_inline __u16 rudder_checksum_update(__u16 checksum_be, __u64 difference)
{
	return (__u16)~rudder_sum_fold16((__u64)(__u16)~checksum_be + difference);
}

/* A word of wire bytes with its byte `index` replaced. In registers: a byte store before a word load stalls. */
static __always_inline __u32 rudder_set_byte(__u32 word_be, __u32 index, __u8 value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__u32 shift = index * 8;
#else
	__u32 shift = 24 - index * 8;
#endif

	return (word_be & ~(0xffu << shift)) | (__u32)value << shift;
}

static __always_inline __u8 rudder_get_byte(__u32 word_be, __u32 index)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u8)(word_be >> index * 8);
#else
	return (__u8)(word_be >> (24 - index * 8));
#endif
}

/* Bytes 0 and 1 of a word of wire bytes, as they lie in memory; and bytes 2 and 3. */
static __always_inline __u16 rudder_first_half(__u32 word_be)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u16)word_be;
#else
	return (__u16)(word_be >> 16);
#endif
}

static __always_inline __u16 rudder_second_half(__u32 word_be)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u16)(word_be >> 16);
#else
	return (__u16)word_be;
#endif
}

static __always_inline __u32 rudder_set_second_half(__u32 word_be, __u16 half_be)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (word_be & 0xffffu) | (__u32)half_be << 16;
#else
	return (word_be & 0xffff0000u) | half_be;
#endif
}
