/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * What a struct that user space and datapath share is written with: by clang -target bpf, by C11 and by C++20.
 */
#pragma once

#ifdef __cplusplus
/* The same types as <linux/types.h>, which core may not include. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#define RUDDER_STATIC_ASSERT static_assert
#else
#include <linux/types.h>
#define RUDDER_STATIC_ASSERT _Static_assert
#endif

#define RUDDER_OFFSET __builtin_offsetof
