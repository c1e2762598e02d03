#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`vlan` of an action: packets leave in another VLAN, tagged or untagged, and everything else about them stays right."""
import struct

from harness import expect, expect_equal, main, proves, until
from lab import Crossroads, Daemon, Namespace, veth
from stream import transfer
from traffic import FrameSender, TaggedCapture, Tun, UdpReceiver, ethernet, ipv4, send_udp, udp

MARK = b"tagged"
RULE = """
[[rule]]
name = "{0}"
priority = {1}
type = "steer"
match = {{ interface = "{2}", ip_proto = "udp", vlan = {3} }}
action = {{ {4} }}
"""


def datagram(lab, tags, payload=MARK, destination=None):
    """Ethertype and payload of a frame from the sender with these tags, from the outside in."""
    destination = destination or lab.SERVER
    packet = ipv4(lab.SENDER, destination, udp(lab.SENDER, destination, 4000, 5000, payload))
    ethertype = 0x0800
    for number, tci in enumerate(reversed(tags)):
        packet = struct.pack(">HH", tci, ethertype) + packet
        ethertype = 0x88A8 if number > 0 else 0x8100
    return packet, ethertype


def frame(lab, *tags, **options):
    packet, ethertype = datagram(lab, tags, **options)
    return ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet, ethertype)


def arrivals(captures):
    return {name: tags for name, capture in captures.items() for tags in capture.tags()}


def captures(lab):
    return {host.name: TaggedCapture(host, MARK, 0xFFFF) for host in lab.hosts}


@proves("vlan-rewrite", "wire", "v4/ingress")
def a_steered_packet_has_the_tag_of_the_action():
    lab = Crossroads()
    to_b, to_c = 'via = "eth2", next_hop = "10.10.2.1"', 'via = "eth3", next_hop = "10.10.3.1"'
    Daemon(lab.router, {"10.toml": RULE.format("in", 1, "eth0", '"none"', to_b + ", vlan = 7") +
                        RULE.format("other", 2, "eth0", 5, to_c + ", vlan = 8") +
                        RULE.format("out", 3, "eth0", 6, to_c + ', vlan = "none"')})
    lab.know_neighbours()
    sender, listeners = FrameSender(lab.sender, "eth0"), captures(lab)

    def where(*tags):
        sender.send(frame(lab, *tags))
        return arrivals(listeners)

    expect_equal(where(), {"b": [7]}, "untagged")
    expect_equal(where(0xE000), {"b": [0xE007]}, "with a priority tag")
    expect_equal(where(0x6005), {"c": [0x6008]}, "in VLAN 5: priority and drop eligibility stay")
    expect_equal(where(0x7006), {"c": []}, "out of VLAN 6")
    expect_equal(where(0x6005, 0x400A), {"c": [0x6008, 0x400A]}, "QinQ, another outer id")
    expect_equal(where(0x7006, 0x400A), {"c": [0x400A]}, "QinQ, the outer tag off")


def the_largest_packet_gets_its_tag_and_a_socket_behind_the_way_back_gets_it_whole():
    lab = Crossroads()
    Daemon(lab.router, {"10.toml": RULE.format("in", 1, "eth0", '"none"', 'via = "eth2", next_hop = "10.10.2.1", vlan = 7') +
                        RULE.format("out", 2, "eth0", 6, 'via = "eth3", next_hop = "10.10.3.1", vlan = "none"')})
    lab.know_neighbours()
    sender, listeners = FrameSender(lab.sender, "eth0"), captures(lab)
    receiver = UdpReceiver(lab.c, 5000)
    largest = MARK.ljust(1472, b".")
    sender.send(frame(lab, payload=largest))
    expect_equal(arrivals(listeners), {"b": [7]}, "1500 bytes and a tag")
    sender.send(frame(lab, 6, payload=largest))
    expect_equal([d.payload for d in receiver.collect(1)], [largest], "untagged, to a socket")


def an_unknown_neighbour_is_asked_for_and_the_packet_keeps_its_new_tag():
    lab = Crossroads()
    Daemon(lab.router, {"10.toml": RULE.format("in", 1, "eth0", '"none"', 'via = "eth2", vlan = 7')})
    listener = TaggedCapture(lab.b, MARK)
    lab.router.ip("neigh", "flush", "dev", "eth2")
    FrameSender(lab.sender, "eth0").send(frame(lab, destination="10.10.2.1"))
    expect_equal(listener.tags(2.0, 1), [[7]], "the first packet")


REPLICATE = """
[[rule]]
name = "copies"
priority = 1
type = "replicate"
match = {{ interface = "{interface}", direction = "{direction}", ip_proto = "udp", dst_port = 5000, vlan = "any" }}
action = {{ original = "{original}", targets = [
    {{ via = "eth2", next_hop_mac = "{b}", vlan = 7 }},
    {{ via = "eth3", next_hop_mac = "{c}" }},
    {{ via = "eth2", next_hop_mac = "{b}", vlan = "none" }},
    {{ via = "eth3", next_hop_mac = "{c}", vlan = 9 }} ] }}
"""


