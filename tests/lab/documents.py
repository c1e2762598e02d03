#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The man pages name every diagnostic code, every key, every reason and every option that the sources have."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]


def words(pattern, *paths):
    return {word for path in paths for file in ROOT.glob(path) for word in re.findall(pattern, file.read_text(encoding="utf-8"))}


def main():
    pages = {name: (ROOT / "man" / f"{name}.scd").read_text(encoding="utf-8") for name in ("rudderd.8", "rudderstat.1", "rudder.toml.5")}
    wanted = {
        "rudder.toml.5": words(r'"([EWF]\d{3,4})"', "src/core/**/*.hpp", "src/core/**/*.cpp", "src/shell/**/*.cpp") |
                         words(r'\.key = "(\w+)"', "src/core/config/schema.cpp") |
                         words(r'read_(?:bool|word)\("(\w+)"', "src/shell/config/settings.cpp"),
        "rudderd.8": words(r'add_(?:flag|option)\("(--[a-z-]+)', "src/shell/daemon/command_line.cpp"),
        "rudderstat.1": words(r'add_(?:flag|option)\("(--[a-z-]+)', "src/stat/options.cpp") |
                        words(r'ReasonEntry\{RUDDER_REASON_(?!NONE)\w+,\s*"([a-z-]+)"', "src/core/base/reason.cpp"),
    }
    missing = [f"{page} does not mention {word}" for page, needed in wanted.items() for word in sorted(needed) if word not in pages[page]]
    print("\n".join(missing) or "all mentioned: " + ", ".join(f"{len(needed)} in {page}" for page, needed in wanted.items()))
    sys.exit(1 if missing or not all(wanted.values()) else 0)


main()
