# SPDX-License-Identifier: Apache-2.0
"""Counts the results of one `meson test` log (a JSON document a line).

Prints "PASSED FAILED SKIPPED", then one line for each test that failed. Usage: count_results.py LOG JOB
"""
import json
import sys


def main():
    log, job = sys.argv[1:3]
    with open(log, encoding="utf-8") as lines:
        results = [json.loads(line) for line in lines if line.strip()]
    passed = [r for r in results if r["result"] in ("OK", "EXPECTEDFAIL")]
    skipped = [r for r in results if r["result"] == "SKIP"]
    failed = [r for r in results if r not in passed and r not in skipped]
    print(len(passed), len(failed), len(skipped))
    for result in failed:
        print(f"{result['name']} ({job}): {result['result']}")


main()
