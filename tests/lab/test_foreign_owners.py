#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What others have attached to the same interfaces stays as it is through start, reload, stop and kill -9."""
import signal

import foreign
from bpf_objects import existing
from harness import RUDDERD, expect, expect_equal, main, run
from lab import Crossroads, Daemon
from traffic import UdpReceiver, send_udp

RULES = """
[[rule]]
name = "in"
priority = 10
type = "steer"
match = { interface = "eth0", direction = "ingress", dst_ip = "10.20.0.0/16", dscp = "ef" }
action = { via = "eth2", next_hop = "10.10.2.1" }

[[rule]]
name = "out"
priority = 20
type = "pass"
match = { interface = "eth0", direction = "egress", dst_ip = "10.99.0.0/16" }
"""


def _check(lab, objects, before, moment):
    expect_equal(existing(objects), objects, f"foreign BPF links and programs after {moment}")
    for device, wanted in before.items():
        found = foreign.filters(lab.router, device)
        for own, other in zip(wanted, found):
            for line in own.splitlines():
                expect(line in other, f"{device} after {moment}: lost {line!r}, now:\n{other}")


def _gone(lab, before, moment):
    """Nothing of ours is left among the filters (a clsact qdisc of ours may stay, empty)."""
    for device, wanted in before.items():
        expect_equal(foreign.filters(lab.router, device)[:2], wanted[:2], f"filters of {device} after {moment}")


def _lab_with_owners():
    lab = Crossroads()
    objects = foreign.tcx_program(lab.router, "eth0") | foreign.tcx_program(lab.router, "eth0", "egress")
    objects |= foreign.xdp_program(lab.router, "eth0")
    foreign.clsact_filters(lab.router, "eth0")
    before = {device: foreign.filters(lab.router, device) for device in ("eth0", "eth2")}
    return lab, objects, before


def _steers(lab, receiver):
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
    expect_equal([d.payload for d in receiver.collect(5)], sent, "EF datagrams at b")


def start_reload_and_stop_leave_other_owners_alone():
    lab, objects, before = _lab_with_owners()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES})
    _check(lab, objects, before, "start")
    _steers(lab, at_b)
    daemon.set({"10.toml": RULES.replace("10.99", "10.98")})
    _check(lab, objects, before, "reload")
    _steers(lab, at_b)
    expect_equal(daemon.end(signal.SIGTERM), 0, "exit status")
    _check(lab, objects, before, "stop")
    _gone(lab, before, "stop")


def kill_9_and_restart_leave_other_owners_alone():
    lab, objects, before = _lab_with_owners()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": RULES})
    for _ in range(3):
        daemon.kill()
        _check(lab, objects, before, "kill -9")
        daemon.start()
        _check(lab, objects, before, "restart")
        _steers(lab, at_b)
    daemon.kill()
    run("ip", "netns", "exec", "router", RUDDERD, "--cleanup")
    _check(lab, objects, before, "cleanup")
    _gone(lab, before, "cleanup")


def cleanup_on_a_host_without_rudder_changes_nothing():
    lab, objects, before = _lab_with_owners()
    run("ip", "netns", "exec", "router", RUDDERD, "--cleanup")
    _check(lab, objects, before, "cleanup")
    _gone(lab, before, "cleanup")


def a_foreign_filter_added_while_we_run_survives_our_stop():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": RULES})
    lab.router.tc("qdisc", "add", "dev", "eth0", "clsact", check=False)
    lab.router.tc("filter", "add", "dev", "eth0", "ingress", "prio", "9", "protocol", "all", "bpf", "bytecode", "1,6 0 0 0")
    objects = foreign.tcx_program(lab.router, "eth0")
    daemon.end(signal.SIGTERM)
    expect("bytecode" in foreign.filters(lab.router, "eth0")[0], "the foreign filter is gone")
    expect_equal(existing(objects), objects, "foreign tcx link and program")


main(__doc__,
     start_reload_and_stop_leave_other_owners_alone,
     kill_9_and_restart_leave_other_owners_alone,
     cleanup_on_a_host_without_rudder_changes_nothing,
     a_foreign_filter_added_while_we_run_survives_our_stop)
