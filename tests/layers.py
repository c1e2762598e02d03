#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dependencies point mains -> shell -> core, and core is pure: checks every #include of src/ and that each header
compiles alone. Usage: layers.py SOURCE_ROOT COMPILER [FLAG...]"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys

STD_HEADERS = set("""
algorithm any array atomic barrier bit bitset cassert cctype cerrno charconv chrono cinttypes climits cmath compare
concepts csignal cstddef cstdint cstdio cstdlib cstring ctime deque exception filesystem forward_list fstream functional
initializer_list iomanip ios iosfwd iostream istream iterator limits list locale map memory memory_resource new numbers numeric
optional ostream queue random ranges ratio regex set span sstream stack stdexcept streambuf string string_view system_error
tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector version
""".split())

# Of the standard library core may not use what touches the machine.
PURE_STD_HEADERS = STD_HEADERS - set("atomic barrier csignal cstdio ctime filesystem fstream iostream".split())

# Room -> (rooms it may include, other headers it may include). The longest matching room of a file counts.
CORE = PURE_STD_HEADERS | {"fmt/core.h", "fmt/format.h", "fmt/ranges.h", "rudder_abi.h"}
ROOMS = {
    "core/base": (["core/base"], CORE),
    "core/config": (["core/base", "core/config"], CORE | {"toml++/toml.h", "toml++/toml.hpp"}),
    "core/compile": (["core/base", "core/compile"], CORE | {"rudder_classifier.h", "rudder_own_source.h"}),
    "core/health": (["core/base", "core/compile", "core/health"], CORE),
    "core/multicast": (["core/base", "core/multicast"], CORE),
    "core/report": (["core/base", "core/compile", "core/health", "core/multicast", "core/report"], CORE | {"nlohmann/json.hpp", "nlohmann/json_fwd.hpp"}),
    "shell": (["core", "shell"], None),  # None: any header that is not of a room
    "stat": (["core/base", "shell/os/unique_fd.hpp", "stat"], None),
    "": (["core", "shell", "stat"], None),  # the mains
}
# The reader of the status socket stays without the kernel's and the daemon's libraries.
STAT_FORBIDDEN = re.compile(r"^(bpf/|linux/bpf|netlink/|systemd/|rudder_)")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def room_of(path):
    """The room of a path relative to src/."""
    rooms = [room for room in ROOMS if room and (path == room or path.startswith(room + "/"))]
    return max(rooms, key=len, default="")


def is_project_header(header):
    return header.split("/")[0] in ("core", "shell", "stat")


def violations(path, text):
    """Headers that the file at `path` (relative to src/) may not include."""
    room = room_of(path)
    allowed_rooms, allowed_headers = ROOMS[room]
    for header in INCLUDE.findall(text):
        if is_project_header(header):
            if not any(header == allowed or header.startswith(allowed + "/") for allowed in allowed_rooms):
                yield header
        elif allowed_headers is not None and header not in allowed_headers:
            yield header
        elif room == "stat" and STAT_FORBIDDEN.match(header):
            yield header


def check_the_check():
    for path, line in [("core/base/a.cpp", "#include <sys/socket.h>"), ("core/base/a.cpp", '#include "core/config/x.hpp"'),
                       ("core/config/a.hpp", "#  include <bpf/libbpf.h>"), ("core/report/a.cpp", '#include "shell/net/x.hpp"'),
                       ("core/compile/a.cpp", "#include <nlohmann/json.hpp>"), ("shell/net/a.cpp", '#include "stat/x.hpp"'),
                       ("core/base/a.cpp", "#include <fstream>"), ("stat/a.cpp", "#include <bpf/bpf.h>")]:
        assert list(violations(path, line)), f"not found: {path}: {line}"
    for path, line in [("core/base/a.cpp", "#include <vector>"), ("core/report/a.cpp", '#include "core/compile/image.hpp"'),
                       ("shell/net/a.cpp", "#include <netlink/route/link.h>"), ("stat/a.cpp", "#include <sys/un.h>")]:
        assert not list(violations(path, line)), f"wrongly found: {path}: {line}"


def compile_alone(command, header):
    run = subprocess.run(command + ["-fsyntax-only", "-x", "c++", "-include", str(header), "/dev/null"],
                         capture_output=True, text=True, check=False)
    return f"{header}: does not compile alone\n{run.stderr}" if run.returncode != 0 else None


def main():
    check_the_check()
    source = pathlib.Path(sys.argv[1]) / "src"
    files = sorted(path for pattern in ("*.hpp", "*.cpp", "*.h") for path in source.rglob(pattern))
    problems = [f"{path}: may not include {header}" for path in files
                for header in violations(path.relative_to(source).as_posix(), path.read_text(encoding="utf-8"))]
    command = sys.argv[2:] + ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-DTOML_EXCEPTIONS=0",
                              f"-I{source}", f"-I{source.parent / 'bpf'}"]
    headers = [path for path in files if path.suffix == ".hpp"]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        problems += filter(None, pool.map(lambda header: compile_alone(command, header), headers))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(files)} files, {len(headers)} headers, {len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
