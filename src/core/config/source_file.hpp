// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rudder {

/// One configuration file as it was read: `path` is shown in diagnostics exactly as given.
struct SourceFile {
    std::string path;
    std::string bytes;
};

}  // namespace rudder
