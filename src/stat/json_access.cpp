// SPDX-License-Identifier: Apache-2.0
#include "stat/json_access.hpp"

#include "core/base/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace rudder::stat {
namespace {

std::string scalar_text(const Json& value) {
    if (value.is_string()) return escape_control(value.get_ref<const std::string&>());
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_number_unsigned()) return fmt::format("{}", value.get<std::uint64_t>());
    if (value.is_number_integer()) return fmt::format("{}", value.get<std::int64_t>());
    if (value.is_number_float()) return fmt::format("{}", value.get<double>());
    return "-";
}

}  // namespace

const Json* find(const Json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto member = object.find(key);
    return member == object.end() ? nullptr : &*member;
}

std::string text_of(const Json& object, const char* key) {
    const Json* member = find(object, key);
    return member == nullptr ? "-" : scalar_text(*member);
}

std::uint64_t number_of(const Json& object, const char* key) {
    const Json* member = find(object, key);
    if (member == nullptr || !member->is_number_integer()) return 0;
    if (member->is_number_unsigned()) return member->get<std::uint64_t>();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(member->get<std::int64_t>(), 0));
}

bool is_true(const Json& object, const char* key) {
    const Json* member = find(object, key);
    return member != nullptr && member->is_boolean() && member->get<bool>();
}

std::string pairs_of(const Json& object, const char* key) {
    const Json* member = find(object, key);
    std::string out;
    if (member != nullptr && member->is_object()) {
        for (const auto& [name, value] : member->items()) {
            if (!out.empty()) out += ", ";
            out += fmt::format("{} {}", escape_control(name), scalar_text(value));
        }
    }
    return out.empty() ? "-" : out;
}

std::string joined(const Json& object, const char* key) {
    std::string out;
    for_each(object, key, [&out](const Json& value) {
        if (!out.empty()) out += ",";
        out += scalar_text(value);
    });
    return out.empty() ? "-" : out;
}

std::string utc_time_of(const Json& object, const char* key) {
    const std::uint64_t unix_us = number_of(object, key);
    if (unix_us == 0) return "-";
    const auto seconds = static_cast<std::time_t>(unix_us / 1'000'000);
    std::tm utc{};
    if (gmtime_r(&seconds, &utc) == nullptr) return "-";
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                       utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace rudder::stat
