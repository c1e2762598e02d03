// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace rudder::stat {

using Json = nlohmann::ordered_json;

struct ClientLimits {
    std::chrono::milliseconds patience{5000};  ///< without a byte moving; a reload of 100,000 rules takes the daemon a second or two
    std::size_t reply_bytes = 256u << 20;
};

/// Calls `method` of a Varlink service without parameters and returns the parameters of its reply: an object.
/// *Blocking*: while bytes keep coming, else at most the patience. *Errors*: not reachable (errno), too slow, too
/// much, not Varlink, or the error that the service answered. *Source*: varlink.org, method call.
[[nodiscard]] Result<Json> varlink_call(const std::string& socket_path, const std::string& method,
                                        const ClientLimits& limits = {});

/// The parameters of one reply (without its NUL).
[[nodiscard]] Result<Json> reply_parameters(const std::string& reply);

}  // namespace rudder::stat
