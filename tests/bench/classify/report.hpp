// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rudder::bench {

/// One line of the table. *Units*: nanoseconds of one packet above the empty program; ratios to `linear_ns`.
struct Measurement {
    std::string set;           ///< "acl", "fw", "ipc" or a file's name
    int family = 4;
    std::size_t rules = 0;
    double linear_ns = 0;      ///< 64 rules of the same kind, one after the other
    double hit_ns = 0;
    double miss_ns = 0;
    double build_ms = 0;       ///< the whole of compile(), processor time
    std::size_t image_bytes = 0;
    std::uint32_t verified = 0;
    std::size_t mismatches = 0;

    [[nodiscard]] double hit_ratio() const { return linear_ns > 0 ? hit_ns / linear_ns : 0; }
    [[nodiscard]] double miss_ratio() const { return linear_ns > 0 ? miss_ns / linear_ns : 0; }
};

[[nodiscard]] std::string table_header();
[[nodiscard]] std::string table_line(const Measurement& measurement);
[[nodiscard]] std::string to_json(const std::vector<Measurement>& measurements);
/// Nanoseconds of a hit against the number of rules, one line for each set and family, both axes logarithmic in steps.
[[nodiscard]] std::string to_svg(const std::vector<Measurement>& measurements);

}  // namespace rudder::bench
