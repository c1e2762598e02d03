// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

namespace rudder {

/// A value that is mostly not there: as large as a pointer then. Copies are deep, and two are equal if their values are.
template <class T>
class HeapOptional {
public:
    HeapOptional() = default;
    HeapOptional(T value) : value_(std::make_unique<T>(std::move(value))) {}
    HeapOptional(const HeapOptional& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
    HeapOptional(HeapOptional&&) noexcept = default;
    HeapOptional& operator=(HeapOptional other) noexcept {
        value_ = std::move(other.value_);
        return *this;
    }
    ~HeapOptional() = default;

    [[nodiscard]] explicit operator bool() const { return value_ != nullptr; }
    [[nodiscard]] const T& operator*() const { return *value_; }
    [[nodiscard]] T& operator*() { return *value_; }
    [[nodiscard]] const T* operator->() const { return value_.get(); }
    [[nodiscard]] T* operator->() { return value_.get(); }

    friend bool operator==(const HeapOptional& a, const HeapOptional& b) {
        return a.value_ == b.value_ || (a.value_ && b.value_ && *a.value_ == *b.value_);
    }

private:
    std::unique_ptr<T> value_;
};

}  // namespace rudder
