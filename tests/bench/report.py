#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One table, one JSON file and one plot from what the benchmarks left in a directory.

report.py [--readme] --source DIR DIR: reads classify.json, e2e.json and load.json (each optional), prints the tables, writes
bench.json, bench.md and cost.svg; with --readme also README.md (between its two markers) and doc/cost.svg of the source.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import plot

BEGIN, END = "<!-- tests/bench/run --readme: begin -->", "<!-- tests/bench/run --readme: end -->"


def read(path):
    return json.loads(path.read_text()) if path.exists() else []


def machine():
    """Where the figures are from."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpuinfo)
    return {
        "cpu": model.group(1) if model else os.uname().machine,
        "cpus": os.cpu_count(),
        "kernel": os.uname().release.split("-")[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": round(os.getloadavg()[0], 1),
    }


def commit(source):
    words = ["git", "-C", str(source), "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def markdown(heads, rows):
    """A table; the first column to the left, the others to the right, padded so that it reads as plain text too."""
    lines = [[str(cell) for cell in row] for row in [heads] + rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    shown = [[cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))]
             for line in lines]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "".join("| " + " | ".join(line) + " |\n" for line in [shown[0], rule] + shown[1:])


def span(values, digits):
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low}-{high}"


def comparisons(rows, rules, family, traffic, outcome):
    """Of all sets; rules None: of any size."""
    found = [row["traffic"][traffic][outcome] for row in rows
             if rules in (None, row["rules"]) and row["family"] == family and traffic in row["traffic"]]
    return [comparison for comparison in found if comparison]


def classification(rows, outcome):
    """A row for each size: ns and ratio, from the cheapest to the dearest of the sets."""
    traffics = [traffic for traffic in ("warm", "wide", "cold") if any(traffic in row["traffic"] for row in rows)]
    columns = [(family, traffic) for family in (4, 6) for traffic in traffics]
    heads = ["rules"] + [f"IPv{family} {traffic}" for family, traffic in columns]
    linear = []
    for family, traffic in columns:
        found = comparisons(rows, None, family, traffic, outcome)
        linear.append(span([c["linear_64"]["median_ns"] for c in found], 0) + " ns" if found else "-")
    lines = [["*linear scan of 64*"] + linear]
    for rules in sorted({row["rules"] for row in rows}):
        line = [f"{rules:,}"]
        for family, traffic in columns:
            found = comparisons(rows, rules, family, traffic, outcome)
            line.append(span([c["walk"]["median_ns"] for c in found], 0) + " ns, " + span([c["ratio"] for c in found], 1) + "x"
                        if found else "-")
        lines.append(line)
    return markdown(heads, lines)


def ns_and_ratio(found):
    if not found:
        return "-"
    return span([c["ns_per_frame"] for c in found], 0) + " ns, " + span([c["ratio"] for c in found], 2)


def steering(contenders):
    """What has no rules in a sentence, the rest as a row for each size, over all sets."""
    fixed = [c for c in contenders if c["kind"] in ("program", "forwarding")]
    text = "; ".join(f"{c['name']} {c['ns_per_frame']:.0f} ns, {c['ratio']:.2f}" for c in fixed) + ".\n\n"
    most = max(c["headers"] for c in contenders)
    columns = {
        "rudder": lambda c: c["kind"] == "rudder" and c["headers"] == most,
        "rudder, 4,096 flows": lambda c: c["kind"] == "rudder" and c["headers"] < most,
        "nftables, verdict map (acl)": lambda c: c["kind"] == "nft-map",
        "nftables, rules (acl)": lambda c: c["kind"] == "nft-list",
    }
    lines = []
    for rules in sorted({c["rules"] for c in contenders if c not in fixed}):
        of_size = [c for c in contenders if c["rules"] == rules and c not in fixed]
        lines.append([f"{rules:,}"] + [ns_and_ratio(list(filter(wanted, of_size))) for wanted in columns.values()])
    return text + markdown(["rules"] + list(columns), lines)


def replication(results):
    lines = []
    for result in results:
        unit, ours = result["contenders"]
        lines.append([ours["copies"], f"{unit['ns_per_frame']:.0f} ns", f"{ours['ns_per_frame']:.0f} ns", f"{ours['ratio']:.2f}"])
    return markdown(["targets", "hand-written clone loop, per copy", "rudder, per copy", "ratio"], lines)


def end_to_end(results):
    text = ("\n**End to end**: 64-byte frames from a generator through veth pairs and one next hop to a sink, all on one core; "
            "ns of a frame at the sink, and its rate beside a bare redirect in the same round. Headers in random order, 131,072 of "
            "them, each of which passes once before what is counted: caches are as warm as under lasting load; "
            f"worst loss {max(c['worst_loss'] for r in results for c in r['contenders']) * 100:.2f} %.\n\n")
    text += steering(results[0]["contenders"])
    return text + ("\n" + replication(results[1:]) if results[1:] else "")


def load(rows):
    """Any flat objects; their keys are the columns."""
    heads = list(rows[0])
    shown = [[f"{value:.1f}" if isinstance(value, float) else value for value in (row.get(head, "-") for head in heads)]
             for row in rows]
    return markdown([head.replace("_", " ") for head in heads], shown)


def document(results):
    where = results["machine"]
    text = (f"Measured on {where['date']} with {where['cpu']} ({where['cpus']} CPUs), Linux {where['kernel']}, "
            f"load {where['load']}, by `tests/bench/run`; times of packets are processor time.\n")
    rows = results["classify"]
    if rows:
        text += ("\n**Classification**: ns to find the first matching rule, above an empty program, and the ratio to a linear scan of 64 "
                 "rules in the same run (all fields, headers of its own); from the cheapest to the dearest of the acl, fw and ipc "
                 "sets. *warm*: 1,024 headers over and over; *wide*: 65,536 in random order; *cold*: those, and twice the L2 cache is "
                 "read through before every packet.\n\n![ns against rules](doc/cost.svg)\n\nHeaders that match a rule:\n\n")
        text += classification(rows, "hit") + "\nHeaders that match none:\n\n" + classification(rows, "miss")
    if results["e2e"]:
        text += end_to_end(results["e2e"])
    if results["load"]:
        text += ("\n**From files to packets**: milliseconds of the clock, from the rename of the files to the active generation, beyond the "
                 "settle time, and its steps; `nft -f` with the same rules as one chain; the same set with one rule changed; peak of "
                 "memory after both.\n\n") + load(results["load"])
    return text


def write_readme(source, text, svg):
    (source / "doc").mkdir(exist_ok=True)
    (source / "doc/cost.svg").write_text(svg)
    readme = source / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        sys.exit("README.md has lost its markers: " + BEGIN)
    readme.write_text(before + BEGIN + "\n" + text + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--source", type=pathlib.Path, required=True)
    parser.add_argument("directory", type=pathlib.Path)
    options = parser.parse_args()
    names = ("classify", "e2e", "load")
    results = {"machine": machine(), "commit": commit(options.source)}
    results |= {name: read(options.directory / f"{name}.json") for name in names}
    text = document(results)
    svg = plot.draw(results["classify"]) if results["classify"] else ""
    (options.directory / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.directory / "bench.md").write_text(text)
    (options.directory / "cost.svg").write_text(svg)
    if options.readme:
        write_readme(options.source, text, svg)
    print("\n" + text)


if __name__ == "__main__":
    main()
