#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""After stop nothing of rudder is left; after kill -9 it starts again; counters and traffic are as they should be."""
import json
import os
import signal
import time

from bpf_objects import until_freed
from harness import RUDDERD, clear, expect, expect_equal, main
from lab import Crossroads, Daemon
from traffic import UdpReceiver, send_udp

RULES = """
[[rule]]
name = "ef"
priority = 10
type = "steer"
match = { interface = "any", direction = "ingress", dst_ip = "10.20.0.0/16", dscp = "ef" }
action = { via = "eth2", next_hop = "10.10.2.1" }

[[rule]]
name = "nothing-out"
priority = 20
type = "drop"
match = { interface = "eth1", direction = "egress", dst_ip = "10.99.0.0/16" }
"""

FIRST = """
[[rule]]
name = "now-first"
priority = 1
type = "pass"
match = { interface = "eth0", dscp = "cs1" }
"""


def _steers(lab, receiver, count=5):
    sent = send_udp(lab.sender, lab.SERVER, 5000, count, dscp=46)
    expect_equal([d.payload for d in receiver.collect(count)], sent, "EF datagrams at b")


def _hooks(lab):
    shown = json.loads(lab.router.exec("bpftool", "-j", "net", "show").stdout)[0]
    filters = "".join(lab.router.tc("filter", "show", "dev", f"eth{n}", d).stdout for n in range(4) for d in ("ingress", "egress"))
    return [str(hook) for kind in ("xdp", "tc") for hook in shown.get(kind, []) if "rudder" in str(hook)], filters


def sigterm_and_sigint_leave_nothing_behind():
    for number in (signal.SIGTERM, signal.SIGINT):
        lab = Crossroads()
        at_b, at_a = UdpReceiver(lab.b, 5000), UdpReceiver(lab.a, 5000)
        daemon = Daemon(lab.router, {"10.toml": RULES}, name=number.name)
        _steers(lab, at_b)
        objects = daemon.kernel_objects()
        expect(any(kind == "prog" for kind, _ in objects), f"the daemon holds no BPF program: {objects}")
        expect_equal(daemon.end(number), 0, f"exit status after {number.name}")
        expect("STOPPING=1" in "\n".join(daemon.notifications()), "STOPPING=1 was not sent")
        until_freed(objects, f"BPF objects after {number.name}")
        expect_equal(_hooks(lab), ([], ""), "hooks left")
        send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
        expect_equal(len(at_a.collect(5)), 5, "datagrams by the kernel's route after stop")
        clear()


def twenty_starts_and_stops_leak_nothing():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES})
    seen = set()
    for _ in range(20):
        seen |= daemon.kernel_objects()
        daemon.end(signal.SIGTERM)
        daemon.start()
    _steers(lab, at_b)
    seen |= daemon.kernel_objects()
    daemon.end(signal.SIGTERM)
    until_freed(seen, "BPF objects of stopped daemons")


def kill_9_then_start_serves_again():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES})
    seen = set()
    for _ in range(5):
        _steers(lab, at_b)
        seen |= daemon.kernel_objects()
        daemon.kill()
        start = time.monotonic()
        daemon.start()
        expect(time.monotonic() - start < 3, "the restart took too long")
    _steers(lab, at_b)
    until_freed(seen, "BPF objects of killed daemons")
    expect_equal(len(_hooks(lab)[0]), len(set(_hooks(lab)[0])), "hooks are there once")
    daemon.end(signal.SIGTERM)
    expect_equal(_hooks(lab), ([], ""), "hooks left")


def cleanup_after_kill_9_leaves_no_filter():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": RULES})
    daemon.kill()
    lab.router.exec(RUDDERD, "--cleanup")
    expect_equal(_hooks(lab), ([], ""), "hooks left")


def ready_comes_only_when_packets_are_steered():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    lab.know_neighbours()
    daemon = Daemon(lab.router, {"10.toml": RULES}, wait=False)
    daemon.wait_ready()
    _steers(lab, at_b, 1)


def an_empty_directory_is_a_valid_policy_at_start():
    lab = Crossroads()
    daemon = Daemon(lab.router)
    at_b = UdpReceiver(lab.b, 5000)
    daemon.write("10.toml", RULES)
    daemon.reload()
    _steers(lab, at_b)


def an_invalid_set_at_start_ends_with_78():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": RULES + "oops = 1\n"}, wait=False)
    expect_equal(daemon.process.wait(10), 78, "exit status")
    expect("10.toml:" in daemon.log() and "error[E" in daemon.log(), f"the log does not say where:\n{daemon.log()}")


def a_second_daemon_is_refused_and_does_no_harm():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES})
    second = lab.router.exec(RUDDERD, "--config-dir", daemon.directory, "--runtime-dir", daemon.runtime, check=False, timeout=10)
    expect(second.returncode != 0, "a second daemon started")
    _steers(lab, at_b)
    daemon.reload()


def counters_survive_a_reload_and_follow_the_rules_name():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES})
    _steers(lab, at_b, 7)
    moved = RULES.replace("priority = 10", "priority = 15")
    daemon.set({"10.toml": moved, "20.toml": FIRST})
    expect_equal(daemon.packets("ef"), 7, "packets of the rule after a reload that moved it")
    _steers(lab, at_b, 3)
    expect_equal(daemon.packets("ef"), 10, "packets of the rule")


def rudderd_executes_nothing_and_runs_as_one_process():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": RULES})
    tasks = os.listdir(f"/proc/{daemon.pid()}/task")
    children = "".join(open(f"/proc/{daemon.pid()}/task/{task}/children").read() for task in tasks)
    expect_equal((len(tasks), children), (1, ""), "threads and child processes")


def three_capabilities_suffice():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES}, wrapper=["setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--inh-caps=-all"])
    _steers(lab, at_b)
    daemon.set({"10.toml": RULES + FIRST})
    _steers(lab, at_b)
    status = open(f"/proc/{daemon.process.pid}/status", encoding="ascii").read()
    expect(f"CapEff:\t{1 << 12 | 1 << 38 | 1 << 39:016x}" in status, f"other capabilities:\n{status}")


def the_log_holds_one_entry_a_rule_and_a_summary_a_generation():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": RULES})
    daemon.set({"10.toml": RULES.replace('"nothing-out"', '"renamed"')})
    log = daemon.log()
    for word in ("ef", "nothing-out", "renamed", "generation"):
        expect(word in log, f"the log does not mention {word!r}:\n{log}")


main(__doc__,
     sigterm_and_sigint_leave_nothing_behind,
     twenty_starts_and_stops_leak_nothing,
     kill_9_then_start_serves_again,
     cleanup_after_kill_9_leaves_no_filter,
     ready_comes_only_when_packets_are_steered,
     an_empty_directory_is_a_valid_policy_at_start,
     an_invalid_set_at_start_ends_with_78,
     a_second_daemon_is_refused_and_does_no_harm,
     counters_survive_a_reload_and_follow_the_rules_name,
     rudderd_executes_nothing_and_runs_as_one_process,
     three_capabilities_suffice,
     the_log_holds_one_entry_a_rule_and_a_summary_a_generation)
