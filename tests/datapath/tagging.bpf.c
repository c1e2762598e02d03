// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
/*
 * A test run cannot be given a tag beside its frame, nor does it show one: this program, run in place of
 * the one that is tested, makes one before it and writes it into the frame after it.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#define TAGGING_LIFT 1 /* cb[0]: the outermost tag comes beside the frame */
#define TAGGING_HIDE 2 /* cb[0]: a tag beside the frame is not shown */
#define TAGGING_TESTED(word) ((word) >> 2 & 3) /* cb[0]: which program is tested, index into `tested` */
#define TAG_8021Q __builtin_bswap16(0x8100)

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} tested SEC(".maps");

/* A tail call ends the function it is in: here not the program. What comes back is the other program's verdict, which the
 * compiler must not take for the number that is written here. */
static __attribute__((noinline)) int run_tested(struct __sk_buff *skb)
{
	int verdict = -1000;

	bpf_tail_call(skb, &tested, TAGGING_TESTED(skb->cb[0]));
	asm volatile("" : "+r"(verdict));
	return verdict;
}

SEC("tc")
int tagging(struct __sk_buff *skb)
{
	__u32 wanted = skb->cb[0];
	int verdict;

	/* Taking a tag off brings the one in the frame up; putting one on pushes the one that is there into it. */
	if (wanted & TAGGING_LIFT && bpf_skb_vlan_push(skb, TAG_8021Q, 0) == 0)
		bpf_skb_vlan_pop(skb);
	verdict = run_tested(skb);
	if (!(wanted & TAGGING_HIDE) && skb->vlan_present)
		bpf_skb_vlan_push(skb, TAG_8021Q, 0);
	return verdict;
}

char _license[] SEC("license") = "GPL";
