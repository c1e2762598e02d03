#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules are for untagged packets unless `vlan` says otherwise; a tag goes along with the packet."""
import struct

from harness import expect_equal, main
from lab import Crossroads, Daemon
from traffic import FrameSender, TaggedCapture, ethernet, ipv4, udp

RULE = '[[rule]]\nname = "{0}"\npriority = {1}\ntype = "steer"\nmatch = {{ interface = "eth0", ip_proto = "udp"{2} }}\naction = {{ {3} }}\n'


class Trunk:
    """A sender of tagged frames to the router's eth0, and captures behind it."""

    def __init__(self, policy):
        self.lab = Crossroads()
        self.daemon = Daemon(self.lab.router, {"10.toml": policy})
        self.lab.know_neighbours()
        self.sender = FrameSender(self.lab.sender, "eth0")
        self.captures = {host.name: TaggedCapture(host, b"tagged") for host in self.lab.hosts}

    def where(self, *tags):
        """Where a datagram with these tags, from the outside in, arrives, and with which."""
        packet = ipv4(self.lab.SENDER, self.lab.SERVER, udp(self.lab.SENDER, self.lab.SERVER, 4000, 5000, b"tagged"))
        ethertype = 0x0800
        for number, tci in enumerate(reversed(tags)):
            packet = struct.pack(">HH", tci, ethertype) + packet
            ethertype = 0x88A8 if number > 0 else 0x8100
        self.sender.send(ethernet(self.lab.router.mac("eth0"), self.lab.sender.mac("eth0"), packet, ethertype))
        return {name: tags for name, capture in self.captures.items() for tags in capture.tags()}


TO_B, TO_C = 'via = "eth2", next_hop = "10.10.2.1"', 'via = "eth3", next_hop = "10.10.3.1"'


def a_rule_without_vlan_is_for_untagged_packets():
    trunk = Trunk(RULE.format("plain", 1, "", TO_B))
    expect_equal(trunk.where(), {"b": []}, "untagged")
    expect_equal(trunk.where(5), {}, "in a VLAN: left to the kernel, which has no such device")
    expect_equal(trunk.where(0xE000).get("b") is not None, True, "a priority tag does not make a VLAN")
    expect_equal(trunk.daemon.packets("plain"), 2, "packets counted")


def vlan_selects_by_the_outer_tag_which_goes_along():
    trunk = Trunk(RULE.format("five", 1, ", vlan = 5", TO_B) + RULE.format("many", 2, ', vlan = ["7", "100-199"]', TO_C))
    expect_equal(trunk.where(5), {"b": [5]}, "VLAN 5")
    expect_equal(trunk.where(0x6005), {"b": [5]}, "VLAN 5 with a priority")
    expect_equal(trunk.where(150), {"c": [150]}, "VLAN 150")
    expect_equal(trunk.where(6), {}, "another VLAN")
    expect_equal(trunk.where(), {"a": []}, "untagged: the kernel's route")
    expect_equal(trunk.where(5, 7), {"b": [5, 7]}, "QinQ, outer 5")
    expect_equal(trunk.where(7, 5), {"c": [7, 5]}, "QinQ, outer 7")
    expect_equal([trunk.daemon.packets(name) for name in ("five", "many")], [3, 2], "packets counted")


def none_and_any_are_untagged_and_all():
    trunk = Trunk(RULE.format("none", 1, ', vlan = ["none", 9]', TO_B) + RULE.format("any", 2, ', vlan = "any"', TO_C))
    expect_equal((trunk.where(), trunk.where(9), trunk.where(10)), ({"b": []}, {"b": [9]}, {"c": [10]}), "where packets go")


main(__doc__,
     a_rule_without_vlan_is_for_untagged_packets,
     vlan_selects_by_the_outer_tag_which_goes_along,
     none_and_any_are_untagged_and_all)
