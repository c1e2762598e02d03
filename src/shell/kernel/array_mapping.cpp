// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/array_mapping.hpp"

#include "shell/os/os_error.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace rudder {
namespace {

constexpr std::size_t k_piece_bytes = 64u << 10;

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

Result<MapWindow> MapWindow::map(int map_fd, std::size_t offset, std::size_t bytes, MapAccess access) {
    const std::size_t page = page_bytes();
    const std::size_t skipped = offset % page;
    const std::size_t mapped = (skipped + bytes + page - 1) / page * page;
    const int protection = access == MapAccess::write ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = mmap(nullptr, mapped, protection, MAP_SHARED, map_fd, static_cast<off_t>(offset - skipped));
    if (address == MAP_FAILED) {
        return os_error("map a BPF array", errno);
    }
    return MapWindow(static_cast<char*>(address), mapped, skipped);
}

MapWindow::MapWindow(MapWindow&& other) noexcept
    : pages_(std::exchange(other.pages_, nullptr)), mapped_(other.mapped_), skipped_(other.skipped_) {}

MapWindow& MapWindow::operator=(MapWindow&& other) noexcept {
    std::swap(pages_, other.pages_);
    std::swap(mapped_, other.mapped_);
    std::swap(skipped_, other.skipped_);
    return *this;
}

MapWindow::~MapWindow() {
    if (pages_ != nullptr) {
        munmap(pages_, mapped_);
    }
}

Result<ArrayMapping> ArrayMapping::map(int map_fd, std::size_t entry_bytes, std::uint32_t entries) {
    ArrayMapping mapping(map_fd, entry_bytes, entries);
    if (const Result<char*> first = mapping.entry(0); !first) {
        return first.error();
    }
    return mapping;
}

Result<char*> ArrayMapping::entry(std::uint32_t index) {
    if (index >= entries_) {
        return Error{"entry " + std::to_string(index) + ": there are " + std::to_string(entries_), ERANGE};
    }
    const auto per_piece = static_cast<std::uint32_t>(std::max<std::size_t>(1, k_piece_bytes / entry_bytes_));
    const std::uint32_t first = index / per_piece * per_piece;
    auto piece = pieces_.find(first);
    if (piece == pieces_.end()) {
        const std::uint32_t count = std::min(per_piece, entries_ - first);
        Result<MapWindow> window =
            MapWindow::map(map_fd_, first * entry_bytes_, count * entry_bytes_, MapAccess::write);
        if (!window) {
            return window.error();
        }
        piece = pieces_.emplace(first, std::move(window).value()).first;
    }
    return piece->second.data() + (index - first) * entry_bytes_;
}

}  // namespace rudder
