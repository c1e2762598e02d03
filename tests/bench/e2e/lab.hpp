// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/net_types.hpp"
#include "core/base/result.hpp"

#include <cstdint>
#include <string>

/// The private network of the end-to-end benchmark: gen0 -- in0 [router] out0 -- sink0, one namespace, one CPU.
namespace rudder::bench {

struct Device {
    std::string name;
    std::uint32_t ifindex = 0;
    MacAddress mac;
};

struct Lab {
    Device generator, input, output, sink;
};

/// Moves this process into a network namespace of its own and builds the lab there; it vanishes with the process.
/// *Errors*: EPERM without root; a failing `ip` command.
[[nodiscard]] Result<Lab> make_lab();

/// Runs a shell command, output discarded. *Errors*: any exit status but 0.
Status run_command(const std::string& command);

/// Binds this process to one CPU, so that generator, router and sink share it.
Status pin_to_cpu(int cpu);

}  // namespace rudder::bench
