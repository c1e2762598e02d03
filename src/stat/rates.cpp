// SPDX-License-Identifier: Apache-2.0
#include "stat/rates.hpp"

#include <cmath>

namespace rudder::stat {
namespace {

constexpr double k_us_per_s = 1e6;
constexpr double k_bits_per_byte = 8;

CounterSample::Value value_of(const Json& object) {
    return {number_of(object, "packets"), number_of(object, "bytes")};
}

std::uint64_t rounded(double value) {
    return static_cast<std::uint64_t>(std::llround(value));
}

}  // namespace

CounterSample sample_of(const Json& stats, std::uint64_t received_us) {
    CounterSample sample;
    const std::uint64_t own_clock_us = number_of(stats, "monotonic_us");
    sample.monotonic_us = own_clock_us != 0 ? own_clock_us : received_us;
    for_each(stats, "rules", [&sample](const Json& rule) {
        const std::string name = text_of(rule, "name");
        sample.counters[{name, -1}] = value_of(rule);
        for_each(rule, "targets", [&sample, &name](const Json& target) {
            sample.counters[{name, static_cast<std::int64_t>(number_of(target, "index"))}] = value_of(target);
        });
    });
    return sample;
}

std::optional<Rate> rate_between(const CounterSample& before, const CounterSample& now, const CounterSample::Key& key) {
    const auto old_value = before.counters.find(key);
    const auto new_value = now.counters.find(key);
    if (old_value == before.counters.end() || new_value == now.counters.end()) return std::nullopt;
    const auto& from = old_value->second;
    const auto& to = new_value->second;
    if (now.monotonic_us <= before.monotonic_us || to.packets < from.packets || to.bytes < from.bytes)
        return std::nullopt;
    const double seconds = static_cast<double>(now.monotonic_us - before.monotonic_us) / k_us_per_s;
    return Rate{rounded(static_cast<double>(to.packets - from.packets) / seconds),
                rounded(static_cast<double>(to.bytes - from.bytes) * k_bits_per_byte / seconds)};
}

}  // namespace rudder::stat
