/* SPDX-License-Identifier: Apache-2.0 */
#include "host_copies.h"

#include <linux/bpf.h>
#include <string.h>

#define SEC(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name
#define __array(name, value) __typeof__(value) *name[]

static __u8 *frame;
static int calls_left; /* until one is refused; negative: none is */

static int is_refused(void)
{
	return calls_left >= 0 && calls_left-- == 0;
}

static long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 bytes)
{
	(void)skb;
	memcpy(to, frame + offset, bytes);
	return 0;
}

static long bpf_skb_store_bytes(void *skb, __u32 offset, const void *from, __u32 bytes, __u64 flags)
{
	(void)skb;
	(void)flags;
	if (is_refused())
		return -12;
	memcpy(frame + offset, from, bytes);
	return 0;
}

static __u16 fold(__u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* *Source*: bpf_l4_csum_replace() of the kernel, of a checksum that is complete. */
static long bpf_l4_csum_replace(void *skb, __u32 offset, __u64 from, __u64 to, __u64 flags)
{
	__u16 checksum;

	(void)skb;
	(void)from;
	if (is_refused())
		return -12;
	memcpy(&checksum, frame + offset, 2);
	if (flags & BPF_F_MARK_MANGLED_0 && !checksum)
		return 0;
	checksum = (__u16)~fold((__u64)(__u32)to + (__u16)~checksum);
	if (flags & BPF_F_MARK_MANGLED_0 && !checksum)
		checksum = 0xffff;
	memcpy(frame + offset, &checksum, 2);
	return 0;
}

static long bpf_skb_pull_data(void *skb, __u32 bytes)
{
	(void)skb;
	(void)bytes;
	return 0;
}

static long bpf_skb_change_head(void *skb, __u32 bytes, __u64 flags)
{
	(void)skb;
	(void)bytes;
	(void)flags;
	return -1;
}

static void *bpf_map_lookup_elem(const void *map, const void *key)
{
	(void)map;
	(void)key;
	return NULL;
}

/* What rudder_way.h asks the kernel for besides: never, on the host. */
static long bpf_skb_vlan_push(void *skb, __u16 protocol_be, __u16 tci)
{
	(void)skb;
	(void)protocol_be;
	(void)tci;
	return -1;
}

static long bpf_skb_vlan_pop(void *skb)
{
	(void)skb;
	return -1;
}

static long bpf_check_mtu(void *skb, __u32 ifindex, __u32 *mtu_bytes, __s32 difference, __u64 flags)
{
	(void)skb;
	(void)ifindex;
	(void)mtu_bytes;
	(void)difference;
	(void)flags;
	return -1;
}

static long bpf_fib_lookup(void *skb, struct bpf_fib_lookup *query, int bytes, __u32 flags)
{
	(void)skb;
	(void)query;
	(void)bytes;
	(void)flags;
	return -1;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "rudder_store.h"
#include "rudder_way.h"
#pragma GCC diagnostic pop

static struct rudder_scratch scratch_memory;

void host_copies_begin(void *data, const struct rudder_packet *packet)
{
	struct rudder_scratch *s = &scratch_memory;

	memset(s, 0, sizeof(*s));
	frame = data;
	calls_left = -1;
	s->packet = *packet;
	memcpy(s->original.macs, frame, sizeof(s->original.macs));
	memcpy(s->original.ip, frame + packet->l3_offset, packet->family == 4 ? RUDDER_IPV4_BYTES : RUDDER_IPV6_BYTES);
	rudder_save_transport(NULL, s);
}

int host_copies_write(const struct rudder_target *target, int failing)
{
	struct rudder_scratch *s = &scratch_memory;
	int reason;

	reason = rudder_rewrite_compute(&s->original, &s->packet, target, RUDDER_INGRESS, &s->rewritten);
	if (reason != RUDDER_REASON_NONE)
		return reason;
	memcpy(s->macs, s->original.macs, sizeof(s->macs));
	calls_left = failing;
	reason = rudder_rewind_transport(NULL, s);
	if (reason == RUDDER_REASON_NONE)
		reason = rudder_store_packet(NULL, s, 1);
	calls_left = -1;
	return reason;
}

int host_copies_end(void)
{
	struct rudder_scratch *s = &scratch_memory;
	int reason = rudder_restore_transport(NULL, s);

	if (reason == RUDDER_REASON_NONE)
		reason = rudder_store_ip(NULL, s, s->original.ip);
	return reason == RUDDER_REASON_NONE ? rudder_store_ethernet(NULL, s, s->original.macs) : reason;
}

__u64 host_first_of_macs(__u64 dst, __u64 src)
{
	return rudder_first_of_macs(dst, src);
}

__u32 host_rest_of_macs(__u64 src)
{
	return rudder_rest_of_macs(src);
}

void host_set_macs(__u32 *macs, __u64 dst, __u64 src)
{
	rudder_set_macs(macs, dst, src);
}
