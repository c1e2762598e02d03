// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include <fmt/format.h>

namespace rudder::stat {
namespace {

void add_hook(Table& table, const std::vector<Cell>& link, const Json& hook) {
    std::vector<Cell> cells = link;
    cells.emplace_back(text_of(hook, "direction"));
    cells.push_back(state_cell(text_of(hook, "state")));
    cells.emplace_back(text_of(hook, "mechanism"));
    cells.emplace_back(text_of(hook, "program_id"));
    cells.emplace_back(text_of(hook, "rules"));
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
        add_hook(table, link_cells(link), hook);
        has_hook = true;
    });
    if (has_hook) return;
    std::vector<Cell> cells = link_cells(link);
    for (const std::string& text : {std::string("-"), std::string("-"), std::string("-"), std::string("-"),
                                    std::string("0"), text_of(link, "why_no_hook")}) {
        cells.emplace_back(text);
    }
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
                        {"DETAIL", Column::wrapped}});
    for_each(document, "interfaces", [&table](const Json& link) { add_link(table, link); });
    for_each(document, "stray_hooks", [&table](const Json& hook) {
        add_hook(table, {"-", text_of(hook, "ifindex"), {"gone", Tone::warning}, "-"}, hook);
    });
    return blocks({table.to_text()});
}

}  // namespace rudder::stat
