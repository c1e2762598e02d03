#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The match fields that few rules have, each by a packet that has what it asks for and one that has not."""
import socket
import struct

from harness import expect, expect_equal, main, run
from lab import Crossroads, Daemon
from traffic import Capture, FrameSender, checksum, ethernet, ipv4, ipv6, pseudo_header, udp

MARKER = b"rare field"
STRANGER = "02:00:00:00:00:77"
SO_MARK = 36
TO_B = '{ via = "eth2", next_hop = "10.10.2.1" }'
TO_B6 = '{ via = "eth2", next_hop = "2001:db8:2::1" }'


def rule(name, priority, match, action=TO_B, kind="steer"):
    return f'[[rule]]\nname = "{name}"\npriority = {priority}\ntype = "{kind}"\nmatch = {{ {match} }}\naction = {action}\n\n'


class Wire:
    """A sender of frames to the router's eth0, and captures on the hosts behind it: a by the kernel's routes, b by a rule."""

    def __init__(self, policy):
        self.lab = Crossroads()
        self.daemon = Daemon(self.lab.router, {"10.toml": policy})
        self.lab.know_neighbours()
        self.sender = FrameSender(self.lab.sender, "eth0")
        self.captures = {host.name: Capture(host, "eth0") for host in self.lab.hosts}

    def arrives(self):
        """The hosts that have received a marked frame by now."""
        return [name for name, capture in self.captures.items() if capture.frames(1, 0.1, lambda frame: MARKER in frame, 0)]

    def where(self, packet, source=None, destination=None):
        ethertype = 0x86DD if packet[0] >> 4 == 6 else 0x0800
        self.sender.send(ethernet(destination or self.lab.router.mac("eth0"), source or self.lab.sender.mac("eth0"), packet, ethertype))
        return self.arrives()


def icmp(kind, code=0):
    message = struct.pack(">BBHI", kind, code, 0, 0) + MARKER
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def icmp6(source, destination, kind):
    message = struct.pack(">BBHI", kind, 0, 0, 0) + MARKER
    value = checksum(pseudo_header(source, destination, 58, len(message)) + message)
    return message[:2] + struct.pack(">H", value) + message[4:]


def tcp(flags):
    return struct.pack(">HHIIBBHHH", 4000, 5000, 1, 0, 0x50, flags, 1000, 0, 0) + MARKER


def fragment6(offset, more, next_header=17):
    return struct.pack(">BBHI", next_header, 0, offset << 3 | more, 7) + bytes(14) + MARKER


SYN, ACK, URG = 0x02, 0x10, 0x20
# What a rule says; the IPv4 payload and header of a packet that it takes; of one that it leaves to the kernel.
IPV4 = [
    ('ip_proto = "icmp", icmp_type = "echo-request"', dict(payload=icmp(8), protocol=1), dict(payload=icmp(0), protocol=1)),
    ('ip_proto = "icmp", icmp_type = ["3/4", "11-12"]', dict(payload=icmp(3, 4), protocol=1), dict(payload=icmp(3, 1), protocol=1)),
    ('tcp_flags = "syn,!ack"', dict(payload=tcp(SYN | URG), protocol=6), dict(payload=tcp(SYN | ACK), protocol=6)),
    ('tcp_flags = ["ack", "urg"]', dict(payload=tcp(URG), protocol=6), dict(payload=tcp(SYN), protocol=6)),
    ('fragment = "none"', dict(payload=bytes(14) + MARKER), dict(payload=bytes(14) + MARKER, fragment=0x2000)),
    ('fragment = "first"', dict(payload=bytes(14) + MARKER, fragment=0x2000), dict(payload=bytes(14) + MARKER, fragment=2)),
    ('fragment = ["first", "later"]', dict(payload=MARKER, fragment=3), dict(payload=bytes(14) + MARKER)),
    ('length = ["0-20", "100-200"]', dict(payload=MARKER.ljust(80)), dict(payload=MARKER.ljust(79))),
    ('length = "0-200"', dict(payload=MARKER.ljust(180)), dict(payload=MARKER.ljust(181))),
    ('ttl = "0-9"', dict(payload=MARKER.ljust(80), ttl=9), dict(payload=MARKER.ljust(80), ttl=10)),
    ('ecn = ["ce", 1]', dict(payload=MARKER.ljust(80), tos=3), dict(payload=MARKER.ljust(80), tos=2)),
]


