/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* What a program at TC may say of a packet, in the values that tcx and cls_bpf share. */
#pragma once

#define RUDDER_NEXT (-1) /* TC_ACT_UNSPEC and TCX_NEXT: not ours */
#define RUDDER_DROP 2    /* TC_ACT_SHOT and TCX_DROP */
