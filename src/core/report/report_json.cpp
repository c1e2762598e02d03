// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_json.hpp"

#include <nlohmann/json.hpp>

namespace rudder {

Json report_head(const Snapshot& snapshot) {
    Json head;
    head["generation"] = snapshot.generation;
    head["state"] = snapshot.state;
    head["unix_us"] = snapshot.taken_unix_us;
    head["monotonic_us"] = snapshot.taken_monotonic_us;
    return head;
}

std::string json_to_text(const Json& document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string json_to_open_list(const Json& object, std::string_view list) {
    Json with_list = object;
    with_list[std::string(list)] = Json::array();
    std::string text = json_to_text(with_list);
    text.resize(text.size() - 2);  // "]}"
    return text;
}

std::function<std::string(std::size_t)> json_items(std::function<Json(std::size_t)> item) {
    return [item = std::move(item)](std::size_t i) { return json_to_text(item(i)); };
}

Document list_document(const Json& object, std::string_view list, std::size_t count, std::function<Json(std::size_t)> item) {
    return Document({{json_to_open_list(object, list), count, json_items(std::move(item))}, {"]}"}});
}

Json diagnostics_json(const Diagnostics& diagnostics) {
    Json document = Json::parse(render_json(diagnostics), nullptr, false);
    return document.is_discarded() ? Json::array() : document["diagnostics"];
}

void add_way(Json& out, const Target& target) {
    out["via"] = target.table ? Json(nullptr) : Json(target.via);
    if (target.table) out["table"] = *target.table;
}

std::string interface_name(const Topology& topology, std::uint32_t ifindex) {
    const auto link = topology.links.find(ifindex);
    return link == topology.links.end() ? std::string() : link->second.name;
}

}  // namespace rudder
