#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TCP streams of large segments arrive whole through steer rules, with offloads on and off."""
from harness import expect, expect_equal, main
from lab import Crossroads, Daemon
from stream import transfer

STEER = """
[[rule]]
name = "other-path"
priority = 10
type = "steer"
match = {{ interface = "eth0", direction = "ingress", ip_proto = "tcp", dst_ip = "{server}", dst_port = 8080 }}
action = {{ via = "eth2", next_hop = "{next_hop}" }}
"""

TRANSLATE = """
[[rule]]
name = "forward"
priority = 10
type = "steer"
match = {{ interface = "eth0", direction = "ingress", ip_proto = "tcp", dst_ip = "{router}", dst_port = 8080 }}
action = {{ via = "eth3", dst_ip = "{host}", dst_port = 80 }}

[[rule]]
name = "back"
priority = 11
type = "steer"
match = {{ interface = "eth3", direction = "ingress", ip_proto = "tcp", src_ip = "{host}", src_port = 80 }}
action = {{ via = "eth0", src_ip = "{router}", src_port = 8080 }}
"""


def _set_offloads(lab, state):
    for namespace, device in ((lab.sender, "eth0"), (lab.router, "eth0"), (lab.router, "eth2"), (lab.router, "eth3"),
                              (lab.b, "eth0"), (lab.c, "eth0")):
        namespace.offloads(device, state)


def _bad_checksums(*hosts):
    return sum(host.counter("Tcp.InCsumErrors") for host in hosts)


def _through_steer(server, next_hop, offloads):
    lab = Crossroads()
    _set_offloads(lab, offloads)
    daemon = Daemon(lab.router, {"10.toml": STEER.format(server=server, next_hop=next_hop)})
    transfer(lab.b, lab.sender, server, 8080, 8080)
    expect(daemon.packets("other-path") > 100, "the rule has hardly counted anything")
    expect_equal(_bad_checksums(lab.b, lab.sender), 0, "TCP checksum errors")


def _through_translation(router, host, offloads):
    lab = Crossroads()
    _set_offloads(lab, offloads)
    daemon = Daemon(lab.router, {"10.toml": TRANSLATE.format(router=router, host=host)})
    transfer(lab.c, lab.sender, router, 8080, 80)
    expect(min(daemon.packets("forward"), daemon.packets("back")) > 100, "the rules have hardly counted anything")
    expect_equal(_bad_checksums(lab.c, lab.sender), 0, "TCP checksum errors")


def ipv4_without_rewrite_offloads_on():
    _through_steer(Crossroads.SERVER, "10.10.2.1", "on")


def ipv4_without_rewrite_offloads_off():
    _through_steer(Crossroads.SERVER, "10.10.2.1", "off")


def ipv6_without_rewrite_offloads_on():
    _through_steer(Crossroads.SERVER6, "2001:db8:2::1", "on")


def ipv4_with_rewrite_in_both_directions_offloads_on():
    _through_translation("10.10.0.1", "10.10.3.1", "on")


def ipv4_with_rewrite_in_both_directions_offloads_off():
    _through_translation("10.10.0.1", "10.10.3.1", "off")


def ipv6_with_rewrite_in_both_directions_offloads_on():
    _through_translation("2001:db8::1", "2001:db8:3::1", "on")


def ipv6_with_rewrite_in_both_directions_offloads_off():
    _through_translation("2001:db8::1", "2001:db8:3::1", "off")


def only_transmit_checksums_off():
    lab = Crossroads()
    for namespace, device in ((lab.sender, "eth0"), (lab.c, "eth0")):
        namespace.exec("ethtool", "-K", device, "tx", "off")
    Daemon(lab.router, {"10.toml": TRANSLATE.format(router="10.10.0.1", host="10.10.3.1")})
    transfer(lab.c, lab.sender, "10.10.0.1", 8080, 80)


def what_is_larger_than_the_egress_mtu_is_told_to_the_sender():
    lab = Crossroads()
    lab.router.ip("route", "replace", "10.20.0.0/16", "via", "10.10.2.1")
    lab.router.ip("link", "set", "eth2", "mtu", "1300")
    daemon = Daemon(lab.router, {"10.toml": STEER.format(server=lab.SERVER, next_hop="10.10.2.1")})
    transfer(lab.b, lab.sender, lab.SERVER, 8080, 8080)
    expect(daemon.stat("stats")["reasons"]["too-big"] > 0, "no packet was counted as too big")
    expect(lab.sender.counter("Icmp.InDestUnreachs") > 0, "the sender got no ICMP")


main(__doc__,
     ipv4_without_rewrite_offloads_on,
     ipv4_without_rewrite_offloads_off,
     ipv6_without_rewrite_offloads_on,
     ipv4_with_rewrite_in_both_directions_offloads_on,
     ipv4_with_rewrite_in_both_directions_offloads_off,
     ipv6_with_rewrite_in_both_directions_offloads_on,
     ipv6_with_rewrite_in_both_directions_offloads_off,
     only_transmit_checksums_off,
     what_is_larger_than_the_egress_mtu_is_told_to_the_sender)
