#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A device without link-layer header (tun) works as egress and as ingress of a rule."""
from harness import expect_equal, main
from lab import Crossroads, Daemon
from traffic import Tun, UdpReceiver, ipv4, send_udp, udp

RULE = """
[[rule]]
name = "tunnel"
priority = 10
type = "steer"
match = {{ interface = "{interface}", direction = "ingress", dst_ip = "10.20.0.10", ip_proto = "udp" }}
action = {{ {action} }}
"""


def packets_leave_by_a_tun_device_without_link_layer_header():
    lab = Crossroads()
    tun = Tun(lab.router, "tun0", "10.10.7.1/24")
    Daemon(lab.router, {"10.toml": RULE.format(interface="eth0", action='via = "tun0"')})
    send_udp(lab.sender, lab.SERVER, 5000, 5, 60, source_port=4000, ttl=20)
    got = tun.read(5)
    expect_equal(len(got), 5, "packets on the tun device")
    for number, packet in enumerate(got):
        payload = f"{number} ".encode().ljust(60, b".")
        wanted = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, payload), ttl=19)
        expect_equal((packet[8], packet[12:20], packet[20:24], packet[28:]), (wanted[8], wanted[12:20], wanted[20:24], wanted[28:]),
                     "TTL, addresses, ports and payload")


def copies_leave_by_a_tun_device_too():
    lab = Crossroads()
    tun, at_b = Tun(lab.router, "tun0", "10.10.7.1/24"), UdpReceiver(lab.b, 5000)
    Daemon(lab.router, {"10.toml": """
[[rule]]
name = "copies"
priority = 10
type = "replicate"
match = { interface = "eth0", dst_ip = "239.1.1.1" }
[[rule.action.targets]]
dst_ip = "10.10.7.9"
via = "tun0"
[[rule.action.targets]]
dst_ip = "10.10.2.1"
via = "eth2"
"""})
    lab.know_neighbours()
    sent = send_udp(lab.sender, "239.1.1.1", 5000, 5, 60, ttl=5)
    expect_equal([packet[28:] for packet in tun.read(5)], sent, "copies on the tun device")
    expect_equal([d.payload for d in at_b.collect(5)], sent, "copies at b")


def packets_that_arrive_on_a_tun_device_are_steered_to_ethernet():
    lab = Crossroads()
    tun, at_c = Tun(lab.router, "tun0", "10.10.7.1/24"), UdpReceiver(lab.c, 6000)
    Daemon(lab.router, {"10.toml": RULE.format(interface="tun0", action='via = "eth3", dst_ip = "10.10.3.1", dst_port = 6000')})
    lab.know_neighbours()
    for number in range(5):
        tun.write(ipv4("10.10.7.2", lab.SERVER, udp("10.10.7.2", lab.SERVER, 4000, 5000, b"from tun %d" % number)))
    got = at_c.collect(5)
    expect_equal([d.payload for d in got], [b"from tun %d" % number for number in range(5)], "datagrams at c")
    expect_equal(lab.c.udp_errors(), 0, "UDP errors at c")


main(__doc__,
     packets_leave_by_a_tun_device_without_link_layer_header,
     copies_leave_by_a_tun_device_too,
     packets_that_arrive_on_a_tun_device_are_steered_to_ethernet)
