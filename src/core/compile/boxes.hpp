// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/compile/hooks.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

/// The rules of one address family as boxes: what the tree builder cuts. A box is one source prefix, one destination
/// prefix and the other fields of its rule; lists of ports, DSCP values and hooks are shared by all boxes of a rule.
namespace rudder {

/// One dimension of the key: where it lies in rudder_key.
struct Dimension {
    std::uint8_t word = 0;
    std::uint8_t shift = 0;
    std::uint8_t bits = 0;
    bool has_threshold = false;  ///< a 16-bit window from `shift` on holds no bits of other fields
};

inline constexpr std::size_t k_max_dimensions = 13;

/// Dimensions of a family: address words first, then those below.
struct KeyLayout {
    std::array<Dimension, k_max_dimensions> dimensions{};
    std::size_t dimension_count = 0;
    std::size_t address_words = 0;  ///< of one address

    [[nodiscard]] std::size_t src_port() const { return 2 * address_words; }
    [[nodiscard]] std::size_t dst_port() const { return 2 * address_words + 1; }
    [[nodiscard]] std::size_t protocol() const { return 2 * address_words + 2; }
    [[nodiscard]] std::size_t dscp() const { return 2 * address_words + 3; }
    [[nodiscard]] std::size_t hook_class() const { return 2 * address_words + 4; }
    [[nodiscard]] std::size_t count() const { return dimension_count; }
};

extern const KeyLayout k_layout_v4;
extern const KeyLayout k_layout_v6;

[[nodiscard]] inline const KeyLayout& key_layout(IpFamily family) {
    return family == IpFamily::v4 ? k_layout_v4 : k_layout_v6;
}

/// What the boxes of one rule share.
struct RuleFields {
    std::uint32_t rank = 0;
    std::vector<ValueRange> src_ports;  ///< each list: ascending, at least one range
    std::vector<ValueRange> dst_ports;
    std::vector<ValueRange> dscps;
    std::vector<ValueRange> hook_classes;
    std::uint64_t dscp_mask = 0;
};

struct Box {
    std::uint32_t fields = 0;  ///< index of its RuleFields
    std::uint32_t rank = 0;
    IpPrefix src;              ///< length 0: any
    IpPrefix dst;
    std::uint8_t flag_mask = 0;
    std::uint8_t flag_value = 0;
    bool has_lists = false;    ///< some list of its fields has more than one range
};

/// All boxes of one family, ascending rank.
struct BoxSet {
    IpFamily family = IpFamily::v4;
    std::vector<RuleFields> fields;
    std::vector<Box> boxes;
    std::vector<ValueRange> spans;  ///< [box][dimension]; of a list: its hull

    [[nodiscard]] const KeyLayout& layout() const { return key_layout(family); }
    [[nodiscard]] const ValueRange* spans_of(std::uint32_t box) const { return &spans[box * layout().count()]; }
    /// The list behind a dimension of a box; null where its span says it all.
    [[nodiscard]] const std::vector<ValueRange>* list_of(std::uint32_t box, std::size_t dimension) const;
};

/// Adds the boxes of `rule` for the family of `set`, if it may match that family.
void add_boxes(BoxSet& set, const Rule& rule, std::uint32_t rank, const HookSet& hooks);

/// How many boxes add_boxes would add.
[[nodiscard]] std::size_t box_count(const Rule& rule, IpFamily family);

}  // namespace rudder
