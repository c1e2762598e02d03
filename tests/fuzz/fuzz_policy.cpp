// SPDX-License-Identifier: Apache-2.0
#include "core/config/build_policy.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

/// libFuzzer target: any bytes give a policy or errors, never both and never neither. A form feed begins
/// another file, a vertical tab a list file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<rudder::SourceFile> files(1, {"0.toml", ""});
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '\f' || data[i] == '\v')
            files.push_back({std::to_string(files.size()) + (data[i] == '\v' ? ".list" : ".toml"), ""});
        else
            files.back().bytes += static_cast<char>(data[i]);
    }
    const rudder::PolicyResult result = rudder::build_policy(files);
    if (result.policy.has_value() == result.diagnostics.has_errors()) std::abort();
    return 0;
}
