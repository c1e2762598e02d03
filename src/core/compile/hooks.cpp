// SPDX-License-Identifier: Apache-2.0
#include "core/compile/hooks.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rudder {
namespace {

using Selections = std::vector<std::vector<HookSpec>>;

std::vector<HookSpec> hooks_of(const Match& match, const Topology& topology) {
    std::vector<HookSpec> hooks;
    for (const auto& [ifindex, link] : topology.links) {
        if (selects(match.interface, link)) {
            hooks.push_back({ifindex, match.direction});
        }
    }
    return hooks;
}

/// Direction, then name: the order in which classes are numbered.
std::vector<HookSpec> by_name(std::vector<HookSpec> hooks, const Topology& topology) {
    const auto key = [&topology](const HookSpec& hook) {
        return std::tie(hook.direction, topology.links.at(hook.ifindex).name, hook.ifindex);
    };
    std::sort(hooks.begin(), hooks.end(), [&key](const HookSpec& a, const HookSpec& b) { return key(a) < key(b); });
    return hooks;
}

/// Sorted class numbers as ranges.
HookSet to_ranges(const std::vector<std::uint32_t>& classes) {
    HookSet set;
    for (const std::uint32_t number : classes) {
        if (!set.empty() && set.back().last + 1 == number) {
            set.back().last = number;
        } else if (set.empty() || set.back().last != number) {
            set.push_back({number, number});
        }
    }
    return set;
}

}  // namespace

std::vector<std::vector<HookSpec>> select_hooks(const Policy& policy, const Topology& topology) {
    std::map<std::pair<InterfaceSelector, Direction>, std::vector<HookSpec>> known;
    Selections selections;
    selections.reserve(policy.rules.size());
    for (const Rule& rule : policy.rules) {
        const auto [entry, is_new] = known.try_emplace({rule.match.interface, rule.match.direction});
        if (is_new) {
            entry->second = hooks_of(rule.match, topology);
        }
        selections.push_back(entry->second);
    }
    return selections;
}

HookTable::HookTable(const std::vector<std::vector<HookSpec>>& selections, const Topology& topology) {
    std::map<std::vector<HookSpec>, std::size_t> numbers;
    std::vector<const std::vector<HookSpec>*> distinct;
    for (const auto& selection : selections) {
        const auto [entry, is_new] = numbers.try_emplace(selection, distinct.size());
        if (is_new) {
            distinct.push_back(&entry->first);
            hooks_.insert(hooks_.end(), selection.begin(), selection.end());
        }
        set_of_rule_.push_back(entry->second);
    }
    std::sort(hooks_.begin(), hooks_.end());
    hooks_.erase(std::unique(hooks_.begin(), hooks_.end()), hooks_.end());
    make_classes(distinct, topology);
    make_sets(distinct);
}

void HookTable::make_classes(const std::vector<const std::vector<HookSpec>*>& distinct, const Topology& topology) {
    std::map<HookSpec, std::vector<std::size_t>> membership;
    for (std::size_t set = 0; set < distinct.size(); ++set) {
        for (const HookSpec& hook : *distinct[set]) {
            membership[hook].push_back(set);
        }
    }
    std::map<std::vector<std::size_t>, std::uint16_t> numbers;
    for (const HookSpec& hook : by_name(hooks_, topology)) {
        const auto next = static_cast<std::uint16_t>(numbers.size());
        classes_[hook] = numbers.try_emplace(membership[hook], next).first->second;
    }
    class_count_ = numbers.size();
}

void HookTable::make_sets(const std::vector<const std::vector<HookSpec>*>& distinct) {
    for (const auto* selection : distinct) {
        std::vector<std::uint32_t> classes;
        for (const HookSpec& hook : *selection) {
            classes.push_back(classes_.at(hook));
        }
        std::sort(classes.begin(), classes.end());
        sets_.push_back(to_ranges(classes));
    }
}

}  // namespace rudder
