// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace rudder::stat {
namespace {

constexpr std::array<std::string_view, 5> k_good = {"active", "up", "by-packet", "attached", "running"};
constexpr std::array<std::string_view, 5> k_bad = {"missing", "link-down", "no-route", "no-neighbour", "degraded"};

}  // namespace

Cell state_cell(const std::string& state) {
    const auto is_in = [&state](const auto& list) { return std::find(list.begin(), list.end(), state) != list.end(); };
    if (is_in(k_good)) return {state, Tone::good};
    return {state, is_in(k_bad) ? Tone::bad : Tone::warning};
}

std::string draw_findings(const Json& object, const char* key) {
    std::string out;
    const auto add = [&out](const Json& place, const std::string& label) {
        out += fmt::format("{}:{}:{}: {}: {}\n", text_of(place, "file"), number_of(place, "line"),
                           number_of(place, "column"), label, text_of(place, "text"));
    };
    for_each(object, key, [&](const Json& finding) {
        add(finding, fmt::format("{}[{}]", text_of(finding, "severity"), text_of(finding, "code")));
        for_each(finding, "notes", [&](const Json& note) { add(note, "note"); });
        const std::string help = text_of(finding, "help");
        if (!help.empty() && help != "-") out += fmt::format("help: {}\n", help);
    });
    return out;
}

std::string blocks(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) {
        if (text.empty()) continue;
        if (!out.empty()) out += '\n';
        out += text;
        if (out.back() != '\n') out += '\n';
    }
    return out;
}

}  // namespace rudder::stat
