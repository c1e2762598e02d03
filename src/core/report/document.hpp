// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace rudder {

/// The text of a report, made piece by piece as it is asked for: that of a large policy takes more memory than the daemon has, and more
/// time to make than its event loop may stand still.
class Document {
public:
    /// Some text, and behind it items with commas between them. *Shape*: `item(i)` is the text of item i; asked for once each, from 0 to
    /// count - 1.
    struct Part {
        std::string text;
        std::size_t count = 0;
        std::function<std::string(std::size_t)> item{};
    };

    explicit Document(std::vector<Part> parts) : parts_(std::move(parts)) {}
    explicit Document(std::string text) { parts_.push_back({std::move(text)}); }

    /// Appends at least `bytes`, or all that is left. Returns whether something is left.
    [[nodiscard]] bool write(std::string& out, std::size_t bytes);
    /// All that is left.
    [[nodiscard]] std::string text();

private:
    std::vector<Part> parts_;
    std::size_t part_ = 0;       ///< the one being written
    std::size_t item_ = 0;       ///< its next item
    bool has_text_ = false;      ///< its text is written
};

}  // namespace rudder
