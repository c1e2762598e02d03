// SPDX-License-Identifier: Apache-2.0
#include "core/base/diagnostic.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rudder {

void Diagnostics::add(Diagnostic diagnostic) {
    if (diagnostic.severity == Severity::error) ++error_count_;
    all_.push_back(std::move(diagnostic));
}

void Diagnostics::error(std::string code, Location where, std::string text, std::string help) {
    add({Severity::error, std::move(code), std::move(text), std::move(where), {}, std::move(help)});
}

void Diagnostics::warning(std::string code, Location where, std::string text, std::string help) {
    add({Severity::warning, std::move(code), std::move(text), std::move(where), {}, std::move(help)});
}

void Diagnostics::sort() {
    std::stable_sort(all_.begin(), all_.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.where.file, a.where.line, a.where.column) <
               std::tie(b.where.file, b.where.line, b.where.column);
    });
}

bool Diagnostics::has_errors() const {
    return error_count() > 0;
}

std::size_t Diagnostics::error_count() const {
    return error_count_;
}

std::size_t Diagnostics::warning_count() const {
    return all_.size() - error_count_;
}

}  // namespace rudder
