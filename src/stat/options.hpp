// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace rudder::stat {

enum class Document : std::uint8_t { rules, stats, interfaces, maps, internals, config };

/// "Rules": the method of io.rudder.Status that answers with the document.
[[nodiscard]] std::string method_name(Document document);

/// What the command line asks for.
struct Options {
    Document document = Document::rules;
    std::string socket;
    bool is_json = false;
    bool has_legend = true;
    std::optional<std::chrono::milliseconds> watch;  ///< redraw at this interval
    std::uint64_t count = 0;                         ///< samples to show before ending; 0: until interrupted
};

/// *Errors*: the exit code with which to end at once; help, version or the usage error are already printed.
[[nodiscard]] std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace rudder::stat