def _copies(lab, interface, direction, original):
    return Daemon(lab.router, {"10.toml": REPLICATE.format(interface=interface, direction=direction, original=original,
                                                           b=lab.b.mac("eth0"), c=lab.c.mac("eth0"))})


def copies_have_tags_of_their_own_and_the_original_arrives_as_it_was():
    lab = Crossroads()
    daemon = _copies(lab, "eth0", "ingress", "pass")
    lab.know_neighbours()
    listeners = captures(lab)
    receivers = {name: UdpReceiver(getattr(lab, name), 5000) for name in "abc"}
    payloads = send_udp(lab.sender, lab.SERVER, 5000, 3, 20)
    for name, listener in listeners.items():
        listener.mark = payloads[1]
        wanted = {"a": [[]], "b": [[7], []], "c": [[], [9]]}[name]
        expect_equal(listener.tags(), wanted, f"tags of one packet's copies at {name}")
    for name, receiver in receivers.items():
        expect_equal([d.payload for d in receiver.collect(3)], payloads, f"untagged datagrams at the socket of {name}")
    expect_equal(sum(host.udp_errors() for host in lab.hosts), 0, "checksum errors")
    expect_equal(daemon.packets("copies"), 3, "packets of the rule")


def copies_of_tagged_packets_too():
    lab = Crossroads()
    _copies(lab, "eth0", "ingress", "consume")
    sender = FrameSender(lab.sender, "eth0")
    listeners = captures(lab)
    for tags, wanted in (((0x6005,), {"a": [], "b": [[0x6007], []], "c": [[0x6005], [0x6009]]}),
                         ((0x6005, 0x400A), {"a": [], "b": [[0x6007, 0x400A], [0x400A]], "c": [[0x6005, 0x400A], [0x6009, 0x400A]]})):
        sender.send(frame(lab, *tags))
        expect_equal({name: listener.tags() for name, listener in listeners.items()}, wanted, f"copies of {tags}")


@proves("vlan-rewrite", "wire", "v4/egress")
def an_original_that_leaves_with_its_tags_in_the_frame_leaves_with_them():
    lab = Crossroads()
    _copies(lab, "eth1", "egress", "pass")
    sender, listeners = FrameSender(lab.router, "eth1"), captures(lab)
    for tags, wanted in (((0x6005,), {"a": [[0x6005]], "b": [[0x6007], []], "c": [[0x6005], [0x6009]]}),
                         ((0x6005, 0x400A), {"a": [[0x6005, 0x400A]], "b": [[0x6007, 0x400A], [0x400A]],
                                             "c": [[0x6005, 0x400A], [0x6009, 0x400A]]})):
        packet, ethertype = datagram(lab, tags)
        sender.send(ethernet(lab.a.mac("eth0"), lab.router.mac("eth1"), packet, ethertype))
        expect_equal({name: listener.tags() for name, listener in listeners.items()}, wanted, f"copies of {tags}")


def at_egress_the_tag_changes_in_place():
    lab = Crossroads()
    Daemon(lab.router, {"10.toml": """
        [[rule]]
        name = "leaving"
        priority = 1
        type = "steer"
        match = { interface = "eth1", direction = "egress", ip_proto = "udp", dst_port = 5000 }
        action = { via = "eth1", vlan = 12 }
        [[rule]]
        name = "leaving-tagged"
        priority = 2
        type = "steer"
        match = { interface = "eth1", direction = "egress", ip_proto = "udp", dst_port = 5000, vlan = 5 }
        action = { via = "eth1", next_hop = "10.10.1.1", vlan = "none" }
        """})
    lab.know_neighbours()
    listener = TaggedCapture(lab.a, MARK)
    FrameSender(lab.sender, "eth0").send(frame(lab))
    expect_equal(listener.tags(), [[12]], "what the kernel forwards")
    packet, ethertype = datagram(lab, (5,))
    FrameSender(lab.router, "eth1").send(ethernet(lab.a.mac("eth0"), lab.router.mac("eth1"), packet, ethertype))
    expect_equal(listener.tags(), [[]], "what leaves tagged")


def a_tun_device_gets_what_has_no_tag_left():
    lab = Crossroads()
    tun = Tun(lab.router, "tun0", "10.99.0.1/24")
    daemon = Daemon(lab.router, {"10.toml": RULE.format("in", 1, "eth0", '"none"', 'via = "tun0", vlan = 7') +
                                 RULE.format("out", 2, "eth0", 6, 'via = "tun0", vlan = "none"')})
    sender = FrameSender(lab.sender, "eth0")
    sender.send(frame(lab, 6))
    got = tun.read(1)
    expect_equal(len(got), 1, "packets that left untagged")
    expect_equal((got[0][0], got[0][-len(MARK):]), (0x45, MARK), "a bare IP packet")
    sender.send(frame(lab))
    sender.send(frame(lab, 6, 7))
    until(lambda: daemon.stat("stats")["reasons"]["not-writable"] == 2, "a tag cannot leave by tun0: counted")
    expect_equal(tun.read(1, 0.2), [], "packets with a tag")


