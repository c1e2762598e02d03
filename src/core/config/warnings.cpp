// SPDX-License-Identifier: Apache-2.0
#include "core/config/warnings.hpp"

#include "core/config/codes.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace rudder {

void Warnings::add(Diagnostic warning) {
    if (diagnostics_.warning_count() < limit_) return diagnostics_.add(std::move(warning));
    if (left_out_++ == 0) first_left_out_ = std::move(warning.where);
}

void Warnings::close() {
    if (left_out_ == 0) return;
    diagnostics_.warning(std::string(code::more_warnings), first_left_out_,
                         fmt::format("{} more {} not shown", left_out_, left_out_ == 1 ? "warning is" : "warnings are"),
                         "the first of them is here");
}

}  // namespace rudder
