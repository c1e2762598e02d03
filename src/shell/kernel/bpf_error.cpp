// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/bpf_error.hpp"

#include <cstring>

namespace rudder {

Error errno_error(const std::string& operation, int code) {
    const int positive = code < 0 ? -code : code;
    return {operation + ": " + strerrordesc_np(positive), positive};
}

}  // namespace rudder
