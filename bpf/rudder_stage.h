/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/*
 * BPF_MAP_TYPE_PROG_ARRAY stages, one for each tier: index = stage, value = the program that goes on with the packet. User space fills
 * it with the programs of the tier after loading them, but for the last.
 */
#pragma once

#define RUDDER_STAGE_FORWARD 0u   /* rudder_forward; an empty slot only costs speed */
#define RUDDER_STAGE_CLASSIFY 1u  /* rudder_classify, for a packet that starts again or begins at egress */
#define RUDDER_STAGE_ANSWER 2u    /* rudder_answer; without it on_failure decides */
#define RUDDER_STAGE_ACT 3u       /* rudder_act */
#define RUDDER_STAGE_NEXT_TIER 4u /* rudder_classify of the tier that became active after this one; empty until then */
#define RUDDER_STAGE_COUNT 5u
