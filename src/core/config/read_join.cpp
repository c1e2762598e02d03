// SPDX-License-Identifier: Apache-2.0
#include "core/config/read_join.hpp"

#include "core/config/codes.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace rudder {
namespace {

constexpr std::string_view k_one_by_one =
    "name the groups one by one, such as `dst_ip = [\"239.1.1.1\", \"239.1.1.2\"]`";

/// Where the things stand that the checks speak of. *Ownership*: borrows the tables.
struct JoinPlaces {
    const ConfigEntry* join = nullptr;
    const ConfigEntry* sources = nullptr;
    const ConfigEntry* dst_ip = nullptr;  ///< of the match
    const ConfigEntry* src_ip = nullptr;  ///< of the match
};

bool is_wanted(const Reading& reading, const ConfigTable& action) {
    const ConfigEntry* entry = find_entry(action, "join");
    if (entry == nullptr || !check_scalar(reading, *find_key(k_action, "join"), entry->value)) return false;
    return *entry->value.as_boolean();
}

std::vector<IpAddress> read_sources(const Reading& reading, const ConfigTable& action) {
    std::vector<IpAddress> sources;
    const ConfigEntry* entry = find_entry(action, "sources");
    if (entry == nullptr) return sources;
    const KeySpec& spec = *find_key(k_action, "sources");
    (void)for_each_scalar(reading, spec, entry->value, [&](const ConfigValue& value) {
        const auto source = read_source_address(reading, spec, value);
        if (source) sources.push_back(*source);
        return source.has_value();
    });
    std::sort(sources.begin(), sources.end());
    sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
    return sources;
}

/// 232.0.0.0/8 and ff3x::/96. *Source*: RFC 4607 section 1.
bool is_source_specific(const IpAddress& group) {
    if (group.family == IpFamily::v4) return group.bytes[0] == 232;
    const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
    return group.bytes[0] == 0xff && group.bytes[1] >> 4 == 3 &&
           std::all_of(group.bytes.begin() + 2, group.bytes.begin() + 12, is_zero);
}

bool has_family(const std::vector<IpAddress>& addresses, IpFamily family) {
    return std::any_of(addresses.begin(), addresses.end(), [&](const IpAddress& a) { return a.family == family; });
}

std::string_view family_name(IpFamily family) {
    return family == IpFamily::v4 ? "IPv4" : "IPv6";
}

/// The groups of the match; empty, and reported, if it has other destinations too.
std::vector<IpAddress> groups_of(const Reading& reading, const JoinPlaces& places, const Match& match) {
    std::vector<IpAddress> groups;
    for (const IpPrefix& prefix : match.dst) {
        const bool is_host = prefix.length == prefix.address.bits();
        if (is_host && prefix.address.is_multicast()) {
            groups.push_back(prefix.address);
            continue;
        }
        reading.error_with_note(
            is_host ? code::join_unicast : code::join_prefix, places.join->key_span,
            is_host ? fmt::format("`join` takes multicast groups; {} is none", to_string(prefix.address))
                    : fmt::format("`join` takes single groups; {} is more than one address", to_string(prefix)),
            {"the destinations are set here", reading.at(places.dst_ip->value.span)}, std::string(k_one_by_one));
        return {};
    }
    return groups;
}

void check_families(const Reading& reading, const JoinPlaces& places, const std::vector<IpAddress>& groups,
                    const std::vector<IpAddress>& sources) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        const bool has_groups = has_family(groups, family);
        if (has_groups == has_family(sources, family)) continue;
        reading.error(
            code::join_family, places.sources->value.span,
            has_groups
                ? fmt::format("`sources` names no {0} address, but the rule joins {0} groups", family_name(family))
                : fmt::format("`sources` names an {0} address, but the rule joins no {0} group", family_name(family)),
            "groups and sources are of the same address family; write one rule per family");
    }
}

void warn_sources_that_do_not_match(const Reading& reading, const JoinPlaces& places, const Rule& rule) {
    const auto holds = [](const std::vector<IpPrefix>& prefixes, const IpAddress& source) {
        return std::any_of(prefixes.begin(), prefixes.end(), [&](const IpPrefix& prefix) { return prefix.contains(source); });
    };
    const auto& allowed = rule.match.src;
    for (const IpAddress& source : rule.join->sources) {
        const bool is_left_out = rule.match.excluded && holds(rule.match.excluded->src, source);
        if (!is_left_out && (allowed.empty() || holds(allowed, source))) continue;
        reading.warning(
            code::source_not_matched, places.sources->value.span,
            fmt::format("the groups are joined for source {}, which `src_ip` does not match", to_string(source)));
        return;
    }
}

void warn_source_specific(const Reading& reading, const JoinPlaces& places, const std::vector<IpAddress>& groups) {
    const auto found = std::find_if(groups.begin(), groups.end(), is_source_specific);
    if (found == groups.end()) return;
    reading.warning(code::sources_missing, places.join->key_span,
                    fmt::format("{} is a group of source-specific multicast: routers ignore who joins it without "
                                "`sources`",
                                to_string(*found)));
}

void check_groups(const Reading& reading, RuleScope& scope, const JoinPlaces& places, const Rule& rule) {
    if (places.dst_ip == nullptr) {
        reading.error(code::join_without_groups, places.join->key_span,
                      "`join` takes the groups of `dst_ip`, which the match does not have", std::string(k_one_by_one));
        return;
    }
    const std::vector<IpAddress> groups = groups_of(reading, places, rule.match);
    if (groups.empty()) return;
    const std::vector<IpAddress>& sources = rule.join->sources;
    if (!sources.empty()) check_families(reading, places, groups, sources);
    if (sources.empty() && places.sources == nullptr) warn_source_specific(reading, places, groups);
    warn_sources_that_do_not_match(reading, places, rule);
    (void)scope.joins.take(groups.size() * std::max<std::size_t>(sources.size(), 1), reading, places.join->key_span);
}

}  // namespace

void read_join(const Reading& reading, const ConfigTable& action, Rule& rule) {
    const bool wants = is_wanted(reading, action);
    std::vector<IpAddress> sources = read_sources(reading, action);
    if (wants) rule.join = Join{std::move(sources)};
}

void check_join(const Reading& reading, RuleScope& scope, const RuleTables& tables, const Rule& rule) {
    if (tables.action == nullptr || tables.match == nullptr) return;
    const JoinPlaces places{find_entry(*tables.action, "join"), find_entry(*tables.action, "sources"),
                            find_entry(*tables.match, "dst_ip"), find_entry(*tables.match, "src_ip")};
    const bool is_join_wrong = places.join != nullptr && places.join->value.as_boolean() == nullptr;
    if (places.sources != nullptr && !rule.join && !is_join_wrong)
        reading.error(code::sources_without_join, places.sources->key_span,
                      "`sources` has no meaning without `join = true`",
                      "add `join = true`; to match packets by their source, use `src_ip` in [rule.match]");
    if (!rule.join) return;
    if (rule.match.direction == Direction::egress) {
        reading.error(code::join_at_egress, places.join->key_span,
                      "`join` is for packets that come in; the rule matches at egress",
                      "leave `join` out, or match at ingress");
        return;
    }
    check_groups(reading, scope, places, rule);
}

}  // namespace rudder
