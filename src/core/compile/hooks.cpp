// SPDX-License-Identifier: Apache-2.0
#include "core/compile/hooks.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rudder {
namespace {

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

std::vector<HookList> select_hooks(const Policy& policy, const Topology& topology) {
    std::map<std::pair<InterfaceSelector, Direction>, HookList> known;
    std::vector<HookList> selections;
    selections.reserve(policy.rules.size());
    const Match* before = nullptr;
    for (const Rule& rule : policy.rules) {
        const Match& match = rule.match;
        // Mostly the same interfaces as the rule before.
        if (before == nullptr || before->direction != match.direction || before->interface != match.interface) {
            const auto [entry, is_new] = known.try_emplace({match.interface, match.direction});
            if (is_new) {
                entry->second = hooks_of(match, topology);
            }
            selections.push_back(entry->second);
        } else {
            selections.push_back(selections.back());
        }
        before = &match;
    }
    return selections;
}

HookTable::HookTable(const std::vector<HookList>& selections, const Topology& topology) {
    std::map<std::vector<HookSpec>, std::size_t> numbers;
    std::vector<HookList> distinct;
    set_of_rule_.reserve(selections.size());
    for (const HookList& selection : selections) {
        if (!distinct.empty() && selection == distinct[set_of_rule_.back()]) {
            set_of_rule_.push_back(set_of_rule_.back());
            continue;
        }
        const auto [entry, is_new] = numbers.try_emplace({selection.begin(), selection.end()}, distinct.size());
        if (is_new) {
            distinct.push_back(selection);
            hooks_.insert(hooks_.end(), selection.begin(), selection.end());
        }
        set_of_rule_.push_back(entry->second);
    }
    std::sort(hooks_.begin(), hooks_.end());
    hooks_.erase(std::unique(hooks_.begin(), hooks_.end()), hooks_.end());
    make_classes(distinct, topology);
    make_sets(distinct);
}

void HookTable::make_classes(const std::vector<HookList>& distinct, const Topology& topology) {
    std::map<HookSpec, std::vector<std::size_t>> membership;
    for (std::size_t set = 0; set < distinct.size(); ++set) {
        for (const HookSpec& hook : distinct[set]) {
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

void HookTable::make_sets(const std::vector<HookList>& distinct) {
    for (const HookList& selection : distinct) {
        std::vector<std::uint32_t> classes;
        for (const HookSpec& hook : selection) {
            classes.push_back(classes_.at(hook));
        }
        std::sort(classes.begin(), classes.end());
        sets_.push_back(to_ranges(classes));
    }
}

}  // namespace rudder
