// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>

namespace rudder::test {

/// A directory of its own for one test, removed afterwards. Its mode is one the loader trusts whatever the umask.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "rudder-test-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] std::string path(const std::string& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }

    /// Writes a file with mode 0644; its directories are created with mode 0755.
    std::string write(const std::string& name, const std::string& bytes) const {
        namespace fs = std::filesystem;
        const fs::path file = path(name);
        for (fs::path directory = file.parent_path(); !fs::exists(directory); directory = file.parent_path()) {
            while (!fs::exists(directory.parent_path())) directory = directory.parent_path();
            fs::create_directory(directory);
            fs::permissions(directory, static_cast<fs::perms>(0755));
        }
        std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
        fs::permissions(file, static_cast<fs::perms>(0644));
        return file;
    }

private:
    std::string path_;
};

}  // namespace rudder::test
