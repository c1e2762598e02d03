// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/compile/image.hpp"

#include "traces.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

/// Classification alone, in the kernel, by BPF_PROG_TEST_RUN.
namespace rudder::bench {

/// What can be run over a trace. `empty` fetches the header and notes a result, as all do.
enum class Contender { empty, linear, linear_5_tuple, walk };
inline constexpr std::array<Contender, 4> k_all_contenders = {Contender::empty, Contender::linear,
                                                              Contender::linear_5_tuple, Contender::walk};

/// warm: the first 1,024 headers of the trace over and over, once before the time is taken. wide: all 65,536. cold:
/// those, and before each of them twice the second-level cache is read through.
enum class Traffic { warm, wide, cold };
[[nodiscard]] const char* to_string(Traffic traffic);

class KernelPrograms;

/// The programs for all images of one tier, loaded several times over: where the kernel happens to place the code of a
/// short loop changes its speed by up to a factor of two, so each contender is measured in the fastest of its copies.
class KernelBench {
public:
    /// *Errors*: no privileges (EPERM), kernel too old.
    [[nodiscard]] static Result<KernelBench> load(std::size_t tier, std::size_t copies);
    KernelBench(KernelBench&&) noexcept;
    ~KernelBench();

    /// Publishes the image of the scenario and makes `linear` (64 rules) the policy of the linear scans.
    Status set_policies(const Scenario& scenario, const Scenario& linear);
    /// Headers for empty and walk, and for the linear scans; each at least as many as a trace holds.
    void set_traces(const Trace& trace, const Trace& linear);
    /// Finds the fastest copy of each contender for the policies and traces of now. It counts for `warm` and `wide`
    /// alike: name one.
    Status choose_copies(const std::vector<Traffic>& all_traffic);

    /// Mean nanoseconds of one run over the next `packets` headers from the first one on. For `cold` the time that the
    /// program took itself, without the slowest twentieth; else processor time of the whole call, so that preemption
    /// does not count.
    [[nodiscard]] Result<double> run(Contender contender, Traffic traffic, std::uint32_t packets);
    /// Ranks of the first `count` headers as the kernel finds them.
    [[nodiscard]] Result<std::vector<std::uint32_t>> ranks(Contender contender, std::size_t count);
    /// Instructions the verifier followed for the walk.
    [[nodiscard]] std::uint32_t verified_instructions() const;

private:
    explicit KernelBench(std::vector<std::unique_ptr<KernelPrograms>> copies);
    [[nodiscard]] KernelPrograms& chosen(Contender contender, Traffic traffic);
    std::vector<std::unique_ptr<KernelPrograms>> copies_;
    std::map<std::pair<Contender, bool>, std::size_t> chosen_;  ///< by contender and whether it is for cold traffic
};

/// False where the kernel has no bpf_loop (before 5.17): `cold` cannot run.
[[nodiscard]] bool has_cold();

}  // namespace rudder::bench
