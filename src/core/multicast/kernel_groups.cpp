// SPDX-License-Identifier: Apache-2.0
#include "core/multicast/kernel_groups.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace rudder {
namespace {

/// The next run of bytes that are not blank; empty at the end.
std::string_view take_word(std::string_view& line) {
    constexpr std::string_view k_blanks = " \t";
    line.remove_prefix(std::min(line.find_first_not_of(k_blanks), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(k_blanks));
    line.remove_prefix(word.size());
    return word;
}

std::optional<std::uint32_t> parse_number(std::string_view word, int base) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return number;
}

template <class Use>
void for_each_line(std::string_view text, Use use) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        use(line);
    }
}

std::optional<IpAddress> parse_group6(std::string_view word) {
    IpAddress group{IpFamily::v6, {}};
    if (word.size() != 2 * group.bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < group.bytes.size(); ++i) {
        const auto byte = parse_number(word.substr(2 * i, 2), 16);
        if (!byte) return std::nullopt;
        group.bytes[i] = static_cast<std::uint8_t>(*byte);
    }
    return group;
}

}  // namespace

void add_igmp_groups(std::string_view text, KernelGroups& groups) {
    std::optional<std::uint32_t> ifindex;
    for_each_line(text, [&](std::string_view line) {
        const bool is_group = line.starts_with('\t') || line.starts_with(' ');
        const std::string_view word = take_word(line);
        if (!is_group) {
            ifindex = parse_number(word, 10);
            return;
        }
        const auto number = word.size() == 8 ? parse_number(word, 16) : std::nullopt;
        if (!ifindex || !number) return;
        IpAddress group;
        std::memcpy(group.bytes.data(), &*number, sizeof *number);
        groups.emplace(*ifindex, group);
    });
}

void add_igmp6_groups(std::string_view text, KernelGroups& groups) {
    for_each_line(text, [&](std::string_view line) {
        const auto ifindex = parse_number(take_word(line), 10);
        (void)take_word(line);
        const auto group = parse_group6(take_word(line));
        if (ifindex && group) groups.emplace(*ifindex, *group);
    });
}

}  // namespace rudder