def ipv4_fields_select():
    wire = Wire("".join(rule(f"r{n}", n, f'interface = "eth0", dst_ip = "10.20.1.{n}", {row[0]}') for n, row in enumerate(IPV4, 1)))
    for number, (match, taken, left) in enumerate(IPV4, 1):
        to = f"10.20.1.{number}"
        expect_equal(wire.where(ipv4(wire.lab.SENDER, to, **taken)), ["b"], f"{match}: steered")
        expect_equal(wire.where(ipv4(wire.lab.SENDER, to, **left)), ["a"], f"{match}: left to the kernel")
        expect_equal(wire.daemon.packets(f"r{number}"), 1, f"{match}: packets counted")


def ipv6_fields_select():
    lab_sender = Crossroads.SENDER6

    def to(number):
        return f"2001:db8:20::1:{number}"

    plain = MARKER.ljust(60)
    rows = [
        ('ip_proto = "icmp6", icmp_type = "echo-request"', dict(payload=icmp6(lab_sender, to(1), 128), next_header=58),
         dict(payload=icmp6(lab_sender, to(1), 129), next_header=58)),
        ('tcp_flags = "syn,!ack"', dict(payload=tcp(SYN), next_header=6), dict(payload=tcp(ACK), next_header=6)),
        ('fragment = "later"', dict(payload=fragment6(2, 0), next_header=44), dict(payload=fragment6(0, 1), next_header=44)),
        ('length = 100', dict(payload=plain), dict(payload=plain + b".")),
        ('ttl = 9', dict(payload=plain, hop_limit=9), dict(payload=plain, hop_limit=10)),
        ('ecn = "ect0"', dict(payload=plain, traffic_class=2), dict(payload=plain, traffic_class=1)),
    ]
    wire = Wire("".join(rule(f"r{n}", n, f'interface = "eth0", dst_ip = "{to(n)}", {row[0]}', TO_B6) for n, row in enumerate(rows, 1)))
    for number, (match, taken, left) in enumerate(rows, 1):
        expect_equal(wire.where(ipv6(lab_sender, to(number), **taken)), ["b"], f"{match}: steered")
        expect_equal(wire.where(ipv6(lab_sender, to(number), **left)), ["a"], f"{match}: left to the kernel")


def mac_addresses_select():
    wire = Wire(rule("one", 1, f'interface = "eth0", src_mac = "{STRANGER}"') +
                rule("group", 2, 'interface = "eth0", dst_ip = "239.1.1.1", dst_mac = "01:00:5e:01:01:01"', '{ via = "eth3" }') +
                rule("any-group", 3, 'interface = "eth0", src_ip = "10.10.0.3", dst_mac = "01:00:00:00:00:00/01:00:00:00:00:00"') +
                rule("wide", 4, 'interface = "eth0", ip_proto = "udp"'))
    lab = wire.lab
    packet = ipv4(lab.SENDER, lab.SERVER, MARKER.ljust(80), protocol=253)
    expect_equal(wire.where(packet, STRANGER), ["b"], "the source address that a rule names")
    expect_equal(wire.where(packet), ["a"], "another source address")
    stream = ipv4(lab.SENDER, "239.1.1.1", udp(lab.SENDER, "239.1.1.1", 4000, 5000, MARKER))
    expect_equal(wire.where(stream, destination="01:00:5e:01:01:01"), ["c"], "the group's own MAC address")
    expect_equal(wire.where(stream, destination="01:00:5e:01:01:02"), [], "another group's")
    broadcast = [ipv4(source, lab.SERVER, udp(source, lab.SERVER, 4000, 5000, MARKER)) for source in ("10.10.0.3", "10.10.0.4")]
    expect_equal(wire.where(broadcast[0], destination="ff:ff:ff:ff:ff:ff"), ["b"], "a rule that names the group bit takes broadcast")
    expect_equal(wire.where(broadcast[1], destination="ff:ff:ff:ff:ff:ff"), [], "one that names no address does not")


