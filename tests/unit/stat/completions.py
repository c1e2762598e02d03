#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shell completions name exactly the long options and subcommands that --help names.
Usage: completions.py COMPLETION_DIRECTORY PROGRAM"""
import pathlib
import re
import subprocess
import sys


def help_of(program, *arguments):
    return subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, check=True).stdout


def main():
    directory, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    name = pathlib.Path(program).name
    text = help_of(program)
    subcommands = re.findall(r"^  ([a-z]+) ", text.partition("Subcommands:")[2], re.MULTILINE)
    text += "".join(help_of(program, subcommand) for subcommand in subcommands)
    options = set(re.findall(r"--([a-z][a-z-]+)", " ".join(re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE))))
    assert options, "no options found in --help"
    problems = []
    for file, pattern in [(f"{name}.bash", "--{}"), (f"_{name}", "--{}"), (f"{name}.fish", "-l {}")]:
        completion = (directory / file).read_text(encoding="utf-8").replace("set -l ", "")
        for option in options:
            if not re.search(re.escape(pattern.format(option)) + r"(?![a-z-]*[a-z])", completion):
                problems.append(f"{file}: --{option} is missing")
        named = set(re.findall(pattern.format("([a-z][a-z-]*[a-z])"), completion))
        problems += [f"{file}: --{option} does not exist" for option in named - options]
        problems += [f"{file}: {word} is missing" for word in subcommands if not re.search(rf"\b{word}\b", completion)]
    if subprocess.run(["bash", "-n", directory / f"{name}.bash"], check=False).returncode:
        problems.append(f"{name}.bash: bash cannot read it")
    print("\n".join(problems) or f"{name}: {len(options)} options, {len(subcommands)} subcommands")
    return 1 if problems else 0


sys.exit(main())
