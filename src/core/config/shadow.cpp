// SPDX-License-Identifier: Apache-2.0
#include "core/config/shadow.hpp"

#include "core/config/codes.hpp"
#include "core/config/prefix_nesting.hpp"
#include "core/config/read_rare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rudder {
namespace {

constexpr std::size_t k_comparisons = 1'000'000;
constexpr std::size_t k_keys_per_rule = 64;  // destinations under which one rule is filed

// The lists are normalised: what comes last of all that does not sort behind an entry is the only one that can hold it.

bool covers(const std::vector<IpPrefix>& outer, const std::vector<IpPrefix>& inner) {
    if (outer.empty()) return true;
    if (inner.empty()) return false;
    return std::all_of(inner.begin(), inner.end(), [&](const IpPrefix& prefix) {
        const auto after = std::upper_bound(outer.begin(), outer.end(), prefix);
        return after != outer.begin() && std::prev(after)->contains(prefix);
    });
}

bool covers(const std::vector<PortRange>& outer, const std::vector<PortRange>& inner) {
    if (outer.empty()) return true;
    if (inner.empty()) return false;
    return std::all_of(inner.begin(), inner.end(), [&](const PortRange& range) {
        const auto after = std::upper_bound(outer.begin(), outer.end(), PortRange{range.first, 65535});
        return after != outer.begin() && std::prev(after)->last >= range.last;
    });
}

bool covers(const VlanMatch& outer, const VlanMatch& inner) {
    if (inner.untagged && !outer.untagged) return false;
    return std::all_of(inner.ids.begin(), inner.ids.end(), [&](const ValueRange& ids) {
        const auto after = std::upper_bound(outer.ids.begin(), outer.ids.end(), ValueRange{ids.first, 0xffffffff});
        return after != outer.ids.begin() && std::prev(after)->last >= ids.last;
    });
}

bool is_inside(const IpPrefix& prefix, std::initializer_list<const char*> ranges) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const char* range) { return parse_ip_prefix(range).prefix->contains(prefix); });
}

bool is_special(const IpPrefix& prefix) {
    return is_inside(prefix, {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/24", "255.255.255.255/32",
                              "::/128", "::1/128", "fe80::/10", "ff01::/16", "ff02::/16"});
}

/// Which addresses are broadcast addresses is only known of a running system: any IPv4 host with two ones at its end
/// may be one.
bool may_be_group(const IpPrefix& prefix) {
    const bool may_be_broadcast =
        prefix.address.family == IpFamily::v4 && prefix.length == 32 && prefix.address.bytes[3] % 4 == 3;
    return may_be_broadcast || is_inside(prefix, {"224.0.0.0/4", "ff00::/8"});
}

/// Packets with special-purpose addresses are matched only by rules that ask for such addresses.
bool asks_special(const Rule& rule) {
    return std::any_of(rule.match.src.begin(), rule.match.src.end(), is_special) ||
           std::any_of(rule.match.dst.begin(), rule.match.dst.end(), is_special);
}

/// Packets to a group or to all are matched by rules that change nothing in them, and by rules that ask for such destinations.
bool may_ask_group(const Rule& rule) {
    if (rule.match.rare && has_group_mac(*rule.match.rare)) return true;
    return (rule.type != RuleType::steer && rule.type != RuleType::replicate) ||
           std::any_of(rule.match.dst.begin(), rule.match.dst.end(), may_be_group);
}

/// Which sources are addresses of the host itself, taken by rules that name them only, is not known here either: a rule for a host
/// is warned of although it would be the one to match such packets at ingress.
bool asks_more(const Rule& earlier, const Rule& later) {
    return (asks_special(later) && !asks_special(earlier)) || (may_ask_group(later) && !may_ask_group(earlier));
}

bool covers(const Match& outer, const Match& inner) {
    if ((inner.family_v4 && !outer.family_v4) || (inner.family_v6 && !outer.family_v6)) return false;
    if (outer.ip_proto && outer.ip_proto != inner.ip_proto) return false;
    if ((inner.dscp & ~outer.dscp) != 0 || !covers(outer.vlan, inner.vlan)) return false;
    if (!covers(outer.rare, inner.rare) || (outer.excluded && outer.excluded != inner.excluded)) return false;
    return covers(outer.src, inner.src) && covers(outer.dst, inner.dst) && covers(outer.src_ports, inner.src_ports) &&
           covers(outer.dst_ports, inner.dst_ports);
}

/// Rules filed by interfaces, direction and each of their destinations, so that only rules whose destination contains
/// another's are compared.
class ShadowSearch {
public:
    explicit ShadowSearch(const std::vector<Rule>& rules) : rules_(rules) {
        places_.reserve(rules.size());
        filed_.reserve(rules.size());
        destinations_.reserve(rules.size());
        for (const Rule& rule : rules) {
            const std::uint32_t place = place_of(rule.match);
            places_.push_back(place);
            for (std::size_t i = 0; i < keys_of(rule.match); ++i) destinations_.add(place, rule.match.dst[i]);
        }
        destinations_.settle();
        newest_.resize(destinations_.count(), k_none);
        newest_of_any_.resize(place_numbers_.size(), k_none);
    }

