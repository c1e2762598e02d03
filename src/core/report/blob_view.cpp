// SPDX-License-Identifier: Apache-2.0
#include "core/report/blob_view.hpp"

#include <cstring>

namespace rudder {

template <class Record>
std::optional<Record> BlobView::record_at(std::uint64_t offset) const {
    if (offset > blob_.size() || blob_.size() - offset < sizeof(Record)) return std::nullopt;
    Record record;
    std::memcpy(&record, blob_.data() + offset, sizeof record);
    return record;
}

std::optional<rudder_blob_header> BlobView::header() const {
    const auto header = record_at<rudder_blob_header>(0);
    if (!header || header->magic != RUDDER_ABI_MAGIC || header->abi_version != RUDDER_ABI_VERSION) return std::nullopt;
    return header;
}

std::vector<rudder_hook> BlobView::hooks() const {
    std::vector<rudder_hook> hooks;
    const auto head = header();
    if (!head) return hooks;
    for (std::uint64_t i = 0; i <= head->hook_mask; ++i) {
        const auto hook = record_at<rudder_hook>(head->hook_offset + i * sizeof(rudder_hook));
        if (!hook) break;
        if (hook->ifindex != 0 && hook->direction <= RUDDER_EGRESS) hooks.push_back(*hook);
    }
    return hooks;
}

std::optional<rudder_rule> BlobView::rule(std::uint32_t rank) const {
    const auto head = header();
    if (!head || rank >= head->rule_count) return std::nullopt;
    return record_at<rudder_rule>(head->rule_offset + std::uint64_t{rank} * sizeof(rudder_rule));
}

std::optional<rudder_target> BlobView::target(std::uint32_t index) const {
    const auto head = header();
    if (!head || index >= head->target_count) return std::nullopt;
    return record_at<rudder_target>(head->target_offset + std::uint64_t{index} * sizeof(rudder_target));
}

std::optional<rudder_target> BlobView::target_of(std::uint32_t rank, std::size_t index) const {
    const auto record = rule(rank);
    if (!record || index >= record->target_count) return std::nullopt;
    return target(record->first_target + static_cast<std::uint32_t>(index));
}

}  // namespace rudder
