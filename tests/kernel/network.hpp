// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace rudder::test {

/// Runs a shell command quietly; true if it succeeded.
bool run(const std::string& command);
[[nodiscard]] bool has_veth();

/// A veth pair `left` - `right`, up, without addresses, gone with this object. Frames sent on `right` arrive at `left`.
class VethPair {
public:
    explicit VethPair(std::string left = "ka", std::string right = "kb");
    ~VethPair();
    VethPair(const VethPair&) = delete;
    VethPair& operator=(const VethPair&) = delete;

    [[nodiscard]] std::uint32_t left_index() const;
    [[nodiscard]] std::uint32_t right_index() const;
    void remove();
    /// The pair again, `left` with its old index.
    void create_again();
    /// Sends `count` UDP packets to 10.9.0.1 in at `left`.
    void send(int count) const;

private:
    void create(const std::string& left_option) const;
    std::string left_;
    std::string right_;
    std::uint32_t first_left_index_ = 0;
};

/// Descriptors open in this process.
[[nodiscard]] std::size_t open_descriptors();

/// Runs `body` in a child process that exits with what it returns.
[[nodiscard]] int in_child(const std::function<int()>& body);
/// Runs `body` in a child process and kills it with SIGKILL after it has returned true. False if it did not.
[[nodiscard]] bool in_killed_child(const std::function<bool()>& body);

}  // namespace rudder::test