TAG = """
[[rule]]
name = "forth"
priority = 1
type = "steer"
match = {{ interface = "{near}", ip_proto = "tcp" }}
action = {{ via = "{trunk}", next_hop_mac = "{beyond}", vlan = 20 }}
[[rule]]
name = "back"
priority = 2
type = "steer"
match = {{ interface = "{trunk}", ip_proto = "tcp", vlan = 20 }}
action = {{ via = "{near}", next_hop_mac = "{host}", vlan = "none" }}
"""


class Trunk:
    """Sender - router - trunk in VLAN 20 - switch - server: two daemons put the tag on and take it off, in both directions."""

    def __init__(self, offloads):
        self.lab = lab = Crossroads(hosts=1)
        self.switch, self.server = Namespace("switch"), Namespace("server")
        veth(lab.router, "trunk", self.switch, "trunk")
        veth(self.switch, "eth0", self.server, "eth0")
        for namespace in (self.switch, lab.router):
            namespace.up("trunk")
        self.switch.up("eth0")
        self.server.up("eth0", f"{lab.SERVER}/24", f"{lab.SERVER6}/64")
        self.server.ip("route", "add", "default", "dev", "eth0")
        self.server.ip("-6", "route", "add", "default", "dev", "eth0")
        for family, address in (("-4", lab.SENDER), ("-6", lab.SENDER6)):
            self.server.ip(family, "neigh", "replace", address, "lladdr", self.switch.mac("eth0"), "dev", "eth0", "nud", "permanent")
        for namespace, device in ((lab.sender, "eth0"), (lab.router, "eth0"), (lab.router, "trunk"), (self.switch, "trunk"),
                                  (self.switch, "eth0"), (self.server, "eth0")):
            namespace.offloads(device, offloads)
        self.daemons = [
            Daemon(lab.router, {"10.toml": TAG.format(near="eth0", trunk="trunk", beyond=self.switch.mac("trunk"), host=lab.sender.mac("eth0"))}),
            Daemon(self.switch, {"10.toml": TAG.format(near="eth0", trunk="trunk", beyond=lab.router.mac("trunk"), host=self.server.mac("eth0"))},
                   name="switch")]


def _stream(address, offloads):
    trunk = Trunk(offloads)
    transfer(trunk.server, trunk.lab.sender, address, 8080, 8080)
    counted = [daemon.packets(rule) for daemon in trunk.daemons for rule in ("forth", "back")]
    expect(min(counted) > 100, f"the rules have hardly counted anything: {counted}")
    expect_equal(sum(host.counter("Tcp.InCsumErrors") for host in (trunk.server, trunk.lab.sender)), 0, "TCP checksum errors")


def tcp_passes_a_vlan_both_ways_offloads_on():
    _stream(Crossroads.SERVER, "on")


def tcp_passes_a_vlan_both_ways_offloads_off():
    _stream(Crossroads.SERVER, "off")


def tcp_over_ipv6_passes_a_vlan_both_ways_offloads_on():
    _stream(Crossroads.SERVER6, "on")


def rudderstat_and_the_policy_show_the_vlan():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": RULE.format("in", 1, "eth0", '"none"', 'via = "eth2", vlan = 7') +
                                 RULE.format("out", 2, "eth0", 6, 'via = "eth3", vlan = "none"')})
    text = daemon.stat_text("rules")
    expect("set vlan 7" in text and "set vlan none" in text, text)
    rules = daemon.stat("rules")["rules"]
    expect_equal([rule["targets"][0]["rewrite"]["vlan"] for rule in rules], [7, "none"], "vlan in JSON")
    daemon.set({"10.toml": RULE.format("in", 1, "eth0", '"none"', 'via = "eth2", vlan = 8')})
    listener = TaggedCapture(lab.b, MARK)
    lab.know_neighbours()
    FrameSender(lab.sender, "eth0").send(frame(lab, destination="10.10.2.1"))
    expect_equal(listener.tags(), [[8]], "after a reload that changed only the id")


main(__doc__,
     a_steered_packet_has_the_tag_of_the_action,
     the_largest_packet_gets_its_tag_and_a_socket_behind_the_way_back_gets_it_whole,
     an_unknown_neighbour_is_asked_for_and_the_packet_keeps_its_new_tag,
     copies_have_tags_of_their_own_and_the_original_arrives_as_it_was,
     copies_of_tagged_packets_too,
     an_original_that_leaves_with_its_tags_in_the_frame_leaves_with_them,
     at_egress_the_tag_changes_in_place,
     a_tun_device_gets_what_has_no_tag_left,
     tcp_passes_a_vlan_both_ways_offloads_on,
     tcp_passes_a_vlan_both_ways_offloads_off,
     tcp_over_ipv6_passes_a_vlan_both_ways_offloads_on,
     rudderstat_and_the_policy_show_the_vlan)
