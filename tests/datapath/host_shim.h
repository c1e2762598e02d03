/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF headers compiled by a C compiler for the host. */
#pragma once

#include "rudder_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A frame of which `linear` bytes are readable, perhaps with a tag that the kernel keeps beside it. */
struct host_frame {
	const void *data;
	__u32 linear;
	__u32 frame_bytes;
	int is_layer3;
	int has_tag;
	__u16 tci;
};

/* enum rudder_parse_result in rudder_parse.h: 0 ok, 1 not IP, 2 short, 3 malformed. */
int host_parse(struct host_frame frame, struct rudder_packet *packet);

/* The constant-offset instance alone: nonzero if it took the frame. */
int host_parse_plain(struct host_frame frame, struct rudder_packet *packet);

/* Rewrites the frame in place, transport checksum as a complete one. Returns enum rudder_reason. */
int host_rewrite(void *data, const struct rudder_packet *packet, const struct rudder_target *target, __u32 direction);

#ifdef __cplusplus
}

inline host_frame untagged(const void *data, __u32 linear, __u32 frame_bytes)
{
	return {data, linear, frame_bytes, 0, 0, 0};
}
#endif
