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

/* rudder_icmp.h */
struct rudder_test_bucket {
	__u64 last_ns;
	__u64 budget_ns;
};
__u16 host_lasting_checksum(__u64 rest);
int host_take_token(struct rudder_test_bucket *bucket, __u64 now_ns);

/* rudder_bucket.h: in ticks, and whether a packet of that cost is beyond the limit. */
__u64 host_cost(const struct rudder_limit *limit, __u32 packets, __u32 bytes);
int host_is_beyond(struct rudder_limit_state *state, __u64 now, __u64 cost, const struct rudder_limit *limit);

/* rudder_mark.h */
int host_is_mark(__u32 tc_index);
__u32 host_mark_passes(__u32 mark);
__u32 host_next_mark(__u32 mark, __u32 flags);
__u32 host_refuse_again(__u32 mark, __u32 action);
/* The hash by which a group chooses, and the place in its table that it leads to. */
__u32 host_flow_hash(const struct rudder_packet *packet, __u32 fields);
__u32 host_group_place(__u32 hash);

/* rudder_rewrite.h: the sum of an IPv4 header in words of 32 bits, and its word of TTL, protocol and checksum. */
int host_is_header_sum_good(__u64 sum);
__u32 host_ttl_word_with(__u32 word_be, __u8 ttl);
__u32 host_ttl_word_less_one(__u32 word_be);

/* rudder_bytes.h, rudder_parse_ip.h */
__u64 host_is_set(__u64 bits);
void host_store64_be(void *at, __u64 value_be);
__u64 host_load64_be(const void *at);
__u32 host_is_tcp_or_udp(__u8 protocol);
__u32 host_is_tcp(__u8 protocol);
__u32 host_least_transport(__u32 is_tcp);

/* rudder_flow_key.h: the key of a frame by its bytes, with `header`'s masks. 0: it has none. */
int host_flow_key(struct host_frame frame, const struct rudder_blob_header *header, __u32 direction, struct rudder_flow *flow);
int host_flow_differs(const struct rudder_flow *a, const struct rudder_flow *b, int family);
int host_is_flow_lasting(const struct rudder_packet *packet);
int host_is_flow_whole(struct host_frame frame);

#ifdef __cplusplus
}

inline host_frame untagged(const void *data, __u32 linear, __u32 frame_bytes)
{
	return {data, linear, frame_bytes, 0, 0, 0};
}
#endif
