#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A replicate rule sends one rewritten copy to each target, and a target that fails harms no other."""
import socket

from harness import clear, expect_equal, main
from lab import Crossroads, Daemon
from traffic import Capture, UdpReceiver, mac_text, send_udp

HEAD = """
[[rule]]
name = "stream"
priority = 20
type = "replicate"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "{group}" }}
[rule.action]
original = "{original}"
"""
TARGET = """
[[rule.action.targets]]
dst_ip = "{0}"
via = "{1}"
"""


def policy(targets, original="consume", group="239.1.1.1"):
    return HEAD.format(group=group, original=original) + "".join(
        TARGET.format(*target[:2]) + "".join(f"{line}\n" for line in target[2:]) for target in targets)


THREE = [("10.10.1.1", "eth1"), ("10.10.2.1", "eth2", "dst_port = 5005"), ("10.10.3.1", "eth3", 'dscp = "cs6"')]


def three_targets_get_one_copy_each_with_their_own_rewrite():
    lab = Crossroads()
    receivers = [UdpReceiver(lab.a, 5004), UdpReceiver(lab.b, 5005), UdpReceiver(lab.c, 5004)]
    captures = [Capture(host, "eth0") for host in lab.hosts]
    daemon = Daemon(lab.router, {"20.toml": policy(THREE)})
    lab.know_neighbours()
    sent = send_udp(lab.sender, "239.1.1.1", 5004, 30, 300, ttl=4, source_port=4000)
    wanted = [("10.10.1.1", 5004, 0), ("10.10.2.1", 5005, 0), ("10.10.3.1", 5004, 48)]
    for host, receiver, header in zip(lab.hosts, receivers, wanted):
        got = receiver.collect(30)
        expect_equal([d.payload for d in got], sent, f"datagrams at {host.name}")
        expect_equal({(d.destination, d.port, d.dscp) for d in got}, {header}, f"header at {host.name}")
        expect_equal({(d.source, d.source_port, d.ttl) for d in got}, {(lab.SENDER, 4000, 64)}, f"source and TTL at {host.name}")
        expect_equal(host.udp_errors(), 0, f"UDP errors at {host.name}")
    for number, (host, capture) in enumerate(zip(lab.hosts, captures), 1):
        frame = capture.frames(1, wanted=lambda f: b"." * 50 in f)[0]
        expect_equal((mac_text(frame[:6]), mac_text(frame[6:12])), (host.mac("eth0"), lab.router.mac(f"eth{number}")),
                     f"MAC addresses at {host.name}")
    expect_equal(daemon.packets("stream"), 30, "packets counted for the rule")


def ipv6_multicast_becomes_unicast():
    lab = Crossroads()
    receivers = [UdpReceiver(host, 5004, socket.AF_INET6) for host in lab.hosts]
    targets = [(f"2001:db8:{number}::1", f"eth{number}") for number in (1, 2, 3)]
    Daemon(lab.router, {"20.toml": policy(targets, group="ff05::1234")})
    lab.know_neighbours()
    sent = send_udp(lab.sender, "ff05::1234", 5004, 10, 101, ttl=4)
    for number, receiver in enumerate(receivers, 1):
        got = receiver.collect(10)
        expect_equal([d.payload for d in got], sent, f"datagrams at host {number}")
        expect_equal({(d.destination, d.ttl) for d in got}, {(f"2001:db8:{number}::1", 64)}, "destination and hop limit")
        expect_equal(receiver.namespace.udp_errors(), 0, "UDP errors")


def sixty_four_targets_get_a_copy_each():
    lab = Crossroads()
    addresses = []
    for number in range(64):
        host = number % 3
        addresses.append((host, f"10.10.{host + 1}.{100 + number}"))
        lab.hosts[host].ip("address", "add", f"{addresses[-1][1]}/24", "dev", "eth0")
    receivers = [UdpReceiver(host, 5004) for host in lab.hosts]
    Daemon(lab.router, {"20.toml": policy([(address, f"eth{host + 1}") for host, address in addresses])})
    lab.router.exec("sh", "-c", "for a in " + " ".join(a for _, a in addresses) + "; do ping -c1 -W1 $a & done; wait")
    sent = send_udp(lab.sender, "239.1.1.1", 5004, 20, 120, ttl=4)
    for host, receiver in enumerate(receivers):
        mine = [address for index, address in addresses if index == host]
        got = receiver.collect(20 * len(mine))
        expect_equal(sorted((d.destination, d.payload) for d in got), sorted((a, p) for a in mine for p in sent),
                     f"copies at host {receiver.namespace.name}")
        expect_equal(receiver.namespace.udp_errors(), 0, "UDP errors")


def copies_of_multicast_to_multicast_go_out_with_the_group_mac():
    lab = Crossroads()
    at_b, frames = UdpReceiver(lab.b, 5004, group="239.9.9.9"), Capture(lab.b, "eth0")
    Daemon(lab.router, {"20.toml": policy([("239.9.9.9", "eth2")])})
    sent = send_udp(lab.sender, "239.1.1.1", 5004, 5, 100, ttl=4)
    got = at_b.collect(5)
    expect_equal([d.payload for d in got], sent, "datagrams of the group at b")
    expect_equal({d.ttl for d in got}, {3}, "TTL of a multicast copy")
    expect_equal(mac_text(frames.frames(1, wanted=lambda f: b"." * 50 in f)[0][:6]), "01:00:5e:09:09:09", "destination MAC")


