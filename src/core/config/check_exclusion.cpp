// SPDX-License-Identifier: Apache-2.0
#include "core/config/check_exclusion.hpp"

#include "core/base/address_ranges.hpp"
#include "core/base/exclusion.hpp"
#include "core/config/codes.hpp"
#include "core/config/read_rare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace rudder {
namespace {

/// Of the datapath: RUDDER_MAX_MASKED.
constexpr std::size_t k_longest_list = 32;

void check_length(const Reading& reading, const ConfigTable& table, std::string_view key, std::size_t count) {
    if (count <= k_longest_list) return;
    reading.error(code::long_exclusion, find_entry(table, key)->value.span,
                  fmt::format("`{}` of `not` lists {} values, {} are possible", key, count, k_longest_list));
}

/// Some address of this family that is asked for is not excluded.
bool has_prefix_left(const std::vector<IpPrefix>& wanted, const std::vector<IpPrefix>& excluded, IpFamily family) {
    IpPrefix whole;
    whole.address.family = family;
    const AddressRanges taken = address_ranges(excluded, family);
    const auto is_left = [&](const IpPrefix& prefix) {
        return prefix.address.family == family && !holds(taken, range_of(prefix));
    };
    return wanted.empty() ? is_left(whole) : std::any_of(wanted.begin(), wanted.end(), is_left);
}

bool has_addresses_left(const Match& match, IpFamily family) {
    return has_prefix_left(match.src, match.excluded->src, family) && has_prefix_left(match.dst, match.excluded->dst, family);
}

/// A key lists every value there is, which its field cannot tell from none.
bool excludes_all(const ConfigTable& table, const Exclusion& excluded) {
    const auto has = [&](std::string_view key) { return find_entry(table, key) != nullptr; };
    return (has("fragment") && excluded.rare.fragment == k_fragment_any) ||
           (has("ecn") && excluded.rare.ecn == k_ecn_any) || (has("ip_proto") && !excluded.ip_proto);
}

/// Every mark or MAC address that is asked for is excluded.
bool has_no_pattern_left(const RareMatch& asked, const RareMatch& excluded) {
    const auto all_covered = [&](auto member) {
        RareMatch wide, narrow;
        wide.*member = excluded.*member;
        narrow.*member = asked.*member;
        return !(asked.*member).empty() && !(excluded.*member).empty() &&
               covers(HeapOptional<RareMatch>(wide), HeapOptional<RareMatch>(narrow));
    };
    return all_covered(&RareMatch::fwmarks) || all_covered(&RareMatch::src_macs) || all_covered(&RareMatch::dst_macs);
}

}  // namespace

void check_exclusion(const Reading& reading, const ConfigTable& table, const Span& key, const Match& match) {
    const Exclusion& excluded = *match.excluded;
    check_length(reading, table, "fwmark", excluded.rare.fwmarks.size());
    check_length(reading, table, "src_mac", excluded.rare.src_macs.size());
    check_length(reading, table, "dst_mac", excluded.rare.dst_macs.size());
    const bool is_nothing_left =
        excludes_all(table, excluded) || variants_of(match).empty() ||
        (!has_addresses_left(match, IpFamily::v4) && !has_addresses_left(match, IpFamily::v6)) || (match.rare && has_no_pattern_left(*match.rare, excluded.rare));
    if (is_nothing_left) reading.error(code::nothing_left, key, "`not` excludes all that the rule matches");
}

}  // namespace rudder
