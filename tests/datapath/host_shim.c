/* SPDX-License-Identifier: Apache-2.0 */
#include "host_shim.h"

#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "rudder_bucket.h"
#include "rudder_icmp.h"
#include "rudder_mark.h"
#include "rudder_flow_hash.h"
#include "rudder_flow_key.h"
#include "rudder_parse.h"
#include "rudder_rewrite.h"
#pragma GCC diagnostic pop

static struct rudder_frame frame_of(struct host_frame host)
{
	struct rudder_frame frame;

	memset(&frame, 0, sizeof(frame));
	frame.data = host.data;
	frame.data_end = frame.data + host.linear;
	frame.frame_bytes = host.frame_bytes;
	frame.is_layer3 = host.is_layer3 != 0;
	frame.has_vlan_tag = host.has_tag != 0;
	frame.vlan_tci = host.tci;
	return frame;
}

int host_parse(struct host_frame host, struct rudder_packet *packet)
{
	struct rudder_frame frame = frame_of(host);

	return rudder_parse(&frame, packet);
}

int host_parse_plain(struct host_frame host, struct rudder_packet *packet)
{
	struct rudder_frame frame = frame_of(host);

	return rudder_parse_plain(&frame, packet);
}

int host_rewrite(void *data, const struct rudder_packet *packet, const struct rudder_target *target, __u32 direction)
{
	__u32 ip_bytes = packet->family == 4 ? RUDDER_IPV4_BYTES : RUDDER_IPV6_BYTES;
	__u8 *ip = (__u8 *)data + packet->l3_offset;
	__u8 *transport = (__u8 *)data + packet->l4_offset;
	struct rudder_original original;
	struct rudder_rewritten out;
	__u16 checksum;
	int reason;

	memset(&original, 0, sizeof(original));
	memcpy(original.ip, ip, ip_bytes);
	if (packet->l4_checksum != RUDDER_L4_NO_CHECKSUM)
		memcpy(original.transport, transport, packet->l4_checksum + 2u);
	reason = rudder_rewrite_compute(&original, packet, target, direction, &out);
	if (reason != RUDDER_REASON_NONE)
		return reason;
	memcpy(ip, out.ip, ip_bytes);
	if (packet->l4_checksum == RUDDER_L4_NO_CHECKSUM)
		return RUDDER_REASON_NONE;
	memcpy(&checksum, original.transport + packet->l4_checksum, 2);
	checksum = rudder_rewrite_checksum(packet, checksum, &out);
	if (out.changed & RUDDER_CHANGED_PORTS)
		memcpy(transport, out.ports_be, 4);
	memcpy(transport + packet->l4_checksum, &checksum, 2);
	return RUDDER_REASON_NONE;
}

__u16 host_lasting_checksum(__u64 rest)
{
	return rudder_lasting_checksum(rest);
}

int host_take_token(struct rudder_test_bucket *bucket, __u64 now_ns)
{
	struct rudder_bucket same = { bucket->last_ns, bucket->budget_ns };
	int result = rudder_take_token(&same, now_ns);

	bucket->last_ns = same.last_ns;
	bucket->budget_ns = same.budget_ns;
	return result;
}

int host_is_mark(__u32 tc_index)
{
	return rudder_is_mark(tc_index);
}

__u32 host_mark_passes(__u32 mark)
{
	return rudder_mark_passes(mark);
}

__u32 host_next_mark(__u32 mark, __u32 flags)
{
	return rudder_next_mark(mark, flags);
}

__u32 host_refuse_again(__u32 mark, __u32 action)
{
	return rudder_refuse_again(mark, action);
}

__u32 host_flow_hash(const struct rudder_packet *packet, __u32 fields)
{
	return rudder_flow_hash(packet, fields);
}

__u32 host_group_place(__u32 hash)
{
	return rudder_group_place(hash);
}

__u64 host_cost(const struct rudder_limit *limit, __u32 packets, __u32 bytes)
{
	return rudder_cost(limit, packets, bytes);
}

int host_is_beyond(struct rudder_limit_state *state, __u64 now, __u64 cost, const struct rudder_limit *limit)
{
	return rudder_is_beyond(state, now, cost, limit);
}

int host_flow_key(struct host_frame frame, const struct rudder_blob_header *header, __u32 direction, struct rudder_flow *flow)
{
	const __u8 *data = frame.data;

	memset(flow, 0, sizeof(*flow));
	if (frame.linear >= RUDDER_FLOW4_LINEAR && rudder_is_flow4(data))
		rudder_flow_key4(data, &header->flow_v4, direction, flow);
	else if (frame.linear >= RUDDER_FLOW6_LINEAR && rudder_is_flow6(data))
		rudder_flow_key6(data, &header->flow_v6, direction, flow);
	else
		return 0;
	return 1;
}

int host_is_flow_lasting(const struct rudder_packet *packet)
{
	return rudder_is_flow_lasting(packet);
}

int host_is_flow_whole(struct host_frame frame)
{
	const __u8 *data = frame.data;
	int is_v4 = rudder_is_flow4(data);

	return rudder_is_flow_whole(data + (is_v4 ? 23 : 20), is_v4 ? RUDDER_IPV4_BYTES : RUDDER_IPV6_BYTES,
				    is_v4 ? rudder_load16(data + 16) : RUDDER_IPV6_BYTES + rudder_load16(data + 18), frame.frame_bytes);
}

int host_flow_differs(const struct rudder_flow *a, const struct rudder_flow *b, int family)
{
	return (family == 4 ? rudder_flow_differs4(a, b) : rudder_flow_differs6(a, b)) != 0;
}

int host_is_header_sum_good(__u64 sum)
{
	return rudder_is_header_sum_good(sum);
}

__u32 host_ttl_word_with(__u32 word_be, __u8 ttl)
{
	return rudder_ttl_word_with(word_be, ttl);
}

__u32 host_ttl_word_less_one(__u32 word_be)
{
	return rudder_ttl_word_less_one(word_be);
}

__u64 host_is_set(__u64 bits)
{
	return rudder_is_set(bits);
}

void host_store64_be(void *at, __u64 value_be)
{
	rudder_store64_be(at, value_be);
}

__u64 host_load64_be(const void *at)
{
	return rudder_load64_be(at);
}

__u32 host_is_tcp_or_udp(__u8 protocol)
{
	return rudder_is_tcp_or_udp(protocol);
}

__u32 host_is_tcp(__u8 protocol)
{
	return rudder_is_tcp(protocol);
}

__u32 host_least_transport(__u32 is_tcp)
{
	return rudder_least_transport(is_tcp);
}
