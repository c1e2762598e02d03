// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/libbpf_log.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <utility>
#include <vector>

namespace rudder {
namespace {

constexpr std::size_t k_kept_bytes = 16384;
constexpr std::size_t k_tail_lines = 10;

// The one place with process-wide state: libbpf's print hook carries no argument of ours.
LibbpfCapture* listener = nullptr;

LibbpfLevel level_of(libbpf_print_level level) {
    switch (level) {
        case LIBBPF_WARN:
            return LibbpfLevel::warning;
        case LIBBPF_INFO:
            return LibbpfLevel::info;
        default:
            return LibbpfLevel::debug;
    }
}

int print(libbpf_print_level level, const char* format, va_list arguments) {
    if (listener == nullptr || level == LIBBPF_DEBUG) {
        return 0;
    }
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, again);
    va_end(again);
    if (length > 0) {
        std::string text(static_cast<std::size_t>(length), '\0');
        std::vsnprintf(text.data(), text.size() + 1, format, arguments);
        listener->take(level_of(level), text);
    }
    return length;
}

}  // namespace

void silence_libbpf() { libbpf_set_print(print); }

LibbpfCapture::LibbpfCapture(const LibbpfSink& sink) : sink_(sink), outer_(std::exchange(listener, this)) {}

LibbpfCapture::~LibbpfCapture() { listener = outer_; }

void LibbpfCapture::take(LibbpfLevel level, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (!line.empty() && sink_) {
            sink_(level, line);
        }
        if (!line.empty() && level == LibbpfLevel::warning) {
            warnings_.append(line).push_back('\n');
        }
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    if (warnings_.size() > k_kept_bytes) {
        warnings_.erase(0, warnings_.size() - k_kept_bytes);
    }
}

std::string LibbpfCapture::tail() const {
    std::vector<std::string_view> lines;
    for (std::string_view rest = warnings_; !rest.empty();) {
        const std::size_t end = rest.find('\n');
        lines.push_back(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    std::string tail;
    for (std::size_t i = lines.size() > k_tail_lines ? lines.size() - k_tail_lines : 0; i < lines.size(); ++i) {
        tail.append(tail.empty() ? "" : " | ").append(lines[i]);
    }
    return tail;
}

}  // namespace rudder
