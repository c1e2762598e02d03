// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/exclusion.hpp"
#include "core/base/policy.hpp"
#include "core/compile/hooks.hpp"
#include "core/compile/key_layout.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

/// What a rule says of the fields of the key, as ranges of numbers.
namespace rudder {

/// Values that agree with `value` in the bits of `mask`.
struct Masked {
    std::uint64_t value = 0;
    std::uint64_t mask = 0;
    friend auto operator<=>(const Masked&, const Masked&) = default;
};

/// What a rule says of one field. *Shape*: at least one range; ascending, disjoint.
struct FieldRanges {
    Field field = Field::src;
    std::vector<ValueRange> ranges;
    std::vector<Masked> masked{};  ///< of marks and MAC addresses: what is meant, which the ranges only surround
};

/// All fields that a rule states but the prefixes, ascending by field.
using Statement = std::vector<FieldRanges>;

[[nodiscard]] Statement statement_of(const Variant& variant, const HookSet& hooks);

[[nodiscard]] std::vector<Masked> masked_of(const std::vector<MarkPattern>& patterns);
/// As in rudder_packet: a packet without an Ethernet header has the number 0, which lacks RUDDER_A_MAC.
[[nodiscard]] std::vector<Masked> masked_of(const std::vector<MacPattern>& patterns);

/// What is said of a field; null if it is not stated.
[[nodiscard]] const FieldRanges* find_field(const Statement& statement, Field field);
/// The ranges of a field; null if it is not stated.
[[nodiscard]] const std::vector<ValueRange>* find_ranges(const Statement& statement, Field field);

/// The statement as a union of some whose lists are not longer than those of the blob.
[[nodiscard]] std::vector<Statement> pieces_of(Statement whole);

/// How many pieces the statement of a match has.
[[nodiscard]] std::size_t piece_count(const Match& match);

/// The fields that some rule of the policy states, of those that are not always in the key.
[[nodiscard]] std::set<Field> optional_fields(const Policy& policy);

/// rudder_blob_header.fields for these.
[[nodiscard]] std::uint32_t header_fields(const std::set<Field>& optional);

}  // namespace rudder
