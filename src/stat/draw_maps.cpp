// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include <fmt/format.h>

namespace rudder::stat {
namespace {

std::string draw_kernel_maps(const Json& document, const TableStyle& style) {
    Table table(style, {{"MAP", Column::text},
                        {"ID", Column::number},
                        {"TYPE", Column::text},
                        {"KEY", Column::number},
                        {"VALUE", Column::number},
                        {"ENTRIES", Column::number},
                        {"MEMORY", Column::number}});
    for_each(document, "maps", [&table](const Json& map) {
        table.add({text_of(map, "name"), text_of(map, "id"), text_of(map, "type"), text_of(map, "key_bytes"),
                   text_of(map, "value_bytes"), text_of(map, "max_entries"), text_of(map, "memory_bytes")});
    });
    return table.to_text();
}

std::string draw_next_hops(const Json& document, const TableStyle& style) {
    Table table(style, {{"NEXT HOP", Column::number},
                        {"INTERFACE", Column::text},
                        {"GATEWAY", Column::text},
                        {"MAC", Column::text},
                        {"STATE", Column::text},
                        {"MTU", Column::number},
                        {"FLAGS", Column::text}});
    for_each(document, "next_hops", [&table](const Json& hop) {
        table.add({text_of(hop, "slot"), text_of(hop, "interface"), text_of(hop, "gateway"), text_of(hop, "dst_mac"),
                   state_cell(text_of(hop, "state")), text_of(hop, "mtu_bytes"), joined(hop, "flags")});
    });
    return table.to_text();
}

std::string draw_image(const Json& document) {
    const Json* image = find(document, "image");
    if (image == nullptr || !image->is_object()) return "no generation is published\n";
    return fmt::format("generation {}: {} rules, {} targets, {} bytes of image; maps take {} bytes\n",
                       text_of(document, "generation"), text_of(*image, "rule_count"), text_of(*image, "target_count"),
                       text_of(*image, "used_bytes"), text_of(document, "memory_bytes"));
}

}  // namespace

std::string draw_maps(const Json& document, const TableStyle& style) {
    return blocks({style.has_legend ? draw_image(document) : "", draw_kernel_maps(document, style),
                   draw_next_hops(document, style)});
}

}  // namespace rudder::stat
