/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
#pragma once

/* Hides from the compiler where a value came from. For offsets, so that the verifier sees bounds check and access on
 * the same register; for conditions, so that arithmetic stays arithmetic. */
#define RUDDER_OPAQUE(value) __asm__ volatile("" : "+r"(value))
