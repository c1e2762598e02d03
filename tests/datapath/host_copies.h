/* SPDX-License-Identifier: Apache-2.0 */
/* rudder_store.h for the host: the headers of one copy after the other, with a kernel that may refuse any store. */
#pragma once

#include "rudder_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begins with a frame that rudder_parse took. It is borrowed, and written to, until the end. */
void host_copies_begin(void *frame, const struct rudder_packet *packet);

/* Writes the headers of a copy. `failing`: the number of the store that the kernel refuses, from 0; negative: none. Returns
 * enum rudder_reason; after RUDDER_REASON_NONE the frame is what would be cloned. */
int host_copies_write(const struct rudder_target *target, int failing);

/* Puts the original back. Returns enum rudder_reason. */
int host_copies_end(void);

/* rudder_way.h: two MAC addresses, each in the first six bytes of its word, as the words they are stored by. */
__u64 host_first_of_macs(__u64 dst, __u64 src);
__u32 host_rest_of_macs(__u64 src);
void host_set_macs(__u32 *macs, __u64 dst, __u64 src);

#ifdef __cplusplus
}
#endif
