// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/boxes.hpp"

#include "rudder_classifier.h"

#include <map>
#include <string>
#include <vector>

namespace rudder {

/// Sets of hooks that are not one range of classes: columns of the bitmap that the walk tests.
class HookSets {
public:
    /// The column of `set`; the same for equal sets.
    std::uint16_t column(const HookSet& set);
    [[nodiscard]] std::size_t count() const { return columns_.size(); }
    /// Words of one row.
    [[nodiscard]] std::size_t words() const { return (columns_.size() + 63) / 64; }
    /// Rows of all classes, one after the other.
    [[nodiscard]] std::vector<std::uint64_t> bitmap(std::size_t class_count) const;

private:
    std::map<HookSet, std::uint16_t> columns_;
};

/// The parts of rules that do not fit a leaf entry (rudder_extension), shared by all entries of a rule.
class Extensions {
public:
    explicit Extensions(HookSets& hook_sets) : hook_sets_(hook_sets) {}

    /// Offset of the extension for `fields`, in units of 8 bytes.
    std::uint32_t unit_of(const RuleFields& fields);
    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

private:
    HookSets& hook_sets_;
    std::map<std::string, std::uint32_t> units_;  ///< by content
    std::vector<std::uint8_t> bytes_;
};

}  // namespace rudder
