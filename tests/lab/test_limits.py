#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits hold at the receiver, in packets and in bits per second, for rules and for targets; samples are a share of the packets."""
import socket
import threading
import time

from harness import expect, expect_equal, main, proves
from lab import Crossroads, Daemon
from spread import next_hop
from traffic import Capture, UdpReceiver, UdpSender, is_ipv6, send_udp

MATCH = """[[rule]]
name = "{name}"
priority = {priority}
type = "{type}"
match = {{ interface = "eth0", ip_proto = "udp", dst_port = 5000 }}
"""
STEER = 'via = "eth2", next_hop = "10.10.2.1"'


def rule(kind, action, name="all", priority=10):
    return MATCH.format(name=name, priority=priority, type=kind) + action


def _counted(receiver, seconds):
    """Payload sizes of what comes until nothing has come for half a second."""
    return [len(datagram.payload) for datagram in receiver.collect(1 << 20, seconds, settle=0.5)]


def _flood(lab, per_second, seconds, size, server):
    """Sends at that rate in bunches of ten milliseconds. Returns how many and how long it took."""
    sender = UdpSender(lab.sender, server, 5000)
    begin, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        due = int(elapsed * per_second) - sent
        if due > 0:
            sender.send(due, size)
            sent += due
        time.sleep(0.01)
    return sent, time.monotonic() - begin


def _flooded(lab, receiver, per_second, seconds, size=100, server=Crossroads.SERVER):
    """The sizes that arrive of a flood, how many were sent, and in what time."""
    result = []
    thread = threading.Thread(target=lambda: result.append(_flood(lab, per_second, seconds, size, server)))
    thread.start()
    sizes = _counted(receiver, seconds + 3)
    thread.join()
    sent, elapsed = result[0]
    return sizes, sent, elapsed


def _is_near(got, wanted, what, tolerance=0.1):
    expect(wanted * (1 - tolerance) <= got <= wanted * 1.02 + 1, f"{what}: {got}, wanted about {wanted:.0f}")


@proves("limit", "socket", "v4/ingress")
def packets_per_second_hold_at_the_receiver():
    _packets_per_second_hold(Crossroads.SERVER)


def packets_per_second_hold_at_the_receiver_over_ipv6():
    _packets_per_second_hold(Crossroads.SERVER6)


def _packets_per_second_hold(server):
    lab = Crossroads()
    receiver = UdpReceiver(lab.b, 5000, socket.AF_INET6 if is_ipv6(server) else socket.AF_INET)
    steer = f'via = "eth2", next_hop = "{next_hop(2, server)}"'
    daemon = Daemon(lab.router, {"10.toml": rule("steer", f'action = {{ {steer}, limit = "500pps", burst = 100 }}')})
    lab.know_neighbours()
    sizes, sent, elapsed = _flooded(lab, receiver, 1500, 4, server=server)
    _is_near(len(sizes), 500 * elapsed + 100, "datagrams at b")
    print(f"# {len(sizes)} of {sent} datagrams to {server} in {elapsed:.2f} s at 500 pps with bursts of 100")
    state = daemon.rule("all")
    expect_equal(state["packets"], sent, "matched")
    expect_equal(state["failures"].get("rate-limited"), sent - len(sizes), "beyond the limit")
    expect_equal((state["limit"], state["excess"]), ({"unit": "pps", "rate": 500, "burst": 100}, "drop"), "as rudderstat shows it")


def bits_per_second_hold_at_the_receiver():
    lab = Crossroads()
    receiver = UdpReceiver(lab.b, 5000)
    Daemon(lab.router, {"10.toml": rule("steer", f'action = {{ {STEER}, limit = "2mbit", burst = 20000 }}')})
    lab.know_neighbours()
    sizes, _, elapsed = _flooded(lab, receiver, 1000, 4, 1000)
    frames = sum(size + 42 for size in sizes)
    _is_near(frames, 2_000_000 / 8 * elapsed + 20000, "bytes of the frames at b")


def excess_passes_where_the_rule_says_so():
    lab = Crossroads()
    limited, rest = UdpReceiver(lab.b, 5000), UdpReceiver(lab.a, 5000)
    Daemon(lab.router, {"10.toml": rule("steer", f'action = {{ {STEER}, limit = "1pps", burst = 7, excess = "pass" }}')})
    lab.know_neighbours()
    send_udp(lab.sender, lab.SERVER, 5000, 20, 100)
    first, second = len(limited.collect(8, 1)), len(rest.collect(13, 1))
    expect(7 <= first <= 8 and first + second == 20, f"of 20 datagrams {first} were steered, {second} took the usual way")


def each_target_has_its_own_limit():
    lab = Crossroads()
    at_b, at_c = UdpReceiver(lab.b, 5000), UdpReceiver(lab.c, 5000)
    targets = """[[rule.action.targets]]
via = "eth2"
dst_ip = "10.10.2.1"
limit = "1pps"
burst = 5
[[rule.action.targets]]
via = "eth3"
dst_ip = "10.10.3.1"
"""
    daemon = Daemon(lab.router, {"10.toml": rule("replicate", targets)})
    lab.know_neighbours()
    send_udp(lab.sender, lab.SERVER, 5000, 30, 100)
    few, all_of_them = len(at_b.collect(6, 1)), len(at_c.collect(30))
    expect(5 <= few <= 6, f"copies at b: {few}")
    expect_equal(all_of_them, 30, "copies at c")
    first = daemon.rule("all")["targets"][0]
    expect_equal((first["packets"], first["failures"]), (few, {"rate-limited": 30 - few}), "as counted for the first target")


def a_limit_outlives_a_reload_of_other_rules():
    lab = Crossroads()
    receiver = UdpReceiver(lab.b, 5000)
    limited = rule("steer", f'action = {{ {STEER}, limit = "1pps", burst = 10 }}\n')
    daemon = Daemon(lab.router, {"10.toml": limited})
    lab.know_neighbours()
    send_udp(lab.sender, lab.SERVER, 5000, 50, 100)
    before = len(receiver.collect(11, 1))
    daemon.set({"10.toml": rule("drop", "", "other", 5).replace("5000", "5001") + limited})
    send_udp(lab.sender, lab.SERVER, 5000, 50, 100)
    after = len(receiver.collect(10, 0.5))
    expect(10 <= before <= 12 and after <= 8, f"{before} datagrams before the reload, {after} after it")


def a_sample_is_a_share_of_what_passes():
    lab = Crossroads()
    capture, receiver = Capture(lab.c, "eth0"), UdpReceiver(lab.a, 5000)
    daemon = Daemon(lab.router, {"10.toml": rule("mirror", 'action = { via = "eth3", sample = 10 }')})
    lab.know_neighbours()
    for _ in range(10):
        send_udp(lab.sender, lab.SERVER, 5000, 300, 200)
        expect_equal(len(receiver.collect(300)), 300, "originals at a")
    counted = daemon.rule("all")["targets"][0]["packets"]
    got = len(capture.frames(counted, wanted=lambda frame: b"." * 50 in frame))
    expect_equal(got, counted, "copies at c")
    expect(200 <= got <= 400, f"one copy in ten of 3000 packets: {got}")


main(__doc__,
     packets_per_second_hold_at_the_receiver,
     packets_per_second_hold_at_the_receiver_over_ipv6,
     bits_per_second_hold_at_the_receiver,
     excess_passes_where_the_rule_says_so,
     each_target_has_its_own_limit,
     a_limit_outlives_a_reload_of_other_rules,
     a_sample_is_a_share_of_what_passes)
