#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The link-layer address of a next hop is found, kept and followed; no packet is lost for want of it."""
import socket

from harness import clear, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender, send_udp

STEER = """
[[rule]]
name = "other-path"
priority = 10
type = "steer"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "{server}" }}
action = {{ via = "eth2", {how} }}
"""
REPLICATE = """
[[rule]]
name = "copies"
priority = 10
type = "replicate"
match = { interface = "eth0", direction = "ingress", dst_ip = "239.1.1.1" }
[[rule.action.targets]]
dst_ip = "10.10.2.1"
via = "eth2"
"""
V4, V6 = (Crossroads.SERVER, socket.AF_INET), (Crossroads.SERVER6, socket.AF_INET6)
WAYS = [(V4, 'next_hop = "10.10.2.1"'), (V6, 'next_hop = "2001:db8:2::1"'), (V4, 'dst_ip = "10.10.2.1"'), (V6, 'dst_ip = "2001:db8:2::1"')]


def the_first_packet_arrives_although_the_neighbour_is_unknown():
    for (server, family), how in WAYS:
        lab = Crossroads()
        at_b = UdpReceiver(lab.b, 5000, family)
        Daemon(lab.router, {"10.toml": STEER.format(server=server, how=how)})
        lab.router.ip("neigh", "flush", "dev", "eth2")
        sent = send_udp(lab.sender, server, 5000, 1)
        expect_equal([d.payload for d in at_b.collect(1)], sent, f"first datagram at b ({how})")
        clear()


def the_first_packet_arrives_although_the_neighbour_was_never_asked_for():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    Daemon(lab.router, {"10.toml": STEER.format(server=lab.SERVER, how='next_hop = "10.10.2.1"')})
    sent = send_udp(lab.sender, lab.SERVER, 5000, 1)
    expect_equal([d.payload for d in at_b.collect(1)], sent, "first datagram at b")


def a_target_of_replicate_is_resolved_without_traffic_to_it():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    Daemon(lab.router, {"10.toml": REPLICATE})
    sender = UdpSender(lab.sender, "239.1.1.1", 5000, ttl=5)

    def arrives():
        sender.send(1)
        return at_b.receive(0.05) is not None
    until(arrives, "a copy at b", 3)
    at_b.collect(0, 0.2)
    sent = sender.send(10)
    expect_equal([d.payload for d in at_b.collect(10)], sent, "copies at b")


def a_neighbour_that_comes_up_later_gets_its_copies():
    lab = Crossroads()
    lab.b.ip("link", "set", "eth0", "down")
    at_b = UdpReceiver(lab.b, 5000)
    Daemon(lab.router, {"10.toml": REPLICATE})
    sender = UdpSender(lab.sender, "239.1.1.1", 5000, ttl=5)
    sender.send(3)
    lab.b.ip("link", "set", "eth0", "up")

    def arrives():
        sender.send(1)
        return at_b.receive(0.05) is not None
    until(arrives, "a copy at b after its link came up", 8)


def a_neighbour_that_changes_its_mac_is_followed():
    for text, destination in ((STEER.format(server=Crossroads.SERVER, how='next_hop = "10.10.2.1"'), Crossroads.SERVER),
                              (REPLICATE, "239.1.1.1")):
        lab = Crossroads()
        at_b = UdpReceiver(lab.b, 5000)
        Daemon(lab.router, {"10.toml": text})
        lab.know_neighbours()
        sender = UdpSender(lab.sender, destination, 5000, ttl=5)
        sender.send(5)
        expect_equal(len(at_b.collect(5)), 5, "datagrams before")
        lab.b.ip("link", "set", "eth0", "address", "02:00:00:00:be:ef")
        lab.b.exec("ping", "-c1", "-W1", "10.10.2.254", check=False)  # the router learns it from the ARP request

        def arrives():
            sender.send(1)
            return at_b.receive(0.05) is not None
        until(arrives, "a datagram at the new MAC", 3)
        at_b.collect(0, 0.2)
        sent = sender.send(10)
        expect_equal([d.payload for d in at_b.collect(10)], sent, "datagrams after")
        clear()


def an_administrators_static_neighbour_is_used():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    lab.b.ip("link", "set", "eth0", "arp", "off")
    Daemon(lab.router, {"10.toml": REPLICATE})
    lab.router.ip("neigh", "replace", "10.10.2.1", "lladdr", lab.b.mac("eth0"), "dev", "eth2", "nud", "permanent")
    sender = UdpSender(lab.sender, "239.1.1.1", 5000, ttl=5)

    def arrives():
        sender.send(1)
        return at_b.receive(0.05) is not None
    until(arrives, "a copy at b", 3)


def a_route_that_changes_is_followed():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    lab.b.up("lo", "10.50.0.1/32")
    lab.router.ip("route", "add", "10.50.0.0/16", "via", "10.10.2.77", "dev", "eth2")
    Daemon(lab.router, {"10.toml": REPLICATE.replace('"10.10.2.1"', '"10.50.0.1"')})
    lab.router.ip("route", "replace", "10.50.0.0/16", "via", "10.10.2.1", "dev", "eth2")
    sender = UdpSender(lab.sender, "239.1.1.1", 5000, ttl=5)

    def arrives():
        sender.send(1)
        return at_b.receive(0.05) is not None
    until(arrives, "a copy at b by the new route", 4)


main(__doc__,
     the_first_packet_arrives_although_the_neighbour_is_unknown,
     the_first_packet_arrives_although_the_neighbour_was_never_asked_for,
     a_target_of_replicate_is_resolved_without_traffic_to_it,
     a_neighbour_that_comes_up_later_gets_its_copies,
     a_neighbour_that_changes_its_mac_is_followed,
     an_administrators_static_neighbour_is_used,
     a_route_that_changes_is_followed)
