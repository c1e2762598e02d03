// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace rudder {

enum class LibbpfLevel { warning, info, debug };

/// Where libbpf's own messages go, one call a line. Empty: nowhere.
using LibbpfSink = std::function<void(LibbpfLevel, std::string_view)>;

/// While it lives, libbpf's messages are kept out of stderr: they go to the sink, and the end of the
/// warnings (which hold the verifier's log) is kept for error messages.
/// *Ownership*: libbpf knows one print function a process, so captures nest; the innermost one listens.
class LibbpfCapture {
public:
    explicit LibbpfCapture(const LibbpfSink& sink);
    ~LibbpfCapture();
    LibbpfCapture(const LibbpfCapture&) = delete;
    LibbpfCapture& operator=(const LibbpfCapture&) = delete;

    /// The last lines of what libbpf and the verifier said, on one line; empty if they were silent.
    [[nodiscard]] std::string tail() const;

    void take(LibbpfLevel level, std::string_view text);

private:
    const LibbpfSink& sink_;
    std::string warnings_;
    LibbpfCapture* outer_;
};

/// Keeps libbpf quiet outside a capture. Called once at open.
void silence_libbpf();

}  // namespace rudder
