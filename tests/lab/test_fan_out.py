#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is broadcast or sent once reaches many; and broadcasts are nobody's who does not ask for them."""
import pathlib

from harness import clear, expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import Capture, UdpReceiver, mac_text, send_udp

EXAMPLE = {"32.toml": (pathlib.Path(__file__).parents[2] / "conf.d" / "32-fan-out.toml").read_text()}
STEER = """
[[rule]]
name = "to-b"
priority = 10
type = "steer"
match = {{ interface = "eth0", dst_ip = "{destination}", ip_proto = "udp" }}
action = {{ via = "eth2", dst_ip = "{target}"{more} }}
"""


def steer(destination, target="10.10.2.1", more=""):
    return {"10.toml": STEER.format(destination=destination, target=target, more=more)}


def _payloads(receiver, count):
    return [datagram.payload for datagram in receiver.collect(count)]


def syslog_that_is_broadcast_reaches_every_collector():
    for destination in ("10.10.0.255", "255.255.255.255"):
        lab = Crossroads()
        receivers = [UdpReceiver(host, 514) for host in lab.hosts]
        here = UdpReceiver(lab.router, 514)
        daemon = Daemon(lab.router, EXAMPLE)
        lab.know_neighbours()
        sent = send_udp(lab.sender, destination, 514, 20, 200)
        for receiver, address in zip(receivers[:2], ("10.10.1.1", "10.10.2.1")):
            got = receiver.collect(20)
            expect_equal([d.payload for d in got], sent, f"datagrams at {address}")
            expect_equal({(d.source, d.destination) for d in got}, {(lab.SENDER, address)}, "addresses")
        expect(here.nothing() and receivers[2].nothing(0.05), "the original, or a copy at a host that is no collector")
        expect_equal(daemon.packets("syslog-broadcast"), 20, "packets counted for the rule")
        expect_equal([host.udp_errors() for host in lab.hosts], [0, 0, 0], "UDP errors")
        clear()


def netflow_to_this_host_reaches_three_collectors():
    lab = Crossroads()
    receivers = [UdpReceiver(lab.a, 2055), UdpReceiver(lab.b, 2055), UdpReceiver(lab.c, 9995)]
    here = UdpReceiver(lab.router, 2055)
    Daemon(lab.router, EXAMPLE)
    lab.know_neighbours()
    sent = send_udp(lab.sender, "10.10.0.1", 2055, 20, 1400)
    for receiver in receivers:
        expect_equal(_payloads(receiver, 20), sent, "datagrams at a collector")
    expect(here.nothing(), "the original")


def sflow_is_copied_to_every_host_of_a_network():
    lab = Crossroads()
    here, at_c = UdpReceiver(lab.router, 6343), UdpReceiver(lab.c, 6343)
    capture = Capture(lab.c, "eth0")
    Daemon(lab.router, EXAMPLE)
    lab.know_neighbours()
    sent = send_udp(lab.sender, "10.10.0.1", 6343, 20, 700)
    expect_equal(_payloads(here, 20), sent, "originals")
    expect_equal([(d.payload, d.source) for d in at_c.collect(20)], [(text, lab.SENDER) for text in sent], "copies")
    frame = capture.frames(1, wanted=lambda f: b"." * 50 in f)[0]
    expect_equal((mac_text(frame[:6]), mac_text(frame[6:12])), ("ff:ff:ff:ff:ff:ff", lab.router.mac("eth3")), "MAC addresses")


def a_packet_moves_to_everybody_on_another_network():
    for target in ("10.10.2.255", "255.255.255.255"):
        lab = Crossroads()
        at_b = UdpReceiver(lab.b, 5000)
        Daemon(lab.router, steer("10.20.0.10", target))
        sent = send_udp(lab.sender, lab.SERVER, 5000, 10)
        expect_equal([(d.payload, d.destination) for d in at_b.collect(10)], [(text, target) for text in sent], "datagrams at b")
        clear()


def a_wide_rule_and_the_host_of_a_unicast_frame_leave_broadcasts_alone():
    for destination in ("10.10.0.0/24", "0.0.0.0/0", "10.10.0.254"):
        lab = Crossroads()
        here, at_b = UdpReceiver(lab.router, 5000), UdpReceiver(lab.b, 5000)
        daemon = Daemon(lab.router, steer(destination))
        lab.know_neighbours()
        sent = send_udp(lab.sender, "10.10.0.255", 5000, 10)
        expect_equal(_payloads(here, 10), sent, f"broadcasts at the router with dst_ip = {destination}")
        expect(at_b.nothing(0.2), f"a broadcast was steered with dst_ip = {destination}")
        expect_equal(daemon.packets("to-b"), 0, "packets counted for the rule")
        clear()


def a_rule_follows_a_new_network():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    Daemon(lab.router, steer("10.77.0.63"))
    lab.know_neighbours()
    for host, number in ((lab.router, 1), (lab.sender, 2)):
        host.ip("address", "add", f"10.77.0.{number}/26", "dev", "eth0")

    def arrives():
        send_udp(lab.sender, "10.77.0.63", 5000)
        return at_b.receive(0.05)
    until(arrives, "a broadcast on the network that is new", 5)


main(__doc__,
     syslog_that_is_broadcast_reaches_every_collector,
     netflow_to_this_host_reaches_three_collectors,
     sflow_is_copied_to_every_host_of_a_network,
     a_packet_moves_to_everybody_on_another_network,
     a_wide_rule_and_the_host_of_a_unicast_frame_leave_broadcasts_alone,
     a_rule_follows_a_new_network)
