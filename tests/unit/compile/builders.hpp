// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/topology.hpp"
#include "core/compile/image.hpp"

#include "rudder_abi.h"

#include <cstring>
#include <string>
#include <vector>

/// Short ways to say policies and to read images.
namespace rudder::test {

inline IpAddress address(const std::string& text) { return *parse_ip_address(text); }
inline IpPrefix prefix(const std::string& text) { return *parse_ip_prefix(text).prefix; }

inline Rule rule(const std::string& name, RuleType type, const std::string& interface) {
    Rule result;
    result.name = name;
    result.type = type;
    if (interface == "any") {
        result.match.interface.any = true;
    } else {
        result.match.interface.include = {interface};
    }
    return result;
}

inline Rule steer(const std::string& name, const std::string& interface, const std::string& via) {
    Rule result = rule(name, RuleType::steer, interface);
    result.targets.emplace_back();
    result.targets.back().via = via;
    return result;
}

inline Policy policy(std::vector<Rule> rules) {
    Policy result;
    for (std::size_t rank = 0; rank < rules.size(); ++rank) {
        rules[rank].priority = static_cast<std::uint32_t>(rank);
    }
    result.rules = std::move(rules);
    return result;
}

template <class Record>
Record record_at(const std::vector<std::uint8_t>& blob, std::size_t offset) {
    Record record{};
    std::memcpy(&record, blob.data() + offset, sizeof(record));
    return record;
}

inline rudder_blob_header header_of(const Image& image) { return record_at<rudder_blob_header>(image.blob, 0); }

inline rudder_rule rule_of(const Image& image, std::size_t rank) {
    return record_at<rudder_rule>(image.blob, header_of(image).rule_offset + rank * sizeof(rudder_rule));
}

inline rudder_target target_of(const Image& image, std::size_t rank, std::size_t index = 0) {
    const std::size_t at = rule_of(image, rank).first_target + index;
    return record_at<rudder_target>(image.blob, header_of(image).target_offset + at * sizeof(rudder_target));
}

}  // namespace rudder::test
