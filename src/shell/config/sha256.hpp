// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace rudder {

/// SHA-256 (FIPS 180-4) over what was added. nettle does it: small (one 300 KB library, no engines,
/// configuration files or global state as libcrypto has), and packaged by every distribution.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    void add(std::string_view bytes);
    /// 64 hexadecimal digits; the object starts anew.
    [[nodiscard]] std::string finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

[[nodiscard]] std::string sha256_of(std::string_view bytes);

}  // namespace rudder
