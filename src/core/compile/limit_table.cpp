// SPDX-License-Identifier: Apache-2.0
#include "core/compile/limit_table.hpp"

#include <string>

namespace rudder {
namespace {

constexpr std::uint64_t k_ticks_per_second = 1'000'000'000ull << RUDDER_TICK_SHIFT;
constexpr std::uint64_t k_price_of_a_second = k_ticks_per_second << RUDDER_PRICE_SHIFT;

/// FNV-1a.
std::uint32_t hash_of(const std::string& text) {
    std::uint32_t hash = 2166136261u;
    for (const char byte : text) {
        hash = (hash ^ static_cast<std::uint8_t>(byte)) * 16777619u;
    }
    return hash;
}

/// The limit of a mirror rule counts the packets that its sample takes, which are the same for all targets: each one
/// has it.
bool limits_copies(const Rule& rule) {
    return rule.type == RuleType::mirror && rule.limit && !rule.targets.empty() && rule.targets.front().sample > 1;
}

}  // namespace

rudder_limit encode_limit(const RateLimit& limit, const CounterKey& owner) {
    const bool is_per_byte = limit.unit == RateLimit::Unit::bits;
    const std::uint64_t scale = is_per_byte ? 8 : 1;
    const std::uint64_t burst = limit.burst * scale;
    rudder_limit record{};
    record.price = k_price_of_a_second * scale / limit.per_second;
    record.burst = burst / limit.per_second * k_ticks_per_second +
                   (burst % limit.per_second * record.price / scale >> RUDDER_PRICE_SHIFT);
    record.terms = hash_of(std::to_string(owner.target) + " " + to_string(limit) + " " + owner.rule);
    record.is_per_byte = is_per_byte ? 1 : 0;
    return record;
}

LimitTable::LimitTable(const Policy& policy, const CounterSlots& previous) : slots_(previous, {}) {
    for (const Rule& rule : policy.rules) {
        const bool by_copy = limits_copies(rule);
        if (rule.limit && !by_copy) {
            add(*rule.limit, {rule.name, -1});
        }
        for (std::size_t i = 0; i < rule.targets.size(); ++i) {
            const std::optional<RateLimit>& limit = by_copy ? rule.limit : rule.targets[i].limit;
            if (limit) {
                add(*limit, {rule.name, static_cast<std::int32_t>(i)});
            }
        }
    }
}

std::uint32_t LimitTable::number_of(const CounterKey& owner) const {
    const auto found = numbers_.find(owner);
    return found == numbers_.end() ? 0 : found->second;
}

void LimitTable::write(BlobWriter& blob, std::size_t alignment) const {
    blob.align(alignment);
    while ((blob.size() + records_.size() * sizeof(rudder_limit)) % alignment != 0) {
        blob.append(rudder_limit{});
    }
    for (auto record = records_.rbegin(); record != records_.rend(); ++record) {
        blob.append(*record);
    }
}

void LimitTable::add(const RateLimit& limit, const CounterKey& owner) {
    rudder_limit record = encode_limit(limit, owner);
    record.slot = slots_.assign(owner);
    records_.push_back(record);
    numbers_.try_emplace(owner, static_cast<std::uint32_t>(records_.size()));
}

}  // namespace rudder
