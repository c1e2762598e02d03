#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 rules in 100 files load, apply and decide; the last is found as well as the first."""
import time

from harness import expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender, send_udp

KINDS = (
    'type = "steer"\nmatch = {{ interface = "{interface}", direction = "ingress", dst_ip = "10.{high}.{low}.0/24", ip_proto = "udp", dst_port = "1000-2000" }}\n'
    'action = {{ via = "eth2", next_hop = "10.10.2.1", dscp = {stamp} }}\n',
    'type = "drop"\nmatch = {{ interface = "{interface}", direction = "ingress", src_ip = "10.{high}.{low}.0/24" }}\n',
    'type = "steer"\nmatch = {{ interface = "{interface}", direction = "ingress", dst_ip = "2001:db8:{high}:{low}::/64" }}\naction = {{ via = "eth3", next_hop = "2001:db8:3::1" }}\n',
    'type = "replicate"\nmatch = {{ interface = "{interface}", direction = "ingress", dst_ip = "239.{high}.{low}.1" }}\n'
    '[[rule.action.targets]]\ndst_ip = "10.10.1.1"\nvia = "eth1"\n[[rule.action.targets]]\ndst_ip = "10.10.3.1"\nvia = "eth3"\n',
)


def rules(count, stamp):
    """`count` rules in files of ten."""
    files = {}
    for number in range(count):
        text = f'[[rule]]\nname = "rule-{number}"\npriority = {1000 + number}\n' + KINDS[number % 4].format(
            interface="eth0" if number % 3 else "any", high=100 + number // 250, low=number % 250, stamp=stamp)
        files.setdefault(f"{number // 10:03}.toml", []).append(text)
    return {name: "\n".join(texts) for name, texts in files.items()}


def _decides(lab, at_b, number, stamp):
    sent = send_udp(lab.sender, f"10.{100 + number // 250}.{number % 250}.10", 1500, 3)
    got = at_b.collect(3)
    expect_equal([(d.payload, d.dscp) for d in got], [(p, stamp) for p in sent], f"datagrams of rule {number} at b")


def a_thousand_rules():
    lab = Crossroads()
    lab.b.up("lo", "10.100.0.0/14")
    at_b = UdpReceiver(lab.b, 1500)
    start = time.monotonic()
    daemon = Daemon(lab.router, rules(1000, 5))
    print(f"# ready {time.monotonic() - start:.2f} s after start")
    for number in (0, 4, 496, 996):
        _decides(lab, at_b, number, 5)
    for name, text in rules(1000, 6).items():
        (daemon.directory / name).write_text(text)
    start = time.monotonic()
    daemon.reload()
    took = time.monotonic() - start
    print(f"# reload of 1,000 rules in {took * 1000:.0f} ms")
    expect(took < 2, "the reload took too long")
    for number in (0, 996):
        _decides(lab, at_b, number, 6)
    expect_equal(len([r for r in daemon.stat("rules")["rules"]]), 1000, "rules shown")


def a_rename_among_a_thousand_rules_is_active_within_a_second():
    lab = Crossroads()
    lab.b.up("lo", "10.100.0.0/14")
    at_b = UdpReceiver(lab.b, 1500)
    daemon = Daemon(lab.router, rules(1000, 5))
    sender = UdpSender(lab.sender, "10.103.246.10", 1500)
    times = []
    for stamp in (7, 8, 9):
        start = time.monotonic()
        daemon.write("099.toml", rules(1000, stamp)["099.toml"])

        def active():
            sender.send(1)
            datagram = at_b.receive(0.3)
            return datagram and datagram.dscp == stamp
        until(active, f"stamp {stamp}", 5, 0.005)
        times.append(time.monotonic() - start)
    print("# active after " + ", ".join(f"{took * 1000:.0f} ms" for took in times))
    expect(max(times) < 1, f"active only after {max(times):.2f} s")


main(__doc__, a_thousand_rules, a_rename_among_a_thousand_rules_is_active_within_a_second)
