#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a file on disk to packets that see it, beside nft -f with the same rules.

For each size and kind of set: a rudderd with an empty policy gets the set by a rename, as Ansible does it, then the set with one
rule changed. The clock runs from the rename to the daemon's word to the service manager that the new generation is active, and
the settle time is taken off. nft loads the same rules as one plain chain in the same network namespace. Medians of the rounds; the
peak of memory is that of the daemon after both loads.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "lab"))

SETTLE_MS = 100
RULES_OF_A_FILE = 50000


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=pathlib.Path, required=True, help="bench_rules")
    parser.add_argument("--rudderd", required=True)
    parser.add_argument("--rudderstat", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10000, 100000])
    parser.add_argument("--kinds", nargs="+", choices=("acl", "fw", "ipc"), default=["acl", "fw", "ipc"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="write the results there")
    return parser.parse_args(arguments)


OPTIONS = options_of(sys.argv[1:])
os.environ["RUDDERD"] = os.path.abspath(OPTIONS.rudderd)
os.environ["RUDDERSTAT"] = os.path.abspath(OPTIONS.rudderstat)

import harness  # pylint: disable=wrong-import-position; it reads the two variables
import lab  # pylint: disable=wrong-import-position


def generated(kind, size, *more):
    command = [str(OPTIONS.rules), "--kind", kind, "--rules", str(size), *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def generation_told(daemon):
    """The generation in the last word to the service manager."""
    for text in reversed(daemon.notifications()):
        if found := re.search(r"STATUS=.*?Generation (\d+)", text):
            return int(found.group(1))
    return 0


def files_of(text):
    """A file may have 16 MiB: large sets are several."""
    rules = text.split("\n\n")
    return ["\n\n".join(rules[first:first + RULES_OF_A_FILE]) + "\n" for first in range(0, len(rules), RULES_OF_A_FILE)]


def load(daemon, text):
    """Milliseconds from the renames to the active generation, beyond the settle time."""
    before = generation_told(daemon)
    names = []
    for number, part in enumerate(files_of(text)):
        names.append(f"{number}.toml")
        (daemon.directory / f".ansible_tmp_{names[-1]}").write_text(part)
    start = time.monotonic()
    for name in names:
        (daemon.directory / f".ansible_tmp_{name}").rename(daemon.directory / name)
    harness.until(lambda: generation_told(daemon) > before, "the set is active", 120, 0.001)
    return (time.monotonic() - start) * 1000 - SETTLE_MS


def steps(daemon):
    times = lab.find_key(daemon.stat("internals"), "last_load_times")
    return {key.replace("_us", "_ms"): value / 1000 for key, value in times.items()}


def peak_megabytes(daemon):
    status = pathlib.Path(f"/proc/{daemon.pid()}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1000


def load_by_nft(router, text):
    file = harness.ROOT / "set.nft"
    file.write_text(text)
    start = time.monotonic()
    router.exec("nft", "-f", file, timeout=600)
    elapsed = (time.monotonic() - start) * 1000
    router.exec("nft", "delete", "table", "netdev", "bench")
    return elapsed


def one_round(kind, size, text, nft):
    """One daemon from its start to its end."""
    router, sink = lab.Namespace("router"), lab.Namespace("sink")
    lab.veth(router, "in0", sink, "in1")
    lab.veth(router, "out0", sink, "out1")
    router.up("in0", "198.51.100.1/24")
    router.up("out0", "192.0.2.1/24")
    daemon = lab.Daemon(router, settings=f"settle_ms = {SETTLE_MS}\nallow_empty = true")
    row = {"rules": size, "set": kind, "file_MB": len(text) / 1e6, "file_to_active_ms": load(daemon, text)}
    row |= steps(daemon)
    row["nft_list_ms"] = load_by_nft(router, nft)
    row["one_rule_changed_ms"] = load(daemon, text.replace("192.0.2.2", "192.0.2.3", 1))
    row["peak_MB"] = peak_megabytes(daemon)
    daemon.end()
    harness.clear()
    return row


def median_row(rows):
    return {key: value if isinstance(value, (int, str)) else round(statistics.median(row[key] for row in rows), 1)
            for key, value in rows[0].items()}


def main():
    harness.enter()
    results = []
    for size in OPTIONS.sizes:
        for kind in OPTIONS.kinds:
            text, nft = generated(kind, size), generated(kind, size, "--nft")
            results.append(median_row([one_round(kind, size, text, nft) for _ in range(OPTIONS.rounds)]))
            print(json.dumps(results[-1]), flush=True)
    if OPTIONS.json:
        OPTIONS.json.write_text(json.dumps(results, indent=1) + "\n")


main()
