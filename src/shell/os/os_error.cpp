// SPDX-License-Identifier: Apache-2.0
#include "shell/os/os_error.hpp"

#include <cstdlib>
#include <cstring>

namespace rudder {

std::string errno_text(int code) {
    const char* text = strerrordesc_np(std::abs(code));
    return text != nullptr ? text : "error " + std::to_string(code);
}

Error os_error(const std::string& operation, int code) {
    return {operation + ": " + errno_text(code), std::abs(code)};
}

}  // namespace rudder