def one_group_becomes_others_of_both_families():
    for here, there, mac, family in (("239.1.1.1", "232.200.9.9", "01:00:5e:48:09:09", socket.AF_INET),
                                     ("ff05::1234", "ff3e::9999:8888", "33:33:99:99:88:88", socket.AF_INET6)):
        lab = Crossroads()
        at_b = UdpReceiver(lab.b, 6004, family, group=there)
        at_c, frames = UdpReceiver(lab.c, 5004, family, group=there), Capture(lab.c, "eth0")
        Daemon(lab.router, {"20.toml": policy([(there, "eth2", "dst_port = 6004"), (there, "eth3", 'src_ip = "interface"')], group=here)},
               name=here.replace(":", "-"))
        sent = send_udp(lab.sender, here, 5004, 5, 100, ttl=4)
        own = "10.10.3.254" if family == socket.AF_INET else "2001:db8:3::fe"
        sender = lab.SENDER if family == socket.AF_INET else "2001:db8::2"
        for receiver, source in ((at_b, sender), (at_c, own)):
            got = receiver.collect(5)
            expect_equal([d.payload for d in got], sent, f"datagrams of {there} at {receiver.namespace.name}")
            expect_equal({(d.source, d.ttl) for d in got}, {(source, 3)}, f"source and TTL at {receiver.namespace.name}")
        expect_equal(mac_text(frames.frames(1, wanted=lambda f: b"." * 50 in f)[0][:6]), mac, "destination MAC")
        clear()


def the_original_is_consumed_or_passes_as_the_rule_says():
    for original, arrives in (("consume", 0), ("pass", 10)):
        lab = Crossroads(1)
        at_router = UdpReceiver(lab.router, 5004, group="239.1.1.1", device="eth0")
        at_a = UdpReceiver(lab.a, 5004)
        Daemon(lab.router, {"20.toml": policy([("10.10.1.1", "eth1", "dst_port = 5004")], original)}, name=original)
        lab.know_neighbours()
        sent = send_udp(lab.sender, "239.1.1.1", 5004, 10, 77, ttl=4, source_port=4001)
        expect_equal([d.payload for d in at_a.collect(10)], sent, f"{original}: copies")
        got = at_router.collect(arrives or 1, 0.4)
        expect_equal([d.payload for d in got], sent[:arrives], f"{original}: originals")
        expect_equal({(d.destination, d.ttl, d.source_port) for d in got}, {("239.1.1.1", 4, 4001)} if arrives else set(),
                     f"{original}: the original is unchanged")
        clear()


def unicast_can_be_replicated_too():
    lab = Crossroads()
    receivers = [UdpReceiver(host, 5004) for host in lab.hosts]
    Daemon(lab.router, {"20.toml": policy([("10.10.2.1", "eth2"), ("10.10.3.1", "eth3")], "pass", Crossroads.SERVER)})
    lab.know_neighbours()
    sent = send_udp(lab.sender, lab.SERVER, 5004, 10, 99)
    for receiver in receivers:
        got = receiver.collect(10)
        expect_equal([d.payload for d in got], sent, f"datagrams at {receiver.namespace.name}")
        expect_equal({d.ttl for d in got}, {63}, f"TTL at {receiver.namespace.name}")


def _others_get_all(break_second):
    lab = Crossroads()
    receivers = [UdpReceiver(lab.a, 5004), UdpReceiver(lab.c, 5004)]
    Daemon(lab.router, {"20.toml": policy([(f"10.10.{number}.1", f"eth{number}") for number in (1, 2, 3)])})
    lab.know_neighbours()
    break_second(lab)
    sent = send_udp(lab.sender, "239.1.1.1", 5004, 50, 150, ttl=4)
    for receiver in receivers:
        expect_equal([d.payload for d in receiver.collect(50)], sent, f"datagrams at {receiver.namespace.name}")
        expect_equal(receiver.namespace.udp_errors(), 0, "UDP errors")


def a_target_whose_link_is_down_harms_no_other():
    _others_get_all(lambda lab: lab.router.ip("link", "set", "eth2", "down"))


def a_target_without_carrier_harms_no_other():
    _others_get_all(lambda lab: lab.b.ip("link", "set", "eth0", "down"))


def a_target_whose_device_is_deleted_harms_no_other():
    _others_get_all(lambda lab: lab.router.ip("link", "delete", "eth2"))


def a_target_without_a_neighbour_harms_no_other():
    def nobody_there(lab):
        lab.b.ip("address", "flush", "dev", "eth0")
        lab.router.ip("neigh", "flush", "all")
        lab.know_neighbours()
    _others_get_all(nobody_there)


def a_target_too_small_for_the_packet_harms_no_other():
    def small(lab):
        lab.router.ip("link", "set", "eth2", "mtu", "140")
    _others_get_all(small)


main(__doc__,
     three_targets_get_one_copy_each_with_their_own_rewrite,
     ipv6_multicast_becomes_unicast,
     sixty_four_targets_get_a_copy_each,
     copies_of_multicast_to_multicast_go_out_with_the_group_mac,
     one_group_becomes_others_of_both_families,
     the_original_is_consumed_or_passes_as_the_rule_says,
     unicast_can_be_replicated_too,
     a_target_whose_link_is_down_harms_no_other,
     a_target_without_carrier_harms_no_other,
     a_target_whose_device_is_deleted_harms_no_other,
     a_target_without_a_neighbour_harms_no_other,
     a_target_too_small_for_the_packet_harms_no_other)
