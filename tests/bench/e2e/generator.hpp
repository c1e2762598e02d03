// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "e2e_abi.h"
#include "lab.hpp"

#include <memory>
#include <string>
#include <vector>

struct e2e;

namespace rudder::bench {

/// One measured burst.
struct Burst {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;  ///< frames that reached the sink
    double ns = 0;               ///< processor time of this thread and of the CPU's ksoftirqd: preemption does not count
    [[nodiscard]] double ns_per_frame() const { return ns / static_cast<double>(received > 0 ? received : 1); }
};

/// Packs a header for the generator. Addresses in host byte order; UDP or TCP with 64-byte frames.
[[nodiscard]] e2e_header make_header(std::uint32_t src, std::uint32_t dst, std::uint16_t src_port, std::uint16_t dst_port,
                                     std::uint8_t protocol);

/// XDP live frames out of gen0, counted at sink0. *Ownership*: its programs leave the devices when it is destroyed.
class Generator {
public:
    /// `cpu` is where this process has been pinned to.
    static Result<std::unique_ptr<Generator>> open(const Lab& lab, int cpu);
    ~Generator();

    /// The headers sent round robin; at most E2E_TRACE_MAX.
    void set_trace(const std::vector<e2e_header>& headers);
    /// Next hops of the hand-written programs.
    Status set_targets(const std::vector<e2e_target>& targets);
    /// Sends `frames` frames, `batch` at a time: batch times copies must fit the 256 places of a veth queue.
    /// *Blocking*: until the sink has `frames` times `copies`, or no more come.
    Result<Burst> send(std::uint32_t frames, std::uint32_t batch, std::uint32_t copies);
    /// Program of e2e.bpf.c to attach at in0: "e2e_bare", ...
    [[nodiscard]] int program(const char* name) const;

private:
    Generator() = default;
    [[nodiscard]] double processor_ns() const;
    e2e* skeleton_ = nullptr;
    e2e_header* trace_ = nullptr;    ///< mapped values of the trace map
    std::string ksoftirqd_;          ///< its schedstat file; empty if it cannot be seen
    Lab lab_;
    std::vector<int> xdp_links_;
};

/// Attaches a program at TC ingress of a device by a tcx link. *Ownership*: the caller closes the fd to detach.
Result<int> attach_tcx_ingress(int program_fd, std::uint32_t ifindex);

}  // namespace rudder::bench
