// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/base/address_ranges.hpp"
#include "core/compile/conditions.hpp"
#include "core/compile/hooks.hpp"
#include "core/compile/key_layout.hpp"
#include "core/compile/statement.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

/// The rules of one address family as boxes: what the tree builder cuts. A box is one source prefix, one destination
/// prefix and the other fields of its rule; lists of ports, DSCP values, hooks and the like are shared by all boxes of a rule.
namespace rudder {

inline constexpr std::uint32_t k_no_conditions = 0xffffffff;
inline constexpr std::uint32_t k_nothing_excluded = 0xffffffff;

/// What the boxes of one rule share.
struct RuleFields {
    std::uint32_t rank = 0;
    std::uint64_t dscp_mask = k_dscp_any;
    std::uint32_t conditions = k_no_conditions;  ///< index into BoxSet::conditions
    /// The same without what dimensions say exactly: the index of equal ones, which is all that can be said of them.
    std::uint32_t opaque = k_no_conditions;
    /// Fields of more than one range, ascending by field; ranges ascending.
    std::vector<std::pair<Field, std::vector<ValueRange>>> lists;

    /// The list of a field; null where one range says it all.
    [[nodiscard]] const std::vector<ValueRange>* list(Field field) const;
};

struct Box {
    std::uint32_t fields = 0;  ///< index of its RuleFields
    std::uint32_t rank = 0;
    IpPrefix src;              ///< length 0: any
    IpPrefix dst;
    std::uint8_t flag_mask = 0;
    std::uint8_t flag_value = 0;
    bool has_lists = false;    ///< some list of its fields has more than one range
    std::uint32_t not_src = k_nothing_excluded;  ///< addresses that do not match: index into BoxSet::excluded
    std::uint32_t not_dst = k_nothing_excluded;
};

/// All boxes of one family, ascending rank.
class BoxSet {
public:
    /// `optional`: the fields that some rule of the policy states, of those that are not always in the key.
    BoxSet(IpFamily box_family, const std::set<Field>& optional, std::set<IpAddress> broadcasts)
        : family(box_family), broadcast_addresses(std::move(broadcasts)), layout_(key_layout(box_family, optional)) {}

    IpFamily family = IpFamily::v4;
    std::set<IpAddress> broadcast_addresses;  ///< of the host: a rule that names one asks for broadcasts
    std::vector<RuleFields> fields;
    std::vector<Box> boxes;
    std::vector<ValueRange> spans;       ///< [box][dimension]; of a list: its hull
    std::vector<Conditions> conditions;  ///< no two equal
    std::vector<std::shared_ptr<const AddressRanges>> excluded;  ///< no two equal

    [[nodiscard]] const KeyLayout& layout() const { return layout_; }
    [[nodiscard]] const ValueRange* spans_of(std::uint32_t box) const { return &spans[box * layout().count()]; }
    [[nodiscard]] const RuleFields& fields_of(std::uint32_t box) const { return fields[boxes[box].fields]; }
    /// The list behind a dimension of a box; null where its span says it all.
    [[nodiscard]] const std::vector<ValueRange>* list_of(std::uint32_t box, std::size_t dimension) const {
        return boxes[box].has_lists ? fields_of(box).list(layout_.dimensions[dimension].field) : nullptr;
    }

    /// Says that all of a box will be looked at soon.
    void prefetch(std::uint32_t box) const {
        __builtin_prefetch(&boxes[box]);
        __builtin_prefetch(spans_of(box));
        __builtin_prefetch(spans_of(box) + layout().count() - 1);
    }
    /// So many boxes are to come, or fewer.
    void reserve(std::size_t count);
    /// The index of equal conditions, k_no_conditions for those that every packet meets.
    std::uint32_t conditions_index(const Conditions& wanted);
    /// The index of equal ranges, k_nothing_excluded for none.
    std::uint32_t excluded_index(AddressRanges ranges);

private:
    KeyLayout layout_;
    std::map<Conditions, std::uint32_t> condition_index_;
    std::map<AddressRanges, std::uint32_t> excluded_index_;
};

/// Adds the boxes of `rule` for the family of `set`, if it may match that family.
void add_boxes(BoxSet& set, const Rule& rule, std::uint32_t rank, const HookSet& hooks);

/// How many boxes add_boxes would add.
[[nodiscard]] std::size_t box_count(const Rule& rule, IpFamily family);

}  // namespace rudder
