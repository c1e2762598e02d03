// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// What the documents have in common.
namespace rudder {

/// Members keep the order in which they were added: the documents read from the general to the particular.
using Json = nlohmann::ordered_json;

/// The members every document begins with: generation, state, unix_us, monotonic_us.
[[nodiscard]] Json report_head(const Snapshot& snapshot);
/// Compact text; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string json_to_text(const Json& document);

/// The text of an object up to the first item of a list, which is one more member behind those it has. "]}" ends both.
[[nodiscard]] std::string json_to_open_list(const Json& object, std::string_view list);
/// Such an object with a list of `count` items.
[[nodiscard]] Document list_document(const Json& object, std::string_view list, std::size_t count, std::function<Json(std::size_t)> item);
/// For Document::Part.
[[nodiscard]] std::function<std::string(std::size_t)> json_items(std::function<Json(std::size_t)> item);

/// Findings in the shape of `render_json`: an array.
[[nodiscard]] Json diagnostics_json(const Diagnostics& diagnostics);

/// Where a target leads: `via`, or `table` (and a null `via`) for the kernel's routes in it.
void add_way(Json& out, const Target& target);

/// The link's name; empty when there is none with that index.
[[nodiscard]] std::string interface_name(const Topology& topology, std::uint32_t ifindex);

}  // namespace rudder
