/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF headers compiled by a C compiler for the host. */
#pragma once

#include "rudder_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* enum rudder_parse_result in rudder_parse.h: 0 ok, 1 not IP, 2 short, 3 malformed. `linear` bytes are readable. */
int host_parse(const void *data, __u32 linear, __u32 frame_bytes, int is_layer3, struct rudder_packet *packet);

/* The constant-offset instance alone: nonzero if it took the frame. */
int host_parse_plain(const void *data, __u32 linear, __u32 frame_bytes, int is_layer3, struct rudder_packet *packet);

/* Rewrites the frame in place, transport checksum as a complete one. Returns enum rudder_reason. */
int host_rewrite(void *data, const struct rudder_packet *packet, const struct rudder_target *target, __u32 direction);

#ifdef __cplusplus
}
#endif
