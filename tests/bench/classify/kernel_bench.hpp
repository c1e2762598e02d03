// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/result.hpp"
#include "core/compile/image.hpp"

#include "rudder_abi.h"

#include <cstdint>
#include <string>
#include <vector>

/// Classification alone, in the kernel, by BPF_PROG_TEST_RUN.
namespace rudder::bench {

enum class Contender { empty, linear, walk };

/// One loaded set of programs for one image and one trace. *Errors*: no privileges, kernel too old.
class KernelBench {
public:
    /// `linear` are the rules of the linear scan (at most 64 are used). The trace is repeated to a power of two.
    [[nodiscard]] static Result<KernelBench> load(const Image& image, const Policy& linear, IpFamily family,
                                                  const std::vector<rudder_packet>& trace);
    KernelBench(KernelBench&& other) noexcept;
    KernelBench(const KernelBench&) = delete;
    KernelBench& operator=(const KernelBench&) = delete;
    KernelBench& operator=(KernelBench&&) = delete;
    ~KernelBench();

    /// Nanoseconds of one run, the best of `rounds` means over `packets` runs.
    [[nodiscard]] Result<double> run(Contender contender, std::uint32_t packets, unsigned rounds);
    /// Ranks of the first `count` headers as the kernel finds them.
    [[nodiscard]] Result<std::vector<std::uint32_t>> ranks(std::size_t count);
    /// Instructions the verifier followed for the walk.
    [[nodiscard]] std::uint32_t verified_instructions() const;

private:
    struct State;
    explicit KernelBench(State* state) : state_(state) {}
    State* state_ = nullptr;
};

}  // namespace rudder::bench
