/* SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0) */
/* Load generator, sink and the programs rudderd is compared with in the end-to-end benchmark. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "e2e_abi.h"

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, E2E_TRACE_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct e2e_header);
} trace SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, E2E_TARGETS_MAX);
	__type(key, __u32);
	__type(value, struct e2e_target);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counted SEC(".maps");

__u32 trace_length = 1; /* headers in use, at most E2E_TRACE_MAX */
__u32 trace_next = 0;   /* the benchmark keeps the generator on one CPU */
__u64 sink_packets = 0; /* likewise the sink */
__u64 sink_bytes = 0;
__u32 target_count = 1;
__u8 generator_macs[12]; /* destination and source; frames are recycled, so each is stamped afresh */

/* Stamps the next header of the trace over the frame and sends it out of the device it "came in" by. */
SEC("xdp")
int e2e_generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct frame *frame = data;
	struct e2e_header *header;
	__u32 index = trace_next;

	if ((void *)(frame + 1) > data_end)
		return XDP_ABORTED;
	trace_next = index + 1 >= trace_length ? 0 : index + 1;
	header = bpf_map_lookup_elem(&trace, &index);
	if (!header)
		return XDP_ABORTED;
	__builtin_memcpy(&frame->eth, generator_macs, sizeof(generator_macs));
	frame->ip.saddr = header->src_be;
	frame->ip.daddr = header->dst_be;
	frame->ip.protocol = header->protocol;
	frame->ip.check = header->ip_check;
	frame->ip.ttl = 64;
	frame->udp.source = header->src_port_be;
	frame->udp.dest = header->dst_port_be;
	return XDP_TX;
}

SEC("xdp")
int e2e_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int e2e_sink(struct xdp_md *ctx)
{
	sink_packets++;
	sink_bytes += (__u64)(ctx->data_end - ctx->data);
	return XDP_DROP;
}

/* The unit of the table: no parsing, no lookup, no count. */
SEC("tc")
int e2e_bare(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct e2e_target *target = bpf_map_lookup_elem(&targets, &zero);

	return target ? bpf_redirect(target->ifindex, 0) : TC_ACT_SHOT;
}

static __always_inline void decrement_ttl(struct frame *frame)
{
	__u32 check = frame->ip.check;

	check += bpf_htons(0x0100);
	frame->ip.check = (__u16)(check + (check >= 0xffff));
	frame->ip.ttl--;
}

/* What an expert would write by hand for one fixed next hop: MACs, TTL, checksum, one counter. */
SEC("tc")
int e2e_handwritten(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	struct frame *frame = data;
	struct e2e_target *target;
	__u64 *packets;
	__u32 zero = 0;

	if ((void *)(frame + 1) > data_end || frame->eth.h_proto != bpf_htons(ETH_P_IP) || frame->ip.ihl != 5 ||
	    frame->ip.ttl <= 1)
		return TC_ACT_UNSPEC;
	target = bpf_map_lookup_elem(&targets, &zero);
	packets = bpf_map_lookup_elem(&counted, &zero);
	if (!target || !packets)
		return TC_ACT_UNSPEC;
	++*packets;
	decrement_ttl(frame);
	__builtin_memcpy(frame->eth.h_dest, target->dst_mac, 6);
	__builtin_memcpy(frame->eth.h_source, target->src_mac, 6);
	return bpf_redirect(target->ifindex, 0);
}

/* The clone loop an expert would write: new destination, both checksums, MACs, clone. */
SEC("tc")
int e2e_clone_loop(struct __sk_buff *skb)
{
	for (__u32 i = 0; i < E2E_TARGETS_MAX && i < target_count; i++) {
		__u32 key = i;
		struct e2e_target *target = bpf_map_lookup_elem(&targets, &key);
		__u64 *packets;
		__u32 zero = 0;
		void *data = (void *)(long)skb->data;
		void *data_end = (void *)(long)skb->data_end;
		struct frame *frame = data;
		__s64 difference;
		__u32 old_be;

		if (!target || (void *)(frame + 1) > data_end)
			return TC_ACT_SHOT;
		old_be = frame->ip.daddr;
		difference = bpf_csum_diff(&old_be, 4, &target->dst_be, 4, 0);
		frame->ip.daddr = target->dst_be;
		__builtin_memcpy(frame->eth.h_dest, target->dst_mac, 6);
		__builtin_memcpy(frame->eth.h_source, target->src_mac, 6);
		bpf_l3_csum_replace(skb, ETH_HLEN + 10, 0, (__u64)difference, 0);
		bpf_l4_csum_replace(skb, ETH_HLEN + sizeof(struct iphdr) + 6, 0, (__u64)difference,
				    BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
		bpf_clone_redirect(skb, target->ifindex, 0);
		packets = bpf_map_lookup_elem(&counted, &zero);
		if (packets)
			++*packets;
	}
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
