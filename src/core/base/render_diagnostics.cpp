// SPDX-License-Identifier: Apache-2.0
#include "core/base/diagnostic.hpp"
#include "core/base/escape.hpp"
#include "core/base/source_line.hpp"

#include <fmt/format.h>

namespace rudder {
namespace {

constexpr std::string_view k_bold = "\x1b[1m";
constexpr std::string_view k_red = "\x1b[1;31m";
constexpr std::string_view k_magenta = "\x1b[1;35m";
constexpr std::string_view k_cyan = "\x1b[1;36m";
constexpr std::string_view k_green = "\x1b[1;32m";
constexpr std::string_view k_reset = "\x1b[0m";

std::string_view severity_name(Severity severity) {
    return severity == Severity::error ? "error" : "warning";
}

std::string location_to_string(const Location& where) {
    if (where.file.empty()) return {};
    if (where.line == 0) return fmt::format("{}: ", escape_control(where.file));
    return fmt::format("{}:{}:{}: ", escape_control(where.file), where.line, where.column);
}

class TextRenderer {
public:
    TextRenderer(const SourceTexts& sources, bool color) : sources_(sources), color_(color) {}

    void add(const Diagnostic& finding) {
        const std::string_view color = finding.severity == Severity::error ? k_red : k_magenta;
        std::string label(severity_name(finding.severity));
        if (!finding.code.empty()) label += fmt::format("[{}]", escape_control(finding.code));
        add_message(finding.where, label, color, finding.text);
        for (const DiagnosticNote& note : finding.notes) add_message(note.where, "note", k_cyan, note.text);
        if (!finding.help.empty()) {
            out_ += fmt::format("{} {}\n", painted("help:", k_green), escape_control(finding.help));
        }
    }

    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    [[nodiscard]] std::string painted(std::string_view text, std::string_view color) const {
        return color_ && !text.empty() ? fmt::format("{}{}{}", color, text, k_reset) : std::string(text);
    }

    void add_message(const Location& where, std::string_view label, std::string_view color, const std::string& text) {
        const std::string label_text = fmt::format("{}:", label);
        out_ += fmt::format("{}{} {}\n", painted(location_to_string(where), k_bold), painted(label_text, color),
                            escape_control(text));
        add_source(where, color);
    }

    void add_source(const Location& where, std::string_view color) {
        const auto source = sources_.find(where.file);
        if (source == sources_.end() || where.line == 0) return;
        const SourceLine line = show_line(line_of(source->second, where.line), where.column, where.length);
        const std::string number = fmt::format("{:>5}", where.line);
        const std::string marks = "^" + std::string(line.mark_columns - 1, '~');
        out_ += fmt::format("{} | {}\n", number, line.text);
        out_ += fmt::format("{:{}} | {:{}}{}\n", "", number.size(), "", line.mark_column, painted(marks, color));
    }

    const SourceTexts& sources_;
    bool color_;
    std::string out_;
};

std::string location_json(const Location& where) {
    return fmt::format(R"("file":{},"line":{},"column":{},"length":{})", json_quote(where.file), where.line,
                       where.column, where.length);
}

std::string notes_json(const std::vector<DiagnosticNote>& notes) {
    std::string out = "[";
    for (const DiagnosticNote& note : notes) {
        if (out.size() > 1) out += ',';
        out += fmt::format(R"({{"text":{},{}}})", json_quote(note.text), location_json(note.where));
    }
    return out + "]";
}

std::string finding_json(const Diagnostic& finding) {
    return fmt::format(R"({{"severity":"{}","code":{},"text":{},{},"help":{},"notes":{}}})",
                       severity_name(finding.severity), json_quote(finding.code), json_quote(finding.text),
                       location_json(finding.where), json_quote(finding.help), notes_json(finding.notes));
}

}  // namespace

std::string render_text(const Diagnostics& diagnostics, const SourceTexts& sources, bool color) {
    TextRenderer renderer(sources, color);
    for (const Diagnostic& finding : diagnostics.all()) renderer.add(finding);
    return renderer.take();
}

std::string render_json(const Diagnostics& diagnostics) {
    std::string findings;
    for (const Diagnostic& finding : diagnostics.all()) {
        if (!findings.empty()) findings += ',';
        findings += finding_json(finding);
    }
    return fmt::format(R"({{"diagnostics":[{}]}})", findings);
}

}  // namespace rudder
