#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A journal that stops reading holds up neither policies nor packets, and gets the audit trail once it reads again."""
import os
import signal
import time

from fake_journal import Journal
from harness import ROOT, expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, send_udp

STEER = """
[[rule]]
name = "ef"
priority = 10
type = "steer"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "10.20.0.0/16", dscp = "ef" }}
action = {{ via = "eth2", next_hop = "10.10.2.1", dscp = {stamp} }}
"""

DROP = """
[[rule]]
name = "drop-{number}"
priority = {priority}
type = "drop"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "10.99.{high}.{low}/32" }}
"""


def _files(round_number, rules):
    """Every rule differs from that of the round before it."""
    drops = "".join(DROP.format(number=number, priority=100 + 2 * number + round_number % 2, high=number // 256, low=number % 256)
                    for number in range(rules))
    return {"10.toml": STEER.format(stamp=round_number % 64), "20.toml": drops}


def _start(rules):
    lab = Crossroads()
    journal = Journal(ROOT / "rudderd" / "log")
    daemon = Daemon(lab.router, _files(0, rules))
    until(lambda: _events(journal, "started"), "the entry of the start")
    return lab, journal, daemon


def _events(journal, event):
    return [entry for entry in journal.entries() if entry["RUDDER_EVENT"] == event]


def _reload_times(daemon, rounds, rules):
    times = []
    for number in rounds:
        files = _files(number, rules)
        start = time.monotonic()
        daemon.set(files)
        times.append(time.monotonic() - start)
    return times


def _sequence(journal):
    return [int(entry["RUDDER_SEQUENCE"]) for entry in journal.entries()]


def _log(daemon):
    return daemon.stat("internals")["log"]


def _until_caught_up(daemon, journal):
    """Returns the entry at the end of the wait."""
    until(lambda: _log(daemon)["entries_waiting"] == 0, lambda: f"nothing waits: {_log(daemon)}", 30, 0.2)
    until(lambda: journal.entries()[-1]["RUDDER_EVENT"] == "log-late", "the entry at the end of the wait", 30, 0.2)
    return journal.entries()[-1]["MESSAGE"]


def _last_status(daemon):
    return next(line for text in reversed(daemon.notifications()) for line in text.splitlines() if line.startswith("STATUS="))


def _steers(lab, receiver, stamp):
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
    expect_equal([(d.payload, d.dscp) for d in receiver.collect(5)], [(p, stamp) for p in sent], "EF datagrams at b")


def policies_and_packets_do_not_wait_for_a_stopped_journal():
    lab, journal, daemon = _start(200)
    at_b = UdpReceiver(lab.b, 5000)
    before = _reload_times(daemon, range(1, 11), 200)
    journal.stop()
    during = _reload_times(daemon, range(11, 31), 200)
    print(f"# reload with 201 changes: {sorted(before)[5] * 1000:.0f} ms, with a stopped journal {sorted(during)[10] * 1000:.0f} ms (medians)")
    expect(max(during) < max(1.0, 5 * max(before)), f"a reload took {max(during):.2f} s while the journal was stopped, {max(before):.2f} s before")
    _steers(lab, at_b, 30)
    until(lambda: "audit degraded" in _last_status(daemon), lambda: f"STATUS with the state of the log: {_last_status(daemon)}")
    log = _log(daemon)
    expect(log["is_degraded"] and log["entries_waiting"] > 3000 and log["entries_lost"] == 0, f"log in the status: {log}")
    expect_equal(daemon.stat("rules")["state"], "degraded", "state in the status")

    journal.go_on()
    expect("none was lost" in (end := _until_caught_up(daemon, journal)), end)
    expect_equal(_sequence(journal), list(range(1, len(_sequence(journal)) + 1)), "RUDDER_SEQUENCE of all entries")
    generations = [int(entry["RUDDER_GENERATION"]) for entry in _events(journal, "published")]
    expect_equal(generations, list(range(1, 32)), "generations in the journal")
    expect_equal(len(_events(journal, "rule-changed")), 30 * 201, "entries of changed rules")
    until(lambda: "audit degraded" not in _last_status(daemon), "STATUS without the state of the log")
    expect_equal((_log(daemon)["is_degraded"], _log(daemon)["entries_waiting"], daemon.stat("rules")["state"]), (False, 0, "running"), "status")


def what_waits_is_bounded_and_what_is_lost_is_told():
    _, journal, daemon = _start(999)
    journal.stop()
    rounds = range(1, 26)
    _reload_times(daemon, rounds, 999)
    log = _log(daemon)
    print(f"# {log['entries_waiting']} entries wait, {log['entries_lost']} are lost")
    expect(log["entries_lost"] > 0 and log["bytes_waiting"] <= 8 << 20, f"log in the status: {log}")
    journal.go_on()
    expect(f", {log['entries_lost']} were lost" in (end := _until_caught_up(daemon, journal)), end)
    sequence = _sequence(journal)
    expect_equal(sequence, sorted(set(sequence)), "RUDDER_SEQUENCE: order and no entry twice")
    expect_equal(sequence[-1] - len(sequence), log["entries_lost"], "numbers that are missing")
    expect_equal(len(_events(journal, "published")), 1 + len(rounds), "summaries, none of which is lost")


def the_stop_of_the_daemon_waits_for_a_stopped_journal_for_a_second_only():
    lab, journal, daemon = _start(200)
    at_a = UdpReceiver(lab.a, 5000)
    journal.stop()
    _reload_times(daemon, range(1, 6), 200)
    start = time.monotonic()
    expect_equal(daemon.end(signal.SIGTERM), 0, "exit status")
    expect(time.monotonic() - start < 4, f"the stop took {time.monotonic() - start:.1f} s")
    send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
    expect_equal(len(at_a.collect(5)), 5, "datagrams by the kernel's route after stop")


def a_daemon_that_is_stopped_with_a_late_journal_delivers_the_rest():
    _, journal, daemon = _start(200)
    journal.stop()
    _reload_times(daemon, range(1, 6), 200)
    os.kill(daemon.pid(), signal.SIGTERM)
    journal.go_on()
    expect_equal(daemon.process.wait(10), 0, "exit status")
    until(lambda: _events(journal, "stopping"), "the last entry")
    expect_equal(_sequence(journal), list(range(1, len(_sequence(journal)) + 1)), "RUDDER_SEQUENCE of all entries")


main(__doc__,
     policies_and_packets_do_not_wait_for_a_stopped_journal,
     what_waits_is_bounded_and_what_is_lost_is_told,
     the_stop_of_the_daemon_waits_for_a_stopped_journal_for_a_second_only,
     a_daemon_that_is_stopped_with_a_late_journal_delivers_the_rest)
