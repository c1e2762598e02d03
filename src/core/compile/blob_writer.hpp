// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace rudder {

/// Grows the bytes of an image. Gaps are zero, so that equal inputs give equal bytes.
class BlobWriter {
public:
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

    /// Zero bytes up to a multiple of `alignment`; returns the offset.
    std::size_t align(std::size_t alignment) {
        bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
        return bytes_.size();
    }

    /// `count` zeroed objects of T; returns the offset of the first.
    template <class T>
    std::size_t reserve(std::size_t count) {
        const std::size_t offset = bytes_.size();
        bytes_.resize(offset + count * sizeof(T));
        return offset;
    }

    template <class T>
    std::size_t append(const T& object) {
        const std::size_t offset = reserve<T>(1);
        put(offset, object);
        return offset;
    }

    void append_bytes(std::string_view bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }

    template <class T>
    void put(std::size_t offset, const T& object) {
        static_assert(std::is_trivially_copyable_v<T>);
        std::memcpy(bytes_.data() + offset, &object, sizeof(T));
    }

    void put_bytes(std::size_t offset, std::string_view bytes) { std::memcpy(bytes_.data() + offset, bytes.data(), bytes.size()); }

    /// Until the blob grows.
    [[nodiscard]] std::string_view view(std::size_t offset, std::size_t size) const {
        return {reinterpret_cast<const char*>(bytes_.data()) + offset, size};
    }

    [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

}  // namespace rudder
