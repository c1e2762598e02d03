// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"
#include "frame.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct rudder_tc_bpf;

/// The loaded programs, driven by BPF_PROG_TEST_RUN in a private network namespace.
namespace rudder::test {

/// What one run returned.
struct Run {
    int verdict = 0;
    Frame frame;
    std::uint32_t nanoseconds = 0;  ///< mean of `repeat` runs
};

/// Counts since the last `reset()`.
struct Counts {
    std::map<CounterKey, std::uint64_t> packets;                                ///< only those that are not zero
    std::map<CounterKey, std::uint64_t> bytes;
    std::map<std::uint32_t, std::uint64_t> reasons;                             ///< likewise
    std::map<std::pair<CounterKey, std::uint32_t>, std::uint64_t> failures;     ///< by (counter, reason)
};

class Datapath {
public:
    /// Null and a sentence in `why` when the kernel refuses.
    static std::unique_ptr<Datapath> load(std::string& why);
    ~Datapath();
    Datapath(const Datapath&) = delete;
    Datapath& operator=(const Datapath&) = delete;

    /// Compiles, fills the next-hop table and makes it the active generation; counts start at zero. False if the
    /// policy is larger than the first tier.
    bool publish(const Policy& policy, const Topology& topology);
    /// One packet at the hook of (ifindex, direction).
    Run run(const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat = 1);
    /// The same through rudder_ingress or rudder_egress and the program array.
    Run run_entry(const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat = 1);
    /// Attaches the entry program to a real device (cls_bpf on its clsact); gone with the device.
    bool attach(std::uint32_t ifindex, Direction direction);
    void reset();
    /// Lets ICMP errors go at their full rate again.
    void fill_buckets();
    [[nodiscard]] Counts counts() const;
    /// What the verifier followed, by program.
    [[nodiscard]] std::map<std::string, std::uint32_t> verified_instructions() const;

private:
    explicit Datapath(rudder_tc_bpf* bpf);
    Run test_run(int program, const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat);

    rudder_tc_bpf* bpf_;
    int generation_fd_ = -1;
    std::uint64_t generation_ = 0;
    Slots slots_;
};

/// `ip` with these arguments; false if it failed.
bool ip_command(const std::string& arguments);
/// A device of this namespace as compile wants it.
Link device(const std::string& name);
/// The datapath of this process and its topology: in0, out0, out1, out2 (veth), each with a peer named "p-...".
Datapath& datapath();
const Topology& topology();

}  // namespace rudder::test
