// SPDX-License-Identifier: Apache-2.0
#include "case_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace rudder::test {
namespace {

namespace fs = std::filesystem;

const std::string k_directory = RUDDER_BAD_DIRECTORY;

void set_limit(Limits& limits, const std::string& name, std::size_t value) {
    const std::map<std::string, std::size_t Limits::*> fields = {
        {"files", &Limits::files},
        {"file_bytes", &Limits::file_bytes},
        {"set_bytes", &Limits::set_bytes},
        {"rules", &Limits::rules},
        {"targets", &Limits::targets},
        {"groups", &Limits::groups},
        {"members", &Limits::members},
        {"line_bytes", &Limits::line_bytes},
        {"document_dots", &Limits::document_dots},
        {"list_entries", &Limits::list_entries},
        {"joins", &Limits::joins},
        {"errors", &Limits::errors},
        {"warnings", &Limits::warnings},
    };
    limits.*fields.at(name) = value;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
    return out << finding.code << " " << finding.file << ":" << finding.line << ":" << finding.column;
}

std::string read_bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, std::vector<Finding>> read_expected() {
    std::map<std::string, std::vector<Finding>> expected;
    std::istringstream table(read_bytes(k_directory + "/expected.tsv"));
    for (std::string line; std::getline(table, line);) {
        if (line.empty() || line.front() == '#') continue;
        std::istringstream row(line);
        std::string name, code, file;
        std::uint32_t line_number = 0, column = 0;
        row >> name >> code >> file >> line_number >> column;
        expected[name].push_back({file, line_number, column, code});
    }
    for (auto& [name, findings] : expected) std::sort(findings.begin(), findings.end());
    return expected;
}

std::vector<SourceFile> read_case(const std::string& name) {
    const std::string single = name + ".toml";
    if (fs::exists(k_directory + "/" + single)) return {{single, read_bytes(k_directory + "/" + single)}};
    std::vector<SourceFile> files;
    for (const auto& entry : fs::directory_iterator(k_directory + "/" + name))
        files.push_back({name + "/" + entry.path().filename().string(), read_bytes(entry.path().string())});
    std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
    return files;
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(k_directory))
        if (entry.is_directory() || entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
    std::sort(names.begin(), names.end());
    return names;
}

Limits limits_of(const std::vector<SourceFile>& files) {
    constexpr std::string_view k_mark = "# limits: ";
    Limits limits;
    const std::string& text = files.front().bytes;
    if (!text.starts_with(k_mark)) return limits;
    std::istringstream words(text.substr(k_mark.size(), text.find('\n') - k_mark.size()));
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        set_limit(limits, word.substr(0, equals), std::stoul(word.substr(equals + 1)));
    }
    return limits;
}

}  // namespace rudder::test
