// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/image.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

/// From interface selectors to hook classes: hooks that are served by the same rules share one class.
namespace rudder {

/// A set of hooks in terms of classes: ascending, disjoint, not adjacent.
using HookSet = std::vector<ValueRange>;

/// The hooks of a policy. Devices are looked at in the order of direction and name, so that what a glob selects is
/// mostly one range of classes.
class HookTable {
public:
    /// `selections[i]` are the hooks of rule i; empty for a rule that is not installed.
    explicit HookTable(const std::vector<HookList>& selections, const Topology& topology);

    [[nodiscard]] const std::vector<HookSpec>& hooks() const { return hooks_; }  ///< sorted, unique
    [[nodiscard]] bool contains(const HookSpec& hook) const { return classes_.contains(hook); }
    [[nodiscard]] std::uint16_t class_of(const HookSpec& hook) const { return classes_.at(hook); }
    [[nodiscard]] std::size_t class_count() const { return class_count_; }
    /// The classes of rule i.
    [[nodiscard]] const HookSet& hook_set(std::size_t rule) const { return sets_[set_of_rule_[rule]]; }

private:
    void make_classes(const std::vector<HookList>& distinct, const Topology& topology);
    void make_sets(const std::vector<HookList>& distinct);

    std::vector<HookSpec> hooks_;
    std::map<HookSpec, std::uint16_t> classes_;
    std::size_t class_count_ = 0;
    std::vector<HookSet> sets_;               ///< one for each distinct selection
    std::vector<std::size_t> set_of_rule_;
};

/// Which hooks each rule selects; index = rank. A rule whose selector matches no device has none.
[[nodiscard]] std::vector<HookList> select_hooks(const Policy& policy, const Topology& topology);

}  // namespace rudder
