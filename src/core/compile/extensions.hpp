// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/compile/boxes.hpp"
#include "core/compile/excluded_addresses.hpp"

#include "rudder_classifier.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rudder {

/// Sets of hooks that are not one range of classes: columns of the bitmap that the walk tests. Column
/// RUDDER_ANY_HOOK_SET holds every class.
class HookSets {
public:
    /// The column of `set`; the same for equal sets. One range is in the entry itself: any.
    std::uint32_t column(const HookSet& set);
    [[nodiscard]] std::size_t count() const { return columns_.size() + 1; }
    /// Words of one row.
    [[nodiscard]] std::size_t words() const { return (count() + 63) / 64; }
    /// Rows of all classes, one after the other.
    [[nodiscard]] std::vector<std::uint64_t> bitmap(std::size_t class_count) const;

private:
    std::map<HookSet, std::uint32_t> columns_;
};

/// The parts of rules that do not fit a leaf entry (rudder_extension), shared by all entries of a rule; lists and conditions,
/// shared by all rules that have the same.
class Extensions {
public:
    explicit Extensions(HookSets& hook_sets) : hook_sets_(hook_sets) {}

    /// Offset of the extension for `fields` with `conditions` (null: none) and excluded addresses, in units of 8 bytes.
    std::uint32_t unit_of(const RuleFields& fields, const Conditions* conditions, const ExcludedHere& excluded);
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::uint32_t list_unit(const std::vector<ValueRange>* ranges);
    std::uint32_t masked_unit(const std::vector<Masked>& masked);
    std::uint32_t bits_unit(const Conditions& wanted);
    std::uint32_t ranges_unit(const std::shared_ptr<const AddressRanges>& ranges);
    std::uint32_t excluded_unit(const ExcludedHere& excluded);
    std::uint32_t conditions_unit(const Conditions& wanted);
    std::uint32_t add(const std::string& content);

    HookSets& hook_sets_;
    std::map<std::string, std::uint32_t> units_;  ///< by content
    std::map<std::shared_ptr<const AddressRanges>, std::uint32_t> ranges_units_;  ///< long lists need not be compared for each entry
    std::string bytes_;
};

}  // namespace rudder
