// SPDX-License-Identifier: Apache-2.0
#include "core/compile/icmp_sources.hpp"

#include <algorithm>
#include <cstring>

namespace rudder {
namespace {

const LinkAddress* source_of(const Topology& topology, const Link& link, IpFamily family) {
    const LinkAddress* own = source_address(link, family, std::nullopt);
    for (auto other = topology.links.begin(); own == nullptr && other != topology.links.end(); ++other) {
        own = source_address(other->second, family, std::nullopt);
    }
    return own;
}

bool is_same(const rudder_source& a, const rudder_source& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

}  // namespace

rudder_source icmp_source(const Topology& topology, const Link& link) {
    rudder_source result{};
    if (const LinkAddress* own = source_of(topology, link, IpFamily::v4)) {
        std::memcpy(&result.v4_be, own->address.bytes.data(), sizeof(result.v4_be));
    }
    if (const LinkAddress* own = source_of(topology, link, IpFamily::v6)) {
        std::memcpy(result.v6_be, own->address.bytes.data(), sizeof(result.v6_be));
    }
    return result;
}

std::uint32_t IcmpSources::offset_of(const Link& link) {
    const rudder_source source = icmp_source(topology_, link);
    auto known = std::find_if(sources_.begin(), sources_.end(), [&source](const rudder_source& s) { return is_same(s, source); });
    if (known == sources_.end()) {
        known = sources_.insert(known, source);
    }
    return static_cast<std::uint32_t>(offset_ + static_cast<std::size_t>(known - sources_.begin()) * sizeof(rudder_source));
}

void IcmpSources::write(BlobWriter& blob) const {
    for (const rudder_source& source : sources_) {
        blob.append(source);
    }
}

}  // namespace rudder
