// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stat/options.hpp"

namespace rudder::stat {

/// Asks the daemon and prints the answer, once or until interrupted. Returns the exit code: 0, 69 (EX_UNAVAILABLE) when
/// the daemon did not answer, or 70 (EX_SOFTWARE) when the output could not be written.
/// *Blocking*: at most the client's patience, or as long as it watches.
[[nodiscard]] int run(const Options& options);

}  // namespace rudder::stat
