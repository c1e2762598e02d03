#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""UDP packets that match a steer rule arrive where the rule says, rewritten as it says and otherwise unchanged."""
import os
import socket

from harness import expect, expect_equal, main
from lab import Crossroads, Daemon
from traffic import Capture, UdpReceiver, mac_text, send_udp

PLAIN = """
[[rule]]
name = "ef-other-path"
priority = 10
type = "steer"
[rule.match]
interface = "eth0"
direction = "ingress"
dscp = "ef"
[rule.action]
via = "eth2"
next_hop = "{next_hop}"
"""

REWRITE = """
[[rule]]
name = "forward"
priority = 10
type = "steer"
[rule.match]
interface = "eth0"
direction = "ingress"
dst_ip = "{server}"
ip_proto = "udp"
dst_port = 5000
[rule.action]
via = "eth3"
dst_ip = "{dst_ip}"
dst_port = 6000
src_ip = "{src_ip}"
src_port = 7000
dscp = "af41"
"""


def _family(server):
    return socket.AF_INET6 if ":" in server else socket.AF_INET


def _steered_without_rewrite(server, next_hop, sender_address):
    lab = Crossroads()
    at_a, at_b = (UdpReceiver(host, 5000, _family(server)) for host in (lab.a, lab.b))
    frames_at_b = Capture(lab.b, "eth0")
    daemon = Daemon(lab.router, {"10.toml": PLAIN.format(next_hop=next_hop)})
    sent = send_udp(lab.sender, server, 5000, 20, 200, source_port=4000, dscp=46)
    send_udp(lab.sender, server, 5000, 5, source_port=4000, dscp=0)
    got = at_b.collect(20)
    expect_equal([d.payload for d in got], sent, "datagrams at b")
    for datagram in got:
        expect_equal((datagram.source, datagram.source_port, datagram.destination, datagram.dscp, datagram.ttl),
                     (sender_address, 4000, server, 46, 63), "header at b")
    expect_equal(len(at_a.collect(5)), 5, "other datagrams at a, by the kernel's route")
    frame = frames_at_b.frames(1, wanted=lambda f: f[12:14] in (b"\x08\x00", b"\x86\xdd") and b"." * 50 in f)[0]
    expect_equal(mac_text(frame[6:12]), lab.router.mac("eth2"), "source MAC")
    expect_equal(mac_text(frame[0:6]), lab.b.mac("eth0"), "destination MAC")
    expect_equal(lab.b.udp_errors(), 0, "UDP errors at b")
    expect_equal(daemon.packets("ef-other-path"), 20, "packets counted for the rule")


def _steered_with_rewrite(server, dst_ip, src_ip, offloads):
    lab = Crossroads()
    if not offloads:
        lab.sender.offloads("eth0", "off")
        lab.router.offloads("eth0", "off")
    at_c, at_a = UdpReceiver(lab.c, 6000, _family(server)), UdpReceiver(lab.a, 5000, _family(server))
    Daemon(lab.router, {"10.toml": REWRITE.format(server=server, dst_ip=dst_ip, src_ip=src_ip)})
    sent = send_udp(lab.sender, server, 5000, 20, 201, source_port=4000, dscp=10)
    got = at_c.collect(20)
    expect_equal([d.payload for d in got], sent, "datagrams at c")
    for datagram in got:
        expect_equal((datagram.source, datagram.source_port, datagram.destination, datagram.port, datagram.dscp, datagram.ttl),
                     (src_ip, 7000, dst_ip, 6000, 34, 63), "header at c")
    expect(at_a.nothing(), "a datagram also took the old path")
    expect_equal(lab.c.udp_errors(), 0, "UDP errors at c")


def ipv4_goes_to_another_next_hop_with_only_ttl_and_macs_changed():
    _steered_without_rewrite(Crossroads.SERVER, "10.10.2.1", Crossroads.SENDER)


