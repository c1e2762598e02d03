// SPDX-License-Identifier: Apache-2.0
#include "shell/config/sha256.hpp"

#include <array>
#include <cstdint>
#include <nettle/sha2.h>

namespace rudder {

struct Sha256::State {
    sha256_ctx context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { sha256_init(&state_->context); }
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
    sha256_update(&state_->context, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
}

std::string Sha256::finish() {
    std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
    sha256_digest(&state_->context, digest.size(), digest.data());
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : digest) {
        text += k_digits[byte >> 4];
        text += k_digits[byte & 0xf];
    }
    return text;
}

std::string sha256_of(std::string_view bytes) {
    Sha256 hash;
    hash.add(bytes);
    return hash.finish();
}

}  // namespace rudder