    /// The earlier rule that takes all packets of the next one, if one is found. Files that rule for those after it.
    const Rule* visit_next() {
        const Match& match = rules_[rank_].match;
        std::uint32_t& newest_of_any = newest_of_any_[places_[rank_]];
        const Rule* found = search(newest_of_any);
        if (match.dst.empty()) file(newest_of_any);
        for (std::size_t i = 0; is_filed(match) && i < match.dst.size(); ++i)
            file(newest_[destinations_.number_of(next_key_ + i)]);
        next_key_ += keys_of(match);
        ++rank_;
        return found;
    }

    [[nodiscard]] const Rule& next() const { return rules_[rank_]; }
    [[nodiscard]] bool is_done() const { return rank_ == rules_.size() || is_tired(); }

private:
    static constexpr std::uint32_t k_none = PrefixNesting::k_none;

    /// A rule under a destination; those under the same one are chained, the newest first.
    struct Filed {
        std::uint32_t rank = 0;
        std::uint32_t older = k_none;  ///< index into `filed_`
        std::optional<IpPrefix> src;   ///< the only source, which tells most rules without a look at them
    };

    [[nodiscard]] bool is_tired() const { return comparisons_ > k_comparisons; }

    static bool is_filed(const Match& match) { return match.dst.size() <= k_keys_per_rule; }

    /// How many of its destinations are looked at: a rule with too many is only searched, by the first of them.
    static std::size_t keys_of(const Match& match) { return is_filed(match) ? match.dst.size() : 1; }

    /// False if the sources of the rule do not hold those of `inner`.
    static bool may_cover(const Filed& filed, const Match& inner) {
        return !filed.src || (!inner.src.empty() && filed.src->contains(inner.src.front()));
    }

    /// Mostly that of the rule before.
    std::uint32_t place_of(const Match& match) {
        if (last_place_ == place_numbers_.end() || last_place_->first.second != match.direction ||
            last_place_->first.first != match.interface) {
            const auto next = static_cast<std::uint32_t>(place_numbers_.size());
            last_place_ = place_numbers_.emplace(std::pair(match.interface, match.direction), next).first;
        }
        return last_place_->second;
    }

    void file(std::uint32_t& newest) {
        const std::vector<IpPrefix>& src = rules_[rank_].match.src;
        filed_.push_back({static_cast<std::uint32_t>(rank_), newest,
                          src.size() == 1 ? std::optional(src.front()) : std::nullopt});
        newest = static_cast<std::uint32_t>(filed_.size() - 1);
    }

    /// Among the rules for any destination, then among those for destinations around the first one, the widest first.
    const Rule* search(std::uint32_t newest_of_any) {
        if (const Rule* found = search_chain(newest_of_any)) return found;
        if (rules_[rank_].match.dst.empty()) return nullptr;
        around_.clear();
        for (std::uint32_t at = destinations_.number_of(next_key_); at != k_none; at = destinations_.around(at))
            if (newest_[at] != k_none) around_.push_back(newest_[at]);
        for (auto newest = around_.rbegin(); newest != around_.rend(); ++newest)
            if (const Rule* found = search_chain(*newest)) return found;
        return nullptr;
    }

    const Rule* search_chain(std::uint32_t newest) {
        const Rule& rule = rules_[rank_];
        const Match& match = rule.match;
        for (std::uint32_t at = newest; at != k_none; at = filed_[at].older) {
            if (is_tired()) return nullptr;
            comparisons_ += 1 + match.src.size() + match.dst.size();
            if (!may_cover(filed_[at], match)) continue;
            const Rule& earlier = rules_[filed_[at].rank];
            if (covers(earlier.match, match) && !asks_more(earlier, rule)) return &earlier;
        }
        return nullptr;
    }

    using Places = std::map<std::pair<InterfaceSelector, Direction>, std::uint32_t>;

    const std::vector<Rule>& rules_;
    Places place_numbers_;
    Places::const_iterator last_place_ = place_numbers_.end();
    std::vector<std::uint32_t> places_;         ///< [rank]
    PrefixNesting destinations_;                ///< of all rules in their order; each place is a sort
    std::vector<std::uint32_t> newest_;         ///< [number of a destination]: index into `filed_`
    std::vector<std::uint32_t> newest_of_any_;  ///< [place]: likewise, of rules for any destination
    std::vector<Filed> filed_;
    std::vector<std::uint32_t> around_;         ///< of search()
    std::size_t rank_ = 0;
    std::size_t next_key_ = 0;                  ///< of that rule in `destinations_`
    std::size_t comparisons_ = 0;
};

bool is_always_installed(const Rule& rule) {
    return rule.targets.empty();
}

Diagnostic warning(const Rule& rule, const Rule& earlier) {
    Diagnostic found{
        Severity::warning,
        std::string(code::shadowed_rule),
        fmt::format("`{}` never matches: `{}`, which comes earlier, takes all of its packets", rule.name, earlier.name),
        rule.where,
        {{"the earlier rule is here", earlier.where}},
        "give it a lower priority number, or remove it"};
    if (is_always_installed(earlier)) return found;
    found.text = fmt::format(
        "`{0}` matches only while `{1}` is not installed: `{1}` comes earlier and takes all of its "
        "packets",
        rule.name, earlier.name);
    found.help = "a steer or replicate rule is not installed while no interface of its `via` exists";
    return found;
}

}  // namespace

void warn_shadowed(const std::vector<Rule>& rules, Warnings& warnings) {
    ShadowSearch search(rules);
    while (!search.is_done()) {
        const Rule& rule = search.next();
        if (const Rule* earlier = search.visit_next()) warnings.add(warning(rule, *earlier));
    }
}

}  // namespace rudder
