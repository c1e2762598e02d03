// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include <fmt/format.h>

namespace rudder::stat {
namespace {

/// Multicast groups joined on the device: "500", or "498, 2 failed"; "-" where there are none.
Cell joins_cell(const Json& link) {
    std::size_t joined = 0;
    std::size_t failed = 0;
    for_each(link, "joins", [&](const Json& join) { ++(text_of(join, "state") == "joined" ? joined : failed); });
    if (failed > 0) return {fmt::format("{}, {} failed", joined, failed), Tone::bad};
    return joined == 0 ? "-" : std::to_string(joined);
}

/// A hook has one direction; what belongs to the device stands beside its ingress hook.
void add_hook(Table& table, const std::vector<Cell>& link_cells, const Json& link, const Json& hook) {
    std::vector<Cell> cells = link_cells;
    cells.emplace_back(text_of(hook, "direction"));
    cells.push_back(state_cell(text_of(hook, "state")));
    cells.emplace_back(text_of(hook, "mechanism"));
    cells.emplace_back(text_of(hook, "program_id"));
    cells.emplace_back(text_of(hook, "rules"));
    cells.push_back(text_of(hook, "direction") == "ingress" ? joins_cell(link) : Cell("-"));
    cells.emplace_back(text_of(hook, "detail"));
    table.add(cells);
}

std::vector<Cell> link_cells(const Json& link) {
    const std::string state = text_of(link, "link");
    return {text_of(link, "name"),
            text_of(link, "ifindex"),
            {state, state == "up" ? Tone::good : Tone::bad},
            text_of(link, "mtu_bytes")};
}

void add_link(Table& table, const Json& link) {
    bool has_hook = false;
    for_each(link, "hooks", [&](const Json& hook) {
        add_hook(table, link_cells(link), link, hook);
        has_hook = true;
    });
    if (has_hook) return;
    std::vector<Cell> cells = link_cells(link);
    for (const std::string& text : {std::string("-"), std::string("-"), std::string("-"), std::string("-"),
                                    std::string("0")}) {
        cells.emplace_back(text);
    }
    cells.push_back(joins_cell(link));
    cells.emplace_back(text_of(link, "why_no_hook"));
    table.add(cells);
}

}  // namespace

std::string draw_interfaces(const Json& document, const TableStyle& style) {
    Table table(style, {{"INTERFACE", Column::text},
                        {"INDEX", Column::number},
                        {"LINK", Column::text},
                        {"MTU", Column::number},
                        {"DIRECTION", Column::text},
                        {"HOOK", Column::text},
                        {"BY", Column::text},
                        {"PROGRAM", Column::number},
                        {"RULES", Column::number},
                        {"JOINS", Column::text},
                        {"DETAIL", Column::wrapped}});
    for_each(document, "interfaces", [&table](const Json& link) { add_link(table, link); });
    for_each(document, "stray_hooks", [&table](const Json& hook) {
        add_hook(table, {"-", text_of(hook, "ifindex"), {"gone", Tone::warning}, "-"}, Json(), hook);
    });
    return blocks({table.to_text()});
}

}  // namespace rudder::stat
