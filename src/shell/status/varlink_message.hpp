// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Messages of the Varlink protocol: JSON objects, each ended by a NUL byte. *Source*: varlink.org/Method-Call.
namespace rudder::varlink {

struct Call {
    std::string method;      ///< "io.rudder.Status.Rules"
    std::string parameters;  ///< JSON object text, "{}" if there are none
    bool is_oneway = false;  ///< the caller wants no answer
};

/// Nothing if the bytes (without the NUL) are not a call.
[[nodiscard]] std::optional<Call> parse_call(std::string_view bytes);

/// What is sent as the answer to a call, NUL included.
struct Answer {
    Answer(std::string all) : text(std::move(all)) {}
    Answer(std::string begin, std::function<bool(std::string&)> rest) : text(std::move(begin)), more(std::move(rest)) {}

    std::string text;                         ///< its begin, or all of it
    std::function<bool(std::string&)> more;   ///< appends the next piece and returns whether there are others; empty: `text` is all
};

/// Answers, NUL included. `parameters` is a JSON object as text and goes in as it is.
[[nodiscard]] std::string reply(std::string parameters);
/// The same, its object made piece by piece when the client takes it: `parameters` appends one and returns whether there are others.
[[nodiscard]] Answer reply_in_pieces(std::function<bool(std::string&)> parameters);
[[nodiscard]] std::string error_reply(std::string_view error, std::string_view parameters = "{}");

/// One interface: its name, its description in the Varlink definition language, and its methods.
struct Interface {
    std::string name;
    std::string description;
};

/// Answers org.varlink.service and calls of unknown interfaces. Nothing: the call is for one of `interfaces`.
[[nodiscard]] std::optional<std::string> answer_service(const Call& call, const std::vector<Interface>& interfaces);

/// org.varlink.service.MethodNotFound for this call.
[[nodiscard]] std::string method_not_found(const Call& call);

}  // namespace rudder::varlink
