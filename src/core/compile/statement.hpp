// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/compile/hooks.hpp"
#include "core/compile/key_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

/// What a rule says of the fields of the key, as ranges of numbers.
namespace rudder {

/// What a rule says of one field. *Shape*: at least one range; ascending, disjoint.
struct FieldRanges {
    Field field = Field::src;
    std::vector<ValueRange> ranges;
};

/// All fields that a rule states but the prefixes, ascending by field.
using Statement = std::vector<FieldRanges>;

[[nodiscard]] Statement statement_of(const Match& match, const HookSet& hooks);

/// The ranges of a field; null if it is not stated.
[[nodiscard]] const std::vector<ValueRange>* find_ranges(const Statement& statement, Field field);

/// The statement as a union of some whose lists are not longer than a rudder_list.
[[nodiscard]] std::vector<Statement> pieces_of(const Statement& whole);

/// How many pieces the statement of a match has.
[[nodiscard]] std::size_t piece_count(const Match& match);

/// The fields that some rule of the policy states, of those that are not always in the key.
[[nodiscard]] std::set<Field> optional_fields(const Policy& policy);

/// rudder_blob_header.fields for these.
[[nodiscard]] std::uint32_t header_fields(const std::set<Field>& optional);

}  // namespace rudder
