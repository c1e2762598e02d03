// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"

#include <vector>

/// Exclusions (`not`) as what the other fields can say: the values that are left, and packets that have no such value.
namespace rudder {

/// Whether a packet must have a field whose values are stated.
enum class Presence : std::uint8_t {
    as_stated,  ///< if some value is asked for
    optional,   ///< packets without it match, too; they count as 0, which is among the values
    absent,     ///< only packets without it
};

/// What a match says beyond its fields.
struct Leftover {
    std::vector<ValueRange> protocols{};  ///< those that are left; empty: as the match says
    std::vector<ValueRange> marks{};      ///< likewise, where ranges can say it
    Presence ports = Presence::as_stated;
    Presence icmp = Presence::as_stated;
    Presence tcp_flags = Presence::as_stated;
};

/// One of several ways to match: most often the only one. Of match().excluded only prefixes, marks and MAC addresses
/// are still to be looked at. *Ownership*: borrows the match it was made of, where it need not differ from it.
struct Variant {
    const Match* stated = nullptr;
    HeapOptional<Match> folded{};
    Leftover leftover{};

    [[nodiscard]] const Match& match() const { return folded ? *folded : *stated; }
};

/// The ways in which a packet can meet a match that excludes something: one of them must hold. Empty: none is left.
[[nodiscard]] std::vector<Variant> variants_of(const Match& match);

}  // namespace rudder
