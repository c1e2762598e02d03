/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What C, C++ and BPF compilers want told otherwise, and what they must not know. */
#pragma once

#ifdef __cplusplus
#define RUDDER_INLINE inline __attribute__((always_inline))
#else
#define RUDDER_INLINE __inline __attribute__((always_inline, unused))
#endif
#ifdef __bpf__
#define RUDDER_NO_UNROLL _Pragma("clang loop unroll(disable)")
#define RUDDER_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RUDDER_NO_UNROLL
#define RUDDER_UNROLL
#endif

/* Hides from the compiler where a value came from. For offsets, so that the verifier sees bounds check and access on
 * the same register; for conditions, so that arithmetic stays arithmetic. */
#define RUDDER_OPAQUE(value) __asm__ volatile("" : "+r"(value))

/* 64-bit shifts by the lower six bits of a number, as the instruction set says (RFC 9669, section 4.1) and the instructions of x86-64 and
 * arm64 do by themselves. C leaves open what happens above 63, so that compilers put a mask before it. */
#ifdef __bpf__
#define RUDDER_SHIFT_LEFT(value, by)                                                                                   \
	({                                                                                                             \
		__u64 rudder_shifted = (value);                                                                        \
		__asm__("%0 <<= %1" : "+r"(rudder_shifted) : "r"((__u64)(by)));                                        \
		rudder_shifted;                                                                                        \
	})
#define RUDDER_SHIFT_RIGHT(value, by)                                                                                  \
	({                                                                                                             \
		__u64 rudder_shifted = (value);                                                                        \
		__asm__("%0 >>= %1" : "+r"(rudder_shifted) : "r"((__u64)(by)));                                        \
		rudder_shifted;                                                                                        \
	})
#else
#define RUDDER_SHIFT_LEFT(value, by) ((__u64)(value) << ((by) & 63))
#define RUDDER_SHIFT_RIGHT(value, by) ((__u64)(value) >> ((by) & 63))
#endif
