// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/topology.hpp"
#include "core/compile/blob_writer.hpp"

#include "rudder_abi.h"

#include <cstdint>
#include <map>
#include <vector>

/// Own addresses that ICMP errors come from.
namespace rudder {

/// For each family the address that packets out of `link` have as their source; without one there, that of the first
/// other device which has one, as the kernel chooses for its own errors. Zero: the host has none.
[[nodiscard]] rudder_source icmp_source(const Topology& topology, const Link& link);

/// The sources of the hooks, each kept once.
class IcmpSources {
public:
    IcmpSources(const Topology& topology, std::size_t offset) : topology_(topology), offset_(offset) {}

    /// Where in the blob the source of this device will be.
    std::uint32_t offset_of(const Link& link);
    /// Appends them; the blob ends at the offset given to the constructor.
    void write(BlobWriter& blob) const;

private:
    const Topology& topology_;
    std::size_t offset_;
    std::vector<rudder_source> sources_;
};

}  // namespace rudder
