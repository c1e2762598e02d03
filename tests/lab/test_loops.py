#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A packet of ours that meets our hooks again is let go, counted or ended; a packet of others never is."""
import socket
import time

from harness import expect, expect_equal, main, proves, until
from lab import Crossroads, Daemon
from traffic import FrameSender, UdpReceiver, UdpSender, ethernet, ipv4, send_udp, udp

PASSES = 64
STEER = """
[[rule]]
name = "{name}"
priority = {priority}
type = "steer"
match = {{ interface = "{interface}", direction = "{direction}", dst_ip = "{dst}", ip_proto = "udp" }}
action = {{ via = "{via}", next_hop_mac = "{mac}"{action} }}
"""
REPLICATE = """
[[rule]]
name = "{name}"
priority = {priority}
type = "replicate"
match = {{ interface = "{interface}", direction = "{direction}", dst_ip = "{dst}", ip_proto = "udp" }}
"""
TARGET = """
[[rule.action.targets]]
via = "{0}"
next_hop_mac = "{1}"
"""
GROUP = "239.1.1.1"


def steer(name, priority, interface, via, mac, dst=Crossroads.SERVER, direction="ingress", action=""):
    return STEER.format(name=name, priority=priority, interface=interface, via=via, mac=mac, dst=dst, direction=direction, action=action)


def replicate(name, priority, interface, targets, dst=GROUP, direction="ingress"):
    head = REPLICATE.format(name=name, priority=priority, interface=interface, dst=dst, direction=direction)
    return head + "".join(TARGET.format(*target[:2]) + "".join(f"{line}\n" for line in target[2:]) for target in targets)


def pair(lab, left, right):
    """A veth pair inside the router."""
    lab.router.ip("link", "add", left, "type", "veth", "peer", "name", right)
    for device in (left, right):
        lab.router.sysctl(f"ipv6.conf.{device}.disable_ipv6", 1)
        lab.router.ip("link", "set", device, "up")


def sent(daemon, name):
    """How often a rule sent something: by the counters of its targets, of a steer rule by its own."""
    rule = next(rule for rule in daemon.stat("stats")["rules"] if rule["name"] == name)
    if rule["type"] == "steer":
        return rule["packets"] - sum(rule["failures"].values())
    return sum(target["packets"] for target in rule["targets"])


def reason(daemon, name):
    return daemon.stat("stats")["reasons"].get(name, 0)


def settled(value):
    """The value once it has not changed for a while."""
    last, since = value(), time.monotonic()
    end = since + 10
    while time.monotonic() - since < 0.3:
        expect(time.monotonic() < end, f"no end: {last} so far")
        time.sleep(0.02)
        now = value()
        if now != last:
            last, since = now, time.monotonic()
    return last


def _one_packet_in_a_loop_of_two_veth_pairs(server, family, ttl):
    lab = Crossroads()
    pair(lab, "a0", "a1")
    pair(lab, "b0", "b1")
    daemon = Daemon(lab.router, {"10.toml": "".join((
        steer("enter", 10, "eth0", "a0", lab.router.mac("a1"), server, action=ttl),
        steer("from-a", 20, "a1", "b0", lab.router.mac("b1"), server, action=ttl),
        steer("from-b", 30, "b1", "a0", lab.router.mac("a1"), server, action=ttl)))})
    at_a = UdpReceiver(lab.a, 5000, family)
    send_udp(lab.sender, server, 5000, 1)
    names = ("enter", "from-a", "from-b")
    passes = settled(lambda: sum(sent(daemon, name) for name in names))
    expect_equal(passes, PASSES, "times the packet was sent on")
    expect_equal(sum(daemon.packets(name) for name in names), PASSES + 1, "times it matched")
    expect_equal(reason(daemon, "loop"), 1, "packets ended for looping")
    expect(at_a.nothing(0.1), "the looping packet got out")


@proves("loop", "wire", "v4/ingress")
def one_packet_in_a_loop_of_two_veth_pairs_ends_after_64_passes_with_its_ttl_kept():
    _one_packet_in_a_loop_of_two_veth_pairs(Crossroads.SERVER, socket.AF_INET, ', ttl = "keep"')


def one_packet_in_a_loop_of_two_veth_pairs_ends_after_64_passes_with_its_ttl_set():
    _one_packet_in_a_loop_of_two_veth_pairs(Crossroads.SERVER, socket.AF_INET, ", ttl = 200")


@proves("loop", "wire", "v6/ingress")
def one_ipv6_packet_in_a_loop_of_two_veth_pairs_ends_after_64_passes():
    _one_packet_in_a_loop_of_two_veth_pairs(Crossroads.SERVER6, socket.AF_INET6, ', ttl = "keep"')


def a_loop_by_the_rewriting_way_ends_after_64_passes_too():
    """Each pass rewrites a port, so none takes the short way of a plain steer."""
    lab = Crossroads()
    pair(lab, "a0", "a1")
    daemon = Daemon(lab.router, {"10.toml": "".join((
        steer("enter", 10, "eth0", "a0", lab.router.mac("a1")),
        steer("round", 20, "a1", "a0", lab.router.mac("a1"), action=', ttl = "keep", src_port = 77')))})
    send_udp(lab.sender, lab.SERVER, 5000, 1)
    expect_equal(settled(lambda: sent(daemon, "enter") + sent(daemon, "round")), PASSES, "times the packet was sent on")
    expect_equal(reason(daemon, "loop"), 1, "packets ended for looping")


