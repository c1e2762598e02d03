#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mirror rule copies frames unmodified to interfaces, while the original goes its way."""
import socket
import struct

from harness import expect_equal, main, proves, until
from lab import Crossroads, Daemon
from traffic import Capture, FrameSender, OffloadedTags, UdpReceiver, ethernet, ipv4, ipv6, send_udp, udp

RULE = """[[rule]]
name = "{name}"
priority = {priority}
type = "{type}"
match = {{ interface = "eth0", direction = "{direction}"{match} }}
action = {{ {action} }}
"""
MARK = b"to be seen"
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID, ETH_P_ALL = 263, 8, 0x10, 3


def rule(name, priority, kind, action, direction="ingress", match=""):
    return RULE.format(name=name, priority=priority, type=kind, action=action, direction=direction, match=match)


def _marked(frame):
    return MARK in frame


def _frame(lab, packet, ethertype=0x0800):
    return ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet, ethertype)


@proves("mirror", "wire", "v4/ingress", "v6/ingress")
def copies_are_the_frame_and_the_original_arrives():
    lab = Crossroads()
    captures = [Capture(host, "eth0") for host in (lab.b, lab.c)]
    receiver, receiver6 = UdpReceiver(lab.a, 5000), UdpReceiver(lab.a, 5000, socket.AF_INET6)
    daemon = Daemon(lab.router, {"10.toml": rule("all", 10, "mirror", 'via = ["eth2", "eth3"]')})
    lab.know_neighbours()
    sender = FrameSender(lab.sender, "eth0")
    v4 = _frame(lab, ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, MARK), ttl=7, tos=0xb9))
    v6 = _frame(lab, ipv6(lab.SENDER6, lab.SERVER6, udp(lab.SENDER6, lab.SERVER6, 4000, 5000, MARK), hop_limit=7), 0x86DD)
    for frame in (v4, v6):
        sender.send(frame)
    for host, capture in zip("bc", captures):
        expect_equal(sorted(capture.frames(2, wanted=_marked)), sorted([v4, v6]), f"frames at {host}")
    for got in (receiver.collect(1), receiver6.collect(1)):
        expect_equal([(d.payload, d.ttl) for d in got], [(MARK, 6)], "the original, routed by the kernel")
    targets = daemon.rule("all")["targets"]
    expect_equal([target["packets"] >= 2 for target in targets], [True, True], "copies counted")


def tags_go_along():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": rule("all", 10, "mirror", 'via = "eth2"', match=', vlan = "any"')})
    lab.know_neighbours()
    capture = OffloadedTags(lab.b)
    packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, MARK))
    FrameSender(lab.sender, "eth0").send(_frame(lab, struct.pack(">HH", 0x6005, 0x0800) + packet, 0x8100))
    expect_equal(capture.frame(lambda frame, _: _marked(frame)), (_frame(lab, packet), 0x6005), "the frame at b and its tag, which the kernel keeps beside it")
    expect_equal(daemon.packets("all"), 1, "packets counted")


@proves("mirror", "wire", "v4/egress")
def what_leaves_is_copied_as_it_leaves():
    lab = Crossroads()
    capture, outside = Capture(lab.c, "eth0"), Capture(lab.sender, "eth0")
    Daemon(lab.router, {"10.toml": rule("out", 10, "mirror", 'via = "eth3"', direction="egress", match=', ip_proto = "udp"')})
    lab.know_neighbours()
    send_udp(lab.a, lab.SENDER, 5000, 5, 200)
    sent = outside.frames(5, wanted=lambda frame: b"." * 50 in frame)
    expect_equal(len(sent), 5, "frames on the wire")
    expect_equal(capture.frames(5, wanted=lambda frame: b"." * 50 in frame), sent, "frames at c")


def the_rule_with_the_lower_number_decides():
    lab = Crossroads()
    capture = Capture(lab.c, "eth0")
    receivers = [UdpReceiver(host, 5000) for host in (lab.a, lab.b)]
    mirror = 'via = "eth3"'
    steer = 'via = "eth2", next_hop = "10.10.2.1"'
    daemon = Daemon(lab.router, {"10.toml": rule("mirror", 10, "mirror", mirror) + rule("steer", 20, "steer", steer)})
    lab.know_neighbours()
    send_udp(lab.sender, lab.SERVER, 5000, 5, 200)
    expect_equal([len(receiver.collect(5, 1)) for receiver in receivers], [5, 0], "datagrams at a and b, mirror first")
    expect_equal(len(capture.frames(5, wanted=lambda frame: b"." * 50 in frame)), 5, "copies, mirror first")
    daemon.set({"10.toml": rule("mirror", 30, "mirror", mirror) + rule("steer", 20, "steer", steer)})
    send_udp(lab.sender, lab.SERVER, 5000, 5, 200)
    expect_equal([len(receiver.collect(5, 1)) for receiver in receivers], [0, 5], "datagrams at a and b, steer first")
    expect_equal(capture.frames(1, 0.3, wanted=lambda frame: b"." * 50 in frame), [], "copies, steer first")


def a_link_that_is_down_harms_no_other():
    lab = Crossroads()
    capture, receiver = Capture(lab.c, "eth0"), UdpReceiver(lab.a, 5000)
    daemon = Daemon(lab.router, {"10.toml": rule("all", 10, "mirror", 'via = ["eth2", "eth3"]', match=', ip_proto = "udp"')})
    lab.know_neighbours()
    lab.router.ip("link", "set", "eth2", "down")
    until(lambda: daemon.rule("all")["targets"][0]["state"] == "link-down", "the daemon has seen that the link is down")
    send_udp(lab.sender, lab.SERVER, 5000, 5, 200)
    expect_equal(len(receiver.collect(5)), 5, "originals")
    expect_equal(len(capture.frames(5, wanted=lambda frame: b"." * 50 in frame)), 5, "copies at c")
    expect_equal([target["packets"] for target in daemon.rule("all")["targets"]], [0, 5], "copies counted")


main(__doc__,
     copies_are_the_frame_and_the_original_arrives,
     tags_go_along,
     what_leaves_is_copied_as_it_leaves,
     the_rule_with_the_lower_number_decides,
     a_link_that_is_down_harms_no_other)
