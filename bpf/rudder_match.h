/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * The active generation, and the part of the classifier that is a function of its own: inlined, the lists of
 * extended entries would multiply what the verifier has to follow beyond its limit.
 *
 * A global function cannot be given the blob, so it looks it up again. Invariant I5 holds all the same: meeting
 * another generation than the packet began with, or none, it says so, and the packet starts again from the beginning
 * (RUDDER_STAGE_CLASSIFY). A publish returns only after running programs have ended, so that happens once at most.
 */
#pragma once

#include "rudder_maps.h"
#include "rudder_own_source.h"

static __always_inline const char *rudder_active_blob(void)
{
	__u32 key = 0;
	void *generation = bpf_map_lookup_elem(&active, &key);

	return generation ? bpf_map_lookup_elem(generation, &key) : NULL;
}

/* The blob, if it is still the one this packet began with. */
static __always_inline const char *rudder_same_blob(struct rudder_scratch *s)
{
	const char *blob = rudder_active_blob();

	if (blob && ((const struct rudder_blob_header *)blob)->generation == s->generation)
		return blob;
	s->odd |= RUDDER_ODD_STALE;
	return NULL;
}

/* Nonzero if the packet has an address that is excluded. */
__attribute__((noinline)) int rudder_excluded_address(__u32 unit)
{
	struct rudder_scratch *s = rudder_get_scratch();
	const char *blob;

	if (!s)
		return 1;
	blob = rudder_same_blob(s);
	if (!blob)
		return 1;
	return rudder_addresses_excluded(blob, blob_bytes, &s->packet, unit) != 0;
}

/* Nonzero if the packet does not meet the conditions. */
__attribute__((noinline)) int rudder_unmet_conditions(__u32 unit)
{
	struct rudder_scratch *s = rudder_get_scratch();
	const char *blob;

	if (!s)
		return 1;
	blob = rudder_same_blob(s);
	if (!blob)
		return 1;
	return rudder_conditions_differ(blob, blob_bytes, &s->packet, unit) != 0;
}

/* Nonzero if the packet's source is an address of this host. */
__attribute__((noinline)) int rudder_source_is_own(struct __sk_buff *skb)
{
	struct rudder_scratch *s = rudder_get_scratch();
	const char *blob;

	if (!s || !skb)
		return 0;
	blob = rudder_same_blob(s);
	if (!blob)
		return 0;
	return rudder_has_own_source(blob, blob_bytes, &s->packet);
}

/* The rank behind an extended leaf entry, RUDDER_NO_RULE if its extension does not match. */
__attribute__((noinline)) int rudder_extension_rank(__u32 result)
{
	struct rudder_scratch *s = rudder_get_scratch();
	const char *blob;

	if (!s)
		return (int)RUDDER_NO_RULE;
	blob = rudder_same_blob(s);
	if (!blob)
		return (int)RUDDER_NO_RULE;
	return (int)rudder_extended_rank(blob, blob_bytes, &s->packet, result);
}
