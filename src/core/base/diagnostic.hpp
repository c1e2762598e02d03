// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rudder {

/// A place in a configuration file. *Units*: line and column count from 1, column in bytes, length in bytes.
/// Line 0 means the file as a whole.
struct Location {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 1;

    friend bool operator==(const Location&, const Location&) = default;
};

enum class Severity { error, warning };

/// A second place that explains the first ("first defined here").
struct DiagnosticNote {
    std::string text;
    Location where;
};

/// One finding about what the user wrote. `code` is stable ("E0201") and listed in rudder.toml(5).
struct Diagnostic {
    Severity severity = Severity::error;
    std::string code;
    std::string text;  ///< what was found and what is allowed, without a full stop
    Location where;
    std::vector<DiagnosticNote> notes;
    std::string help;  ///< the way out; empty if the text says it all
};

/// All findings of one run over a set of files, in the order of file, line, column after `sort()`.
class Diagnostics {
public:
    void add(Diagnostic diagnostic);
    /// Shorthand for an error with code, place, text and help.
    void error(std::string code, Location where, std::string text, std::string help = {});
    void warning(std::string code, Location where, std::string text, std::string help = {});
    void sort();

    [[nodiscard]] bool has_errors() const;
    [[nodiscard]] std::size_t error_count() const;
    [[nodiscard]] std::size_t warning_count() const;
    [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }

private:
    std::vector<Diagnostic> all_;
    std::size_t error_count_ = 0;  ///< of `all_`: asked for after each rule
};

/// The bytes of the files of a set, by path, for showing source lines.
using SourceTexts = std::map<std::string, std::string>;

/// `path:line:col: error[E0123]: text`, the source line, `^~~~`, notes, `help:`; control bytes of the
/// source are shown escaped. `color` adds ANSI colours.
[[nodiscard]] std::string render_text(const Diagnostics& diagnostics, const SourceTexts& sources, bool color);

/// The same as one JSON document: {"diagnostics":[{severity,code,text,file,line,column,length,help,notes}]}.
[[nodiscard]] std::string render_json(const Diagnostics& diagnostics);

/// The candidate closest to `word`, if it is close enough to be a slip of the finger; else empty.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace rudder