def a_loop_through_a_bridge_ends_after_64_passes_though_its_port_has_a_hook_too():
    lab = Crossroads()
    pair(lab, "a0", "a1")
    for words in (("add", "br0", "type", "bridge"), ("set", "a1", "master", "br0"), ("set", "br0", "up")):
        lab.router.ip("link", *words)
    until(lambda: "state forwarding" in lab.router.exec("bridge", "link").stdout, "the port forwards", 40)
    mac = lab.router.mac("br0")
    daemon = Daemon(lab.router, {"10.toml": "".join((
        steer("enter", 10, "eth0", "a0", mac),
        steer("others", 20, "a1", "a0", mac, dst="10.99.0.1"),
        steer("round", 30, "br0", "a0", mac, action=', ttl = "keep"')))})
    send_udp(lab.sender, lab.SERVER, 5000, 1)
    expect_equal(settled(lambda: sent(daemon, "enter") + sent(daemon, "round")), PASSES, "times the packet was sent on")
    expect_equal(reason(daemon, "loop"), 1, "packets ended for looping")


def two_egress_rules_that_point_at_each_other_end_at_the_first_device():
    lab = Crossroads()
    at_a, at_b = UdpReceiver(lab.a, 5000), UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": "".join((
        steer("one", 10, "eth1", "eth2", lab.b.mac("eth0"), direction="egress"),
        steer("two", 20, "eth2", "eth1", lab.a.mac("eth0"), direction="egress")))})
    lab.know_neighbours()
    payloads = send_udp(lab.sender, lab.SERVER, 5000, 20)
    expect_equal([d.payload for d in at_b.collect(20)], payloads, "datagrams at b")
    expect(at_a.nothing(0.2), "a datagram came back to a")
    expect_equal((daemon.packets("one"), daemon.packets("two")), (20, 0), "packets counted for the two rules")
    expect_equal(reason(daemon, "own-copy"), 20, "packets let go at the second device")


def a_steered_packet_is_not_matched_again_at_the_egress_of_its_device():
    lab = Crossroads()
    at_b, at_c = UdpReceiver(lab.b, 5000), UdpReceiver(lab.c, 5000)
    for action in ("", ", src_port = 77"):
        daemon = Daemon(lab.router, {"10.toml": "".join((
            steer("in", 10, "eth0", "eth2", lab.b.mac("eth0"), action=action),
            steer("out", 20, "eth2", "eth3", lab.c.mac("eth0"), direction="egress")))}, name="rudderd" + str(len(action)))
        lab.know_neighbours()
        payloads = send_udp(lab.sender, lab.SERVER, 5000, 20)
        expect_equal([d.payload for d in at_b.collect(20)], payloads, "datagrams at b")
        expect(at_c.nothing(0.2), "a datagram was steered twice")
        expect_equal((daemon.packets("in"), daemon.packets("out")), (20, 0), "packets counted")
        daemon.end()


def a_packet_that_waits_for_its_neighbour_is_not_matched_again_either():
    """The kernel resolves the address and sends the packet later, from its queue."""
    lab = Crossroads()
    at_b, at_c = UdpReceiver(lab.b, 5000), UdpReceiver(lab.c, 5000)
    rule = steer("in", 10, "eth0", "eth2", "", action=', next_hop = "10.10.2.1"').replace('next_hop_mac = "", ', "")
    rule = rule.replace(', next_hop_mac = ""', "")
    daemon = Daemon(lab.router, {"10.toml": rule + steer("out", 20, "eth2", "eth3", lab.c.mac("eth0"), direction="egress")})
    lab.b.ip("link", "set", "eth0", "arp", "off")
    lab.router.ip("neigh", "flush", "dev", "eth2")
    payloads = send_udp(lab.sender, lab.SERVER, 5000, 1)
    lab.b.ip("link", "set", "eth0", "arp", "on")
    expect_equal([d.payload for d in at_b.collect(1, 5)], payloads, "datagrams at b")
    expect(at_c.nothing(0.2), "the datagram was steered twice")
    expect_equal((daemon.packets("in"), daemon.packets("out")), (1, 0), "packets counted")


def a_copy_is_never_copied_again():
    lab = Crossroads()
    pair(lab, "x0", "x1")
    receivers = [UdpReceiver(host, 5000, group=GROUP) for host in lab.hosts]
    mac = {f"eth{n}": host.mac("eth0") for n, host in enumerate(lab.hosts, 1)}
    daemon = Daemon(lab.router, {"10.toml":
        replicate("first", 10, "eth0", [("eth1", mac["eth1"]), ("x0", lab.router.mac("x1"))]) +
        replicate("second", 20, "x1", [("eth2", mac["eth2"]), ("eth3", mac["eth3"]), ("x0", lab.router.mac("x1"))])})
    payloads = send_udp(lab.sender, GROUP, 5000, 10, ttl=200)
    expect_equal([d.payload for d in receivers[0].collect(10)], payloads, "datagrams at a")
    expect(receivers[1].nothing(0.2) and receivers[2].nothing(0.01), "a copy was copied again")
    expect_equal((daemon.packets("second"), sent(daemon, "second")), (10, 0), "packets matched and copies sent by the second rule")
    expect_equal(reason(daemon, "own-copy"), 10, "copies let go")


