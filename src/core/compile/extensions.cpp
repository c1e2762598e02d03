// SPDX-License-Identifier: Apache-2.0
#include "core/compile/extensions.hpp"

#include <cstring>

namespace rudder {
namespace {

void append_list(std::string& content, const std::vector<ValueRange>& list) {
    for (const ValueRange& own : list) {
        const rudder_range range{static_cast<std::uint16_t>(own.first), static_cast<std::uint16_t>(own.last)};
        content.append(reinterpret_cast<const char*>(&range), sizeof(range));
    }
}

/// A single range is in the entry itself.
std::uint8_t list_size(const std::vector<ValueRange>& list) {
    return list.size() > 1 ? static_cast<std::uint8_t>(list.size()) : std::uint8_t{0};
}

std::string content_of(const RuleFields& fields, std::uint16_t hook_set) {
    rudder_extension head{};
    head.rank = fields.rank;
    head.hook_set = hook_set;
    head.src_ports = list_size(fields.src_ports);
    head.dst_ports = list_size(fields.dst_ports);
    head.dscp = fields.dscp_mask;
    std::string content(reinterpret_cast<const char*>(&head), sizeof(head));
    if (head.src_ports != 0) {
        append_list(content, fields.src_ports);
    }
    if (head.dst_ports != 0) {
        append_list(content, fields.dst_ports);
    }
    content.resize((content.size() + 7) / 8 * 8);
    return content;
}

}  // namespace

std::uint16_t HookSets::column(const HookSet& set) {
    return columns_.try_emplace(set, static_cast<std::uint16_t>(columns_.size())).first->second;
}

std::vector<std::uint64_t> HookSets::bitmap(std::size_t class_count) const {
    std::vector<std::uint64_t> rows(class_count * words());
    for (const auto& [set, column] : columns_) {
        for (const ValueRange& range : set) {
            for (std::uint32_t hook_class = range.first; hook_class <= range.last; ++hook_class) {
                rows[hook_class * words() + column / 64] |= std::uint64_t{1} << (column % 64);
            }
        }
    }
    return rows;
}

std::uint32_t Extensions::unit_of(const RuleFields& fields) {
    const std::uint16_t hook_set =
        fields.hook_classes.size() > 1 ? hook_sets_.column(fields.hook_classes) : std::uint16_t{RUDDER_NO_HOOK_SET};
    const std::string content = content_of(fields, hook_set);
    const auto [entry, is_new] = units_.try_emplace(content, static_cast<std::uint32_t>(bytes_.size() / 8));
    if (is_new) {
        bytes_.insert(bytes_.end(), content.begin(), content.end());
    }
    return entry->second;
}

}  // namespace rudder
