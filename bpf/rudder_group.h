/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * Which member of a group a packet takes: its flow's hash chooses a place in the group's table, and the table says who
 * has that place now. What the members' health changes is the table; nothing here knows of it.
 */
#pragma once

#include "rudder_flow_hash.h"
#include "rudder_maps.h"

/* The member for scratch->packet in the group of this slot, -1 if none is up. A global function: verified once. */
__attribute__((noinline)) int rudder_choose_member(__u32 slot, __u32 fields)
{
	const struct rudder_scratch *s = rudder_get_scratch();
	const struct rudder_group_table *table = bpf_map_lookup_elem(&group_tables, &slot);
	__u64 place;
	__u16 member;

	if (!s || !table)
		return -1;
	place = rudder_group_place(rudder_flow_hash(&s->packet, fields));
	RUDDER_OPAQUE(place);
	if (place >= RUDDER_GROUP_ENTRIES)
		return -1;
	member = *(const volatile __u16 *)&table->member[place];
	return member == RUDDER_NO_MEMBER ? -1 : member;
}
