// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

/// BPF arrays (BPF_F_MMAPABLE, since 5.5) in the memory of this process, piece by piece: the kernel maps all pages of a piece at
/// once, touched or not, and each of them counts as memory of this process. *Source*: array_map_mmap, kernel/bpf/arraymap.c.
namespace rudder {

enum class MapAccess { read, write };

/// Some bytes of an array. *Ownership*: the mapping; the map's descriptor stays with the caller and may be closed.
class MapWindow {
public:
    /// Maps `bytes` from `offset`, neither of which need be of whole pages. *Errors*: the kernel cannot map arrays, ENOMEM.
    static Result<MapWindow> map(int map_fd, std::size_t offset, std::size_t bytes, MapAccess access);

    MapWindow(MapWindow&& other) noexcept;
    MapWindow& operator=(MapWindow&& other) noexcept;
    MapWindow(const MapWindow&) = delete;
    MapWindow& operator=(const MapWindow&) = delete;
    ~MapWindow();

    /// The byte at `offset`; aligned as it is in the map.
    [[nodiscard]] char* data() const { return pages_ + skipped_; }

private:
    MapWindow(char* pages, std::size_t mapped, std::size_t skipped) : pages_(pages), mapped_(mapped), skipped_(skipped) {}

    char* pages_ = nullptr;
    std::size_t mapped_ = 0;
    std::size_t skipped_ = 0;
};

/// An array that packets read while it is written here; what has been written to stays mapped.
/// *Ownership*: the mappings; the map's descriptor stays with the caller, who keeps it open.
class ArrayMapping {
public:
    /// *Units*: bytes of one entry, a multiple of 8. Maps the first piece. *Errors*: as MapWindow.
    static Result<ArrayMapping> map(int map_fd, std::size_t entry_bytes, std::uint32_t entries);

    /// The entry, mapped now if it was not. *Errors*: no such entry (ERANGE), ENOMEM.
    Result<char*> entry(std::uint32_t index);

private:
    ArrayMapping(int map_fd, std::size_t entry_bytes, std::uint32_t entries)
        : map_fd_(map_fd), entry_bytes_(entry_bytes), entries_(entries) {}

    int map_fd_;
    std::size_t entry_bytes_;
    std::uint32_t entries_;
    std::map<std::uint32_t, MapWindow> pieces_;  // by their first entry
};

}  // namespace rudder
