// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/groups.hpp"
#include "core/compile/image.hpp"
#include "frame.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct rudder_counter;
struct rudder_tc_bpf;
struct tagging_bpf;

/// The loaded programs, driven by BPF_PROG_TEST_RUN in a private network namespace.
namespace rudder::test {

/// What the kernel keeps beside a frame, as far as a test run shows it.
struct Metadata {
    std::uint32_t mark = 0;
    std::uint32_t priority = 0;
    std::uint64_t timestamp = 0;
    std::uint32_t received_on = 0;  ///< device that the packet came in by, if not the one of the hook; not read back
    std::uint32_t left_over = 0;    ///< what others left in skb->cb, but for word 0; not read back
    bool is_summed = false;         ///< CHECKSUM_COMPLETE: the run fails with EBADMSG if the sum is wrong after it; not read back
    bool enters_late = false;       ///< by rudder_classify, as what begins again or comes from the tier before; not by what hooks run
};

/// What one run returned.
struct Run {
    int verdict = 0;  ///< -1000 - errno: the kernel refused the run
    Frame frame;
    std::uint32_t nanoseconds = 0;  ///< mean of `repeat` runs
    Metadata metadata{};
};

/// Counts since the last `reset()`.
struct Counts {
    std::map<CounterKey, std::uint64_t> packets;                                ///< only those that are not zero
    std::map<CounterKey, std::uint64_t> bytes;
    std::map<std::uint32_t, std::uint64_t> reasons;                             ///< likewise
    std::map<std::pair<CounterKey, std::uint32_t>, std::uint64_t> failures;     ///< by (counter, reason)
};

/// Packets that the flow cache was asked for since the programs were loaded.
struct FlowUse {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
};

class Datapath {
public:
    /// For policies up to that tier. Null and a sentence in `why` when the kernel refuses. Pins the calling thread: the flow
    /// cache of one CPU knows nothing of what another has seen.
    static std::unique_ptr<Datapath> load(std::string& why, std::size_t tier = 0);
    ~Datapath();
    Datapath(const Datapath&) = delete;
    Datapath& operator=(const Datapath&) = delete;

    /// Compiles, fills the next-hop and group tables and makes it the active generation; counts start at zero. False if the
    /// policy is larger than the tier.
    bool publish(const Policy& policy, const Topology& topology, const DeadMembers& dead = {});
    /// The same, but counts go on, and what was found out about the use of the flow cache stays.
    bool replace(const Policy& policy, const Topology& topology, const DeadMembers& dead = {});
    /// Fills the group tables of the published policy anew.
    void set_dead(const DeadMembers& dead);
    /// Whether the kernel looks into routing tables by number (6.5).
    [[nodiscard]] bool has_tables();
    /// One packet at the hook of (ifindex, direction).
    Run run(const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat = 1, const Metadata& metadata = {});
    /// The same, the tag being in that place; the frame that comes back has all its tags in it, unless it is summed.
    Run run_tagged(const Frame& frame, TagPlace place, std::uint32_t ifindex, Direction direction, const Metadata& metadata = {});
    /// Attaches the entry program to a real device (cls_bpf on its clsact); gone with the device.
    bool attach(std::uint32_t ifindex, Direction direction);
    void detach(std::uint32_t ifindex, Direction direction);
    /// Counts start at zero, and the flow cache is asked even if it was of no use before.
    void reset();
    /// No generation is active any more, as in a tier that another one came after. The next publish() makes one active.
    void unpublish();
    /// Where packets go that find no active generation: to `next`, which lives longer; null: nowhere.
    void hand_on_to(const Datapath* next);
    /// Whether the tail call to rudder_forward succeeds.
    void open_short_way(bool is_open);
    /// Lets ICMP errors go at their full rate again.
    void fill_buckets();
    [[nodiscard]] Counts counts() const;
    /// Where the published policy counts that.
    [[nodiscard]] std::uint32_t slot_of(const CounterKey& key) const { return slots_.counters.at(key); }
    [[nodiscard]] FlowUse flow_use() const;
    /// What the verifier followed, by program.
    [[nodiscard]] std::map<std::string, std::uint32_t> verified_instructions() const;

private:
    Datapath(rudder_tc_bpf* bpf, tagging_bpf* tagging, std::size_t tier);
    Run test_run(int program, const Frame& frame, std::uint32_t ifindex, Direction direction, std::uint32_t repeat,
                 const Metadata& metadata = {}, std::uint32_t tagging = 0);

    /// What that CPU has counted in the slot, in the memory of the map.
    [[nodiscard]] rudder_counter& counter(std::size_t cpu, std::uint32_t slot) const;

    rudder_tc_bpf* bpf_;
    tagging_bpf* tagging_;
    std::size_t tier_;
    std::span<rudder_counter> counters_;  ///< of all CPUs, mapped
    int generation_fd_ = -1;
    std::uint64_t generation_ = 0;
    std::vector<std::uint8_t> published_;  ///< image of the active generation
    Slots slots_;
    Image image_;
    Topology topology_;
};

/// `ip` with these arguments; false if it failed.
bool ip_command(const std::string& arguments);
/// A device of this namespace as compile wants it.
Link device(const std::string& name);
/// The datapath of this process and its topology: in0, out0, out1, out2 (veth), each with a peer named "p-...".
Datapath& datapath();
const Topology& topology();

}  // namespace rudder::test
