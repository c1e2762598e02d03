/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * How the blob holds a small set: bit vectors. A column belongs to one octet of the packed key and says for each value of it which
 * boxes that leaves; the boxes that all columns leave are candidates, and the first of them that matches is the answer. No column
 * waits for another, so that their lines of memory are waited for together, and the one branch that depends on the header is
 * whether the first candidate matches. Columns are a filter, the entries say the truth.
 *
 * *Source*: Lakshman and Stiliadis, "High-Speed Policy-based Packet Forwarding Using Efficient Multi-dimensional Range Matching",
 * SIGCOMM 1998; exact vectors of whole fields there, of octets here.
 */
#pragma once

#include "rudder_types.h"

#define RUDDER_VECTOR_BOXES 64u
#define RUDDER_MAX_COLUMNS 16u
#define RUDDER_COLUMN_GROUP 4u /* columns come in groups of so many */

/* Bit i: this value leaves box i, in order of rank. */
struct rudder_column {
	__u64 boxes[256];
};

struct rudder_vectors {
	__u32 column_offset; /* struct rudder_column[column_count] */
	__u32 entry_offset;  /* leaf entries of the family [RUDDER_VECTOR_BOXES]; that of box i at rudder_vector_place(1 << i) */
	__u32 column_count;  /* 0: the family has trees, or no rules */
	__u32 reserved;
	__u8 octet[RUDDER_MAX_COLUMNS]; /* of each column: where it lies in struct rudder_key */
};

/* Where the entry of a box lies, by the box's bit: a number below 64 of its own for each, without counting zeros, for which BPF has
 * no instruction. *Source*: Leiserson, Prokop and Randall, "Using de Bruijn Sequences to Index a 1 in a Computer Word", 1998. */
static inline __u32 rudder_vector_place(__u64 bit)
{
	return (__u32)(bit * 0x03f79d71b4cb0a89ull >> 58);
}

RUDDER_STATIC_ASSERT(sizeof(struct rudder_column) == 2048, "rudder_column");
RUDDER_STATIC_ASSERT(sizeof(struct rudder_vectors) == 32, "rudder_vectors");
