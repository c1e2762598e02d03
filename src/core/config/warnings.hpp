// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/diagnostic.hpp"

#include <cstddef>

namespace rudder {

/// The warnings of one run: the first `limit` are kept, the others only counted, so that a warning about each of many
/// rules costs little. *Ownership*: borrows `diagnostics`.
class Warnings {
public:
    Warnings(Diagnostics& diagnostics, std::size_t limit) : diagnostics_(diagnostics), limit_(limit) {}

    void add(Diagnostic warning);
    /// Says how many were left out. Nothing is added after it.
    void close();

private:
    Diagnostics& diagnostics_;
    std::size_t limit_;
    std::size_t left_out_ = 0;
    Location first_left_out_;
};

}  // namespace rudder
