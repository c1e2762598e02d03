// SPDX-License-Identifier: Apache-2.0
#include "core/compile/rule_states.hpp"

#include "core/compile/hooks.hpp"
#include "core/compile/target_state.hpp"

#include <utility>

namespace rudder {
namespace {

bool needs_target(const Rule& rule) {
    return rule.type != RuleType::pass && rule.type != RuleType::drop;
}

std::string selector_reason(const InterfaceSelector& selector) {
    return "no interface " + to_string(selector);
}

/// Calls visit(way) for the ways out of one target: itself, or the members of its group.
template <class Visit>
void for_each_way(const Target& target, const Policy& policy, Visit visit) {
    const Group* group = target.group.empty() ? nullptr : find_group(policy, target.group);
    if (group == nullptr) {
        return visit(target);
    }
    for (const GroupMember& member : group->members) {
        visit(member_target(target, member));
    }
}

RuleState state_of(const Rule& rule, const Policy& policy, HookList hooks, const LinkIndex& links) {
    RuleState state;
    bool is_any_usable = !needs_target(rule);
    for (std::size_t i = 0; i < rule.targets.size(); ++i) {
        for_each_way(rule.targets[i], policy, [&](const Target& way) {
            const TargetState now = target_state(rule, way, links);
            if (way.table || !now.is_deferred()) {
                is_any_usable = true;
            } else if (!state.target) {
                state.target = i;
                state.reason = deferral(rule, way, now.reason);
            }
        });
    }
    if (hooks.empty()) {
        state.target.reset();
        state.reason = selector_reason(rule.match.interface);
    }
    state.is_deferred = hooks.empty() || !is_any_usable;
    if (!state.is_deferred) {
        state.hooks = std::move(hooks);
    }
    return state;
}

}  // namespace

std::vector<RuleState> rule_states(const Policy& policy, const Topology& topology, const LinkIndex& links) {
    std::vector<RuleState> states;
    auto selections = select_hooks(policy, topology);
    states.reserve(policy.rules.size());
    for (std::size_t rank = 0; rank < policy.rules.size(); ++rank) {
        states.push_back(state_of(policy.rules[rank], policy, std::move(selections[rank]), links));
    }
    return states;
}

}  // namespace rudder
