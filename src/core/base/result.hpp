// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace rudder {

/// What went wrong with the machine (never with the user's files: that is a Diagnostic).
/// *Units*: `code` is a positive errno, 0 when there is none.
struct Error {
    std::string message;
    int code = 0;

    /// The same error one level up: "attach tc ingress on eth0: bpf link create: Operation not permitted".
    [[nodiscard]] Error within(const std::string& operation) const { return {operation + ": " + message, code}; }
};

/// A value or the reason why there is none. Accessing the wrong side is a bug of ours and aborts.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool is_ok() const { return state_.index() == 0; }
    explicit operator bool() const { return is_ok(); }

    [[nodiscard]] T& value() & { return *std::get_if<0>(&state_); }
    [[nodiscard]] const T& value() const& { return *std::get_if<0>(&state_); }
    [[nodiscard]] T&& value() && { return std::move(*std::get_if<0>(&state_)); }
    [[nodiscard]] const Error& error() const { return *std::get_if<1>(&state_); }

    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }

private:
    std::variant<T, Error> state_;
};

/// Success or the reason for failure.
class [[nodiscard]] Status {
public:
    Status() = default;
    Status(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool is_ok() const { return !error_.has_value(); }
    explicit operator bool() const { return is_ok(); }
    [[nodiscard]] const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

}  // namespace rudder