def a_steered_packet_is_copied_and_the_copies_are_not():
    """One packet into a loop that doubles what passes: two copies, no more."""
    lab = Crossroads()
    pair(lab, "x0", "x1")
    mac = lab.router.mac("x1")
    daemon = Daemon(lab.router, {"10.toml":
        steer("enter", 10, "eth0", "x0", mac, GROUP, action=', ttl = "keep"') +
        replicate("double", 20, "x1", [("x0", mac, 'ttl = "keep"')] * 2)})
    frame = ethernet("01:00:5e:01:01:01", lab.sender.mac("eth0"), ipv4(lab.SENDER, GROUP, udp(lab.SENDER, GROUP, 1, 5000, b"once")))
    FrameSender(lab.sender, "eth0").send(frame)
    expect_equal(settled(lambda: sent(daemon, "double")), 2, "copies sent")
    expect_equal((daemon.packets("enter"), daemon.packets("double")), (1, 3), "packets matched")
    expect_equal(reason(daemon, "own-copy"), 2, "copies let go")


def packets_that_wait_below_a_copy_are_treated_as_ever():
    """A copy leaves by a macvlan whose queue holds packets of others: sending the copy sends them too. Each must meet
    the egress rule of the device below, and the copies after it must be right."""
    lab = Crossroads()
    router = lab.router
    router.ip("link", "add", "mv0", "link", "eth3", "type", "macvlan", "mode", "private")
    router.up("mv0", "10.10.3.77/24")
    router.tc("qdisc", "add", "dev", "mv0", "root", "tbf", "rate", "8mbit", "burst", "3000", "limit", "4000000")
    mac = [host.mac("eth0") for host in lab.hosts]
    daemon = Daemon(router, {"10.toml": replicate("copies", 10, "eth0", [
        ("mv0", mac[2], 'dst_ip = "10.10.3.1"'), ("eth1", mac[0], 'dst_ip = "10.10.1.1"'), ("eth2", mac[1], 'dst_ip = "10.10.2.1"')]) +
        replicate("below", 20, "eth3", [("eth2", mac[1], 'dst_ip = "10.10.2.1"', "dst_port = 7000"), ("eth3", mac[2])],
                  "10.10.3.1/32", "egress").replace('ip_proto = "udp"', 'ip_proto = "udp", dst_port = 7777')})
    lab.know_neighbours()
    at = [UdpReceiver(host, 5000) for host in lab.hosts]
    others_at_c, others_at_b = UdpReceiver(lab.c, 7777), UdpReceiver(lab.b, 7000)
    other = UdpSender(router, "10.10.3.1", 7777, source="10.10.3.77")
    other.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"mv0")
    stream = UdpSender(lab.sender, GROUP, 5000, ttl=9)
    others, copies = [], []
    for number in range(200):
        payload = f"other {number}".encode().ljust(1000, b".")
        other.socket.sendto(payload, other.target)
        others.append(payload)
        payload = f"copy {number}".encode()
        stream.socket.sendto(payload, stream.target)
        copies.append(payload)
        time.sleep(0.0005)
    for receiver in (others_at_c, others_at_b):
        expect_equal(sorted(d.payload for d in receiver.collect(200, 5)), sorted(others), f"packets of others at {receiver.namespace.name}")
    for receiver in at:
        expect_equal(sorted(d.payload for d in receiver.collect(200, 5)), sorted(copies), f"copies at {receiver.namespace.name}")
        expect_equal(receiver.namespace.udp_errors(), 0, f"UDP errors at {receiver.namespace.name}")
    expect_equal((daemon.packets("below"), sent(daemon, "below")), (200, 400), "packets of others matched and copied")


main(__doc__,
     one_packet_in_a_loop_of_two_veth_pairs_ends_after_64_passes_with_its_ttl_kept,
     one_packet_in_a_loop_of_two_veth_pairs_ends_after_64_passes_with_its_ttl_set,
     one_ipv6_packet_in_a_loop_of_two_veth_pairs_ends_after_64_passes,
     a_loop_by_the_rewriting_way_ends_after_64_passes_too,
     a_loop_through_a_bridge_ends_after_64_passes_though_its_port_has_a_hook_too,
     two_egress_rules_that_point_at_each_other_end_at_the_first_device,
     a_steered_packet_is_not_matched_again_at_the_egress_of_its_device,
     a_packet_that_waits_for_its_neighbour_is_not_matched_again_either,
     a_copy_is_never_copied_again,
     a_steered_packet_is_copied_and_the_copies_are_not,
     packets_that_wait_below_a_copy_are_treated_as_ever)
