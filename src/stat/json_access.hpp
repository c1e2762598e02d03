// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

/// Reads members of a document that another program sent: what is missing or of another type is empty, never fatal.
namespace rudder::stat {

using Json = nlohmann::ordered_json;

/// Any scalar as text that is safe for a terminal; "-" for null and for what is missing.
[[nodiscard]] std::string text_of(const Json& object, const char* key);
/// A whole number; 0 when it is none or negative.
[[nodiscard]] std::uint64_t number_of(const Json& object, const char* key);
[[nodiscard]] bool is_true(const Json& object, const char* key);
/// The member; null when it is missing.
[[nodiscard]] const Json* find(const Json& object, const char* key);
/// Calls `visit` for each element of an array member.
template <class Visit>
void for_each(const Json& object, const char* key, Visit visit) {
    const Json* list = find(object, key);
    if (list == nullptr || !list->is_array()) return;
    for (const Json& element : *list) visit(element);
}
/// "a 1, b 2" of an object with numbers; "-" when it is empty.
[[nodiscard]] std::string pairs_of(const Json& object, const char* key);
/// The scalars of an array joined with commas; "-" when it is empty.
[[nodiscard]] std::string joined(const Json& object, const char* key);
/// "2026-01-31T12:00:00Z" of microseconds since the epoch; "-" for 0.
[[nodiscard]] std::string utc_time_of(const Json& object, const char* key);

}  // namespace rudder::stat
