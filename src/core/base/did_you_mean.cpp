// SPDX-License-Identifier: Apache-2.0
#include "core/base/diagnostic.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace rudder {
namespace {

// Longer words are not words of the language; this also bounds the work.
constexpr std::size_t k_longest_word = 64;

char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
/// alignment). *Shape*: both at most k_longest_word bytes.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    using Row = std::array<std::size_t, k_longest_word + 1>;
    Row before_last{};
    Row last{};
    Row row{};
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
            const bool is_swap =
                i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) && to_lower(a[i - 2]) == to_lower(b[j - 1]);
            if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last = last;
        last = row;
    }
    return last[b.size()];
}

std::size_t allowed_slips(std::size_t word_bytes) {
    if (word_bytes < 2) return 0;
    return std::max<std::size_t>(1, word_bytes / 3);
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (word.empty() || word.size() > k_longest_word) return {};
    std::size_t best_distance = allowed_slips(word.size()) + 1;
    std::string_view best;
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > k_longest_word) continue;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance >= best_distance || distance >= candidate.size()) continue;
        best_distance = distance;
        best = candidate;
    }
    return std::string(best);
}

}  // namespace rudder
