// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/report/report.hpp"
#include "shell/status/varlink_message.hpp"

#include <functional>
#include <string>

namespace rudder {

/// io.rudder.Status: the reports of core/report over Varlink. Read-only.
[[nodiscard]] varlink::Interface status_interface();

/// Answers one call of it; `take_snapshot` is kept, and called when a client takes the begin of an answer.
[[nodiscard]] varlink::Answer answer_status(const varlink::Call& call, const std::function<Snapshot()>& take_snapshot);

}  // namespace rudder
