// SPDX-License-Identifier: Apache-2.0
#include "core/compile/extensions.hpp"

#include <algorithm>
#include <bit>

namespace rudder {
namespace {

template <class Record>
std::string bytes_of(const Record& record) {
    return {reinterpret_cast<const char*>(&record), sizeof(record)};
}

void set_bits(std::vector<std::uint64_t>& rows, std::size_t words, std::uint32_t column, ValueRange classes) {
    for (std::uint32_t hook_class = classes.first; hook_class <= classes.last; ++hook_class) {
        rows[hook_class * words + column / 64] |= std::uint64_t{1} << (column % 64);
    }
}

}  // namespace

std::uint32_t HookSets::column(const HookSet& set) {
    if (set.size() == 1) {
        return RUDDER_ANY_HOOK_SET;
    }
    return columns_.try_emplace(set, static_cast<std::uint32_t>(count())).first->second;
}

std::vector<std::uint64_t> HookSets::bitmap(std::size_t class_count) const {
    std::vector<std::uint64_t> rows(class_count * words());
    if (class_count != 0) {
        set_bits(rows, words(), RUDDER_ANY_HOOK_SET, {0, static_cast<std::uint32_t>(class_count - 1)});
    }
    for (const auto& [set, column] : columns_) {
        for (const ValueRange& range : set) {
            set_bits(rows, words(), column, range);
        }
    }
    return rows;
}

std::uint32_t Extensions::add(const std::string& content) {
    const auto [entry, is_new] = units_.try_emplace(content, static_cast<std::uint32_t>(bytes_.size() / 8));
    if (is_new) {
        bytes_ += content;
    }
    return entry->second;
}

std::uint32_t Extensions::list_unit(const std::vector<ValueRange>* ranges) {
    const ValueRange whole{0, 65535};
    rudder_list list{};
    for (std::size_t i = 0; i < RUDDER_MAX_LIST; ++i) {
        const ValueRange& own = ranges == nullptr || ranges->empty() ? whole : (*ranges)[std::min(i, ranges->size() - 1)];
        list.range[i] = {static_cast<std::uint16_t>(own.first), static_cast<std::uint16_t>(own.last - own.first)};
    }
    return add(bytes_of(list));
}

std::uint32_t Extensions::masked_unit(const std::vector<Masked>& masked) {
    std::string bytes = bytes_of(rudder_masked_list{static_cast<std::uint32_t>(masked.size()), 0});
    for (const Masked& entry : masked) {
        bytes += bytes_of(rudder_masked{entry.value, entry.mask});
    }
    return add(bytes);
}

std::uint32_t Extensions::bits_unit(const Conditions& wanted) {
    rudder_bits bits{};
    std::copy(wanted.ttls.begin(), wanted.ttls.end(), bits.ttl);
    std::copy(wanted.tcp_flags.begin(), wanted.tcp_flags.end(), bits.tcp_flags);
    std::copy(wanted.protocols.begin(), wanted.protocols.end(), bits.protocol);
    return add(bytes_of(bits));
}

std::uint32_t Extensions::ranges_unit(const std::shared_ptr<const AddressRanges>& ranges) {
    if (ranges == nullptr) {
        return 0;
    }
    const auto known = ranges_units_.find(ranges);
    if (known != ranges_units_.end()) {
        return known->second;
    }
    const std::size_t count = ranges->size();
    std::string bytes = bytes_of(rudder_address_ranges{static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(std::bit_floor(count))});
    for (std::size_t i = 0; i < count; ++i) {
        const AddressRange& range = (*ranges)[i];
        bytes += bytes_of(rudder_address_range{range.first.high, range.first.low, range.last.high, range.last.low});
    }
    return ranges_units_.try_emplace(ranges, add(bytes)).first->second;
}

std::uint32_t Extensions::excluded_unit(const ExcludedHere& excluded) {
    if (excluded.src == nullptr && excluded.dst == nullptr) {
        return RUDDER_NOTHING_EXCLUDED;
    }
    return add(bytes_of(rudder_excluded{ranges_unit(excluded.src), ranges_unit(excluded.dst)}));
}

std::uint32_t Extensions::conditions_unit(const Conditions& wanted) {
    rudder_conditions conditions{};
    conditions.vlan_list = list_unit(&wanted.vlans);
    conditions.length_list = list_unit(&wanted.lengths);
    conditions.icmp_list = list_unit(&wanted.icmp_types);
    conditions.bits = bits_unit(wanted);
    conditions.marks[0] = masked_unit(wanted.marks);
    conditions.src_macs[0] = masked_unit(wanted.src_macs);
    conditions.dst_macs[0] = masked_unit(wanted.dst_macs);
    conditions.marks[1] = masked_unit(wanted.not_marks);
    conditions.src_macs[1] = masked_unit(wanted.not_src_macs);
    conditions.dst_macs[1] = masked_unit(wanted.not_dst_macs);
    conditions.fragment = wanted.fragment;
    conditions.ecn = wanted.ecn;
    conditions.needs = wanted.needs;
    conditions.lacks = wanted.lacks;
    return add(bytes_of(conditions));
}

std::uint32_t Extensions::unit_of(const RuleFields& fields, const Conditions* conditions, const ExcludedHere& excluded) {
    const HookSet* hooks = fields.list(Field::hook_class);
    rudder_extension extension{};
    extension.rank = fields.rank;
    extension.hook_set = hooks == nullptr ? RUDDER_ANY_HOOK_SET : hook_sets_.column(*hooks);
    extension.dscp = fields.dscp_mask;
    extension.src_list = list_unit(fields.list(Field::src_port));
    extension.dst_list = list_unit(fields.list(Field::dst_port));
    extension.conditions = conditions == nullptr ? RUDDER_NO_CONDITIONS : conditions_unit(*conditions);
    extension.excluded = excluded_unit(excluded);
    return add(bytes_of(extension));
}

}  // namespace rudder