def ipv6_goes_to_another_next_hop_with_only_hop_limit_and_macs_changed():
    _steered_without_rewrite(Crossroads.SERVER6, "2001:db8:2::1", "2001:db8::2")


def ipv4_is_rewritten_with_checksum_offload():
    _steered_with_rewrite(Crossroads.SERVER, "10.10.3.1", "10.10.3.254", True)


def ipv4_is_rewritten_with_checksums_in_the_packet():
    _steered_with_rewrite(Crossroads.SERVER, "10.10.3.1", "10.10.3.254", False)


def ipv6_is_rewritten_with_checksum_offload():
    _steered_with_rewrite(Crossroads.SERVER6, "2001:db8:3::1", "2001:db8:3::fe", True)


def ipv6_is_rewritten_with_checksums_in_the_packet():
    _steered_with_rewrite(Crossroads.SERVER6, "2001:db8:3::1", "2001:db8:3::fe", False)


def a_static_mac_is_used_as_it_is_given():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    rule = PLAIN.replace('next_hop = "{next_hop}"', f'next_hop_mac = "{lab.b.mac("eth0")}"')
    Daemon(lab.router, {"10.toml": rule})
    lab.router.ip("neigh", "flush", "all")
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
    expect_equal([d.payload for d in at_b.collect(5)], sent, "datagrams at b")


def without_a_next_hop_the_route_of_the_destination_decides():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    Daemon(lab.router, {"10.toml": PLAIN.replace('next_hop = "{next_hop}"', 'dst_ip = "10.10.3.1"').replace("eth2", "eth3")})
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
    expect_equal([d.payload for d in at_c.collect(5)], sent, "datagrams at c")


def packets_of_this_host_are_steered_at_egress():
    lab = Crossroads()
    at_a, at_b = UdpReceiver(lab.a, 5000), UdpReceiver(lab.b, 5000)
    rule = PLAIN.replace('"eth0"', '"eth1"').replace("ingress", "egress").format(next_hop="10.10.2.1")
    Daemon(lab.router, {"10.toml": rule})
    sent = send_udp(lab.router, lab.SERVER, 5000, 5, dscp=46)
    got = at_b.collect(5)
    expect_equal([d.payload for d in got], sent, "datagrams at b")
    expect_equal({d.ttl for d in got}, {64}, "TTL of locally made packets")
    expect(at_a.nothing(), "a datagram also took the old path")


def a_flow_misses_the_flow_cache_once_on_each_processor_and_hits_it_from_then_on():
    lab = Crossroads()
    lab.know_neighbours()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": PLAIN.format(next_hop="10.10.2.1")})
    before = daemon.stat("internals")["flow_cache"]
    send_udp(lab.sender, lab.SERVER, 5000, 100, source_port=4000, dscp=46)
    expect_equal(len(at_b.collect(100)), 100, "datagrams at b")
    after = daemon.stat("internals")["flow_cache"]
    hits, misses = (after[key] - before[key] for key in ("hits", "misses"))
    expect_equal(hits + misses, 100, "packets that the flow cache was asked for")
    expect(1 <= misses <= os.cpu_count(), f"{misses} misses of one flow on {os.cpu_count()} processors")
    expect(after["max_entries"] > 0, "the flow cache has no room")
    expect_equal(daemon.packets("ef-other-path"), 100, "packets counted for the rule")


main(__doc__,
     ipv4_goes_to_another_next_hop_with_only_ttl_and_macs_changed,
     ipv6_goes_to_another_next_hop_with_only_hop_limit_and_macs_changed,
     ipv4_is_rewritten_with_checksum_offload,
     ipv4_is_rewritten_with_checksums_in_the_packet,
     ipv6_is_rewritten_with_checksum_offload,
     ipv6_is_rewritten_with_checksums_in_the_packet,
     a_static_mac_is_used_as_it_is_given,
     without_a_next_hop_the_route_of_the_destination_decides,
     packets_of_this_host_are_steered_at_egress,
     a_flow_misses_the_flow_cache_once_on_each_processor_and_hits_it_from_then_on)