def marks_select_at_egress():
    wire = Wire(rule("socket", 1, 'interface = "eth1", direction = "egress", fwmark = "0x10/0xf0"') +
                rule("filter", 2, 'interface = "eth1", direction = "egress", fwmark = [7, 0x2000]', '{ via = "eth3", next_hop = "10.10.3.1" }'))
    router, server = wire.lab.router, wire.lab.SERVER
    for mark, host in ((0x1F, "b"), (0x2F, "a"), (7, "c"), (6, "a"), (0, "a")):
        with router.entered():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        sender.sendto(MARKER, (server, 5000))
        expect_equal(wire.arrives(), [host], f"sent by a socket with mark {mark:#x}")
    with router.entered():
        run("nft", "add table ip lab; add chain ip lab marks { type filter hook forward priority mangle; }; "
                   "add rule ip lab marks ip protocol 253 meta mark set 0x2000")
    expect_equal(wire.where(ipv4(wire.lab.SENDER, server, MARKER.ljust(80), protocol=253)), ["c"], "forwarded, marked by nftables")


def not_leaves_out_what_it_names():
    lab = Crossroads
    wire = Wire(rule("but", 1, 'interface = "eth0", dst_ip = "10.20.0.0/16", '
                     'not = { dst_ip = "10.20.0.10", ip_proto = "tcp", dst_port = ["53", "5000-5009"], ttl = "0-9", src_mac = "%s" }' % STRANGER))

    def where(to="10.20.1.1", port=80, ttl=64, source=None):
        return wire.where(ipv4(lab.SENDER, to, udp(lab.SENDER, to, 4000, port, MARKER), ttl=ttl), source)

    expect_equal(where(), ["b"], "nothing of what is named")
    expect_equal(where(to=lab.SERVER), ["a"], "the address that is left out")
    expect_equal((where(port=53), where(port=5009), where(port=5010)), (["a"], ["a"], ["b"]), "ports that are left out, and the next one")
    expect_equal(where(ttl=9), ["a"], "a TTL that is left out")
    expect_equal(where(source=STRANGER), ["a"], "a MAC address that is left out")
    expect_equal(wire.where(ipv4(lab.SENDER, "10.20.1.1", tcp(SYN), protocol=6)), ["a"], "the protocol that is left out")
    expect_equal(wire.where(ipv4(lab.SENDER, "10.20.1.1", icmp(8), protocol=1)), ["b"], "a packet without ports has none that is left out")
    expect_equal(wire.daemon.packets("but"), 3, "packets counted")
    expect_equal(wire.daemon.rule("but")["match_fields"]["not"],
                 {"dst_ip": ["10.20.0.10/32"], "ip_proto": "tcp", "dst_port": ["53", "5000-5009"], "ttl": ["0-9"], "src_mac": [STRANGER]}, "JSON")
    expect("not dport 53,5000-5009" in wire.daemon.stat_text("rules"), "the table shows it")


def rudderstat_shows_every_field():
    stated = {"icmp_type": ["echo-request", "3/4"], "fragment": ["first"], "length": ["100-200"], "ttl": ["64"],
              "ecn": ["ce"], "fwmark": ["0x10/0xf0"], "src_mac": [STRANGER], "dst_mac": ["02:00:00:00:00:00/ff:ff:ff:00:00:00"]}
    match = 'interface = "eth0", ip_proto = "icmp", ' + ", ".join(f"{key} = {values}" for key, values in stated.items()).replace("'", '"')
    wire = Wire(rule("all", 1, match) + rule("flags", 2, 'interface = "eth0", tcp_flags = ["syn,!ack", "rst"]'))
    found = wire.daemon.rule("all")["match_fields"]
    expect_equal({key: sorted(found.get(key, [])) for key in stated}, {key: sorted(values) for key, values in stated.items()}, "JSON")
    expect_equal(sorted(wire.daemon.rule("flags")["match_fields"]["tcp_flags"]), ["rst", "syn,!ack"], "JSON of the flags")
    text = wire.daemon.stat_text("rules")
    for key, values in {**stated, "tcp_flags": ["rst"]}.items():
        expect_equal([value for value in [key, *values] if value not in text], [], f"{key} in the table")


main(__doc__,
     ipv4_fields_select,
     ipv6_fields_select,
     mac_addresses_select,
     marks_select_at_egress,
     not_leaves_out_what_it_names,
     rudderstat_shows_every_field)
