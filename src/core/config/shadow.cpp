// SPDX-License-Identifier: Apache-2.0
#include "core/config/shadow.hpp"

#include "core/config/codes.hpp"
#include "core/config/read_rare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>
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

/// Which hashes have been seen: no for most that have not, out of a table small enough for a processor's cache.
class SeenHashes {
public:
    explicit SeenHashes(std::size_t expected) : words_(std::bit_ceil(expected / 2 + 1)) {}

    void add(std::size_t hash) { word_of(hash) |= bit_of(hash); }
    [[nodiscard]] bool may_hold(std::size_t hash) { return (word_of(hash) & bit_of(hash)) != 0; }

private:
    [[nodiscard]] std::uint64_t& word_of(std::size_t hash) { return words_[(hash >> 6) & (words_.size() - 1)]; }
    [[nodiscard]] static std::uint64_t bit_of(std::size_t hash) { return std::uint64_t{1} << (hash & 63); }

    std::vector<std::uint64_t> words_;
};

/// Rules filed by interfaces, direction and each of their destinations, so that only rules whose destination contains
/// another's are compared.
class ShadowSearch {
public:
    explicit ShadowSearch(const std::vector<Rule>& rules) : rules_(rules), seen_(rules.size()) {
        newest_.reserve(rules.size());
        filed_.reserve(rules.size());
    }

    /// The earlier rule that takes all packets of rules[rank], if one is found. Files the rule for the later ones.
    const Rule* visit(std::size_t rank) {
        const Match& match = rules_[rank].match;
        const std::uint32_t place = place_of(match);
        const Rule* found = search(rank, place);
        if (match.dst.empty()) {
            file(rank, place, std::nullopt);
        } else if (match.dst.size() <= k_keys_per_rule) {
            for (const IpPrefix& prefix : match.dst) file(rank, place, prefix);
        }
        return found;
    }

    bool is_tired() const { return comparisons_ > k_comparisons; }

private:
    struct Key {
        std::uint32_t place = 0;
        std::optional<IpPrefix> dst;
        bool operator==(const Key&) const = default;
    };

    static constexpr std::uint32_t k_none = ~std::uint32_t{0};

    /// A rule under a key; those under the same key are chained, the newest first.
    struct Filed {
        std::uint32_t rank = 0;
        std::uint32_t older = k_none;  ///< index into `filed_`
        std::optional<IpPrefix> src;   ///< the only source, which tells most rules without a look at them
    };

    /// False if the sources of the rule do not hold those of `inner`.
    static bool may_cover(const Filed& filed, const Match& inner) {
        return !filed.src || (!inner.src.empty() && filed.src->contains(inner.src.front()));
    }

    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            std::uint64_t hash = key.place;
            const auto mix = [&](std::uint64_t value) {
                hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
                hash ^= hash >> 29;
            };
            if (key.dst) {
                for (const std::uint64_t word : std::bit_cast<std::array<std::uint64_t, 2>>(key.dst->address.bytes))
                    mix(word);
                mix(key.dst->length);
            }
            return static_cast<std::size_t>(hash);
        }
    };

    /// Mostly that of the rule before.
    std::uint32_t place_of(const Match& match) {
        if (last_place_ == places_.end() || last_place_->first.first != match.interface ||
            last_place_->first.second != match.direction) {
            const auto next = static_cast<std::uint32_t>(places_.size());
            last_place_ = places_.emplace(std::pair(match.interface, match.direction), next).first;
        }
        return last_place_->second;
    }

    void file(std::size_t rank, std::uint32_t place, const std::optional<IpPrefix>& dst) {
        if (dst) lengths_[dst->address.family == IpFamily::v6][dst->length] = true;
        const auto next = static_cast<std::uint32_t>(filed_.size());
        const Key key{place, dst};
        seen_.add(KeyHash()(key));
        const auto [newest, is_first] = newest_.try_emplace(key, next);
        const std::vector<IpPrefix>& src = rules_[rank].match.src;
        filed_.push_back({static_cast<std::uint32_t>(rank), is_first ? k_none : newest->second,
                          src.size() == 1 ? std::optional(src.front()) : std::nullopt});
        newest->second = next;
    }

    const Rule* search(std::size_t rank, std::uint32_t place) {
        const Match& match = rules_[rank].match;
        if (const Rule* found = search_key(rank, {place, std::nullopt})) return found;
        if (match.dst.empty()) return nullptr;
        const IpPrefix& first = match.dst.front();
        const bool is_v6 = first.address.family == IpFamily::v6;
        for (unsigned length = 0; length <= first.length; ++length) {
            if (!lengths_[is_v6][length]) continue;
            if (const Rule* found = search_key(rank, {place, shortened(first, length)})) return found;
        }
        return nullptr;
    }

    static IpPrefix shortened(IpPrefix prefix, unsigned length) {
        auto& bytes = prefix.address.bytes;
        if (length % 8 != 0) bytes[length / 8] &= static_cast<std::uint8_t>(0xff00U >> (length % 8));
        std::fill(bytes.begin() + (length + 7) / 8, bytes.end(), std::uint8_t{0});
        prefix.length = static_cast<std::uint8_t>(length);
        return prefix;
    }

    const Rule* search_key(std::size_t rank, const Key& key) {
        if (!seen_.may_hold(KeyHash()(key))) return nullptr;
        const Match& match = rules_[rank].match;
        const auto newest = newest_.find(key);
        if (newest == newest_.end()) return nullptr;
        for (std::uint32_t at = newest->second; at != k_none; at = filed_[at].older) {
            if (is_tired()) return nullptr;
            comparisons_ += 1 + match.src.size() + match.dst.size();
            if (!may_cover(filed_[at], match)) continue;
            const Rule& earlier = rules_[filed_[at].rank];
            if (covers(earlier.match, match) && !asks_more(earlier, rules_[rank])) return &earlier;
        }
        return nullptr;
    }

    const std::vector<Rule>& rules_;
    using Places = std::map<std::pair<InterfaceSelector, Direction>, std::uint32_t>;
    Places places_;
    Places::const_iterator last_place_ = places_.end();
    std::pmr::monotonic_buffer_resource memory_;
    std::pmr::unordered_map<Key, std::uint32_t, KeyHash> newest_{&memory_};  ///< index into `filed_`
    std::vector<Filed> filed_;
    SeenHashes seen_;  ///< keys of `newest_`
    bool lengths_[2][129] = {};
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
    for (std::size_t rank = 0; rank < rules.size() && !search.is_tired(); ++rank) {
        const Rule* earlier = search.visit(rank);
        if (earlier != nullptr) warnings.add(warning(rules[rank], *earlier));
    }
}

}  // namespace rudder
