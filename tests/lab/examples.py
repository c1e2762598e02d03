# SPDX-License-Identifier: Apache-2.0
"""A shipped example at work in the lab: packets that its rules take, packets that they leave, and where these arrive."""
import contextlib
import dataclasses
import pathlib
import socket
import struct
import time
import tomllib

from harness import expect, expect_equal
from lab import Crossroads, Daemon
from traffic import (SOL_PACKET, PACKET_AUXDATA, FrameSender, TaggedCapture, checksum, ethernet, ipv4, ipv6, is_ipv6, mac_bytes,
                     mac_text, pseudo_header, udp)

DIRECTORY = pathlib.Path(__file__).parents[2] / "conf.d"
TP_STATUS_CSUMNOTREADY = 8
SYN, RST, ACK = 0x02, 0x04, 0x10
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
UNREACHABLE, UNREACHABLE6 = 3, 1


def rules_of(file):
    return {rule["name"] for rule in tomllib.loads((DIRECTORY / file).read_text()).get("rule", [])}


def shows(file, hosts=3):
    """Marks a test that proves every rule of an example. It gets an Example, prepares its lab and calls start()."""
    def mark(test):
        def prove():
            example = Example(file, hosts)
            test(example)
            expect_equal(example.proven, rules_of(file), f"rules of {file} that have taken a packet")
        prove.__name__, prove.file = test.__name__, file
        return prove
    return mark


def tcp(source, destination, source_port, port, flags, payload):
    segment = struct.pack(">HHIIBBHHH", source_port, port, 1, 0, 0x50, flags, 1000, 0, 0) + payload
    value = checksum(pseudo_header(source, destination, TCP, len(segment)) + segment)
    return segment[:16] + struct.pack(">H", value) + segment[18:]


def echo_request(payload):
    message = struct.pack(">BBHI", 8, 0, 0, 1) + payload
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


@dataclasses.dataclass(frozen=True)
class Packet:
    """One to send; `size` is the least length of its payload, `fragment` the IPv4 header's flags and offset."""

    destination: str
    port: int = 5000
    source: str = ""
    source_port: int = 4000
    protocol: int = UDP
    flags: int = SYN
    size: int = 0
    tags: tuple = ()
    fragment: int = 0
    dscp: int = 0
    ecn: int = 0
    ttl: int = 64
    mac: str = ""
    source_mac: str = ""

    def frame(self, router_mac, own_mac, payload):
        source = self.source or (Crossroads.SENDER6 if is_ipv6(self.destination) else Crossroads.SENDER)
        payload = payload.ljust(self.size, b".")
        ends = (source, self.destination)
        content = {UDP: lambda: udp(*ends, self.source_port, self.port, payload), ICMP: lambda: echo_request(payload),
                   TCP: lambda: tcp(*ends, self.source_port, self.port, self.flags, payload)}[self.protocol]()
        if is_ipv6(source):
            packet, ethertype = ipv6(*ends, content, self.protocol, self.ttl, self.dscp << 2 | self.ecn), 0x86DD
        else:
            packet, ethertype = ipv4(*ends, content, self.protocol, self.ttl, self.dscp << 2 | self.ecn, fragment=self.fragment), 0x0800
        for tag in reversed(self.tags):
            packet, ethertype = struct.pack(">HH", tag, ethertype) + packet, 0x8100
        return ethernet(self.mac or group_mac(self.destination) or router_mac, self.source_mac or own_mac, packet, ethertype)


def group_mac(address):
    """The MAC address of an IPv4 multicast group, otherwise None. Source: RFC 1112 6.4."""
    if is_ipv6(address) or not 224 <= int(address.split(".")[0]) < 240:
        return None
    _, b, c, d = socket.inet_aton(address)
    return mac_text(bytes((1, 0, 0x5E, b & 0x7F, c, d)))


class Listener(TaggedCapture):
    """The frames with `mark` that a host receives, as texts such as "b 20 10.10.0.2:4000 > 10.20.0.10:5000 ttl 63":
    host, VLAN ids, addresses. A destination MAC that is not the one of the host or of the group is part of it. Checksums
    are verified. The frames themselves (without the outer tag) stay in `frames`. What says that a port is closed, with the
    packet in it, is left out."""

    def __init__(self, host, mark=b""):
        super().__init__(host, mark)
        self.name, self.mac, self.frames = host.name, host.mac("eth0"), []

    def listen_for(self, mark):
        """From here on; what came before is forgotten."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(1)
        self.mark, self.frames = mark, []

    def texts(self):
        return [text for text in self.tags(0.005) if text]

    def _tags(self, frame, control):
        tags = super()._tags(frame, control)
        if frame[12:14] == b"\x08\x00" and frame[23] == ICMP and frame[34] == UNREACHABLE:
            return None
        if frame[12:14] == b"\x86\xdd" and frame[20] == ICMP6 and frame[54] == UNREACHABLE6:
            return None
        self.frames.append(frame)
        status = next(struct.unpack("=I", data[:4])[0] for level, kind, data in control
                      if (level, kind) == (SOL_PACKET, PACKET_AUXDATA))
        at = 14
        while frame[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        ends, destination = describe(frame[at:], whole=not status & TP_STATUS_CSUMNOTREADY)
        wanted = group_mac(destination) or self.mac
        mac = "" if frame[:6] == mac_bytes(wanted) else f"mac {mac_text(frame[:6])} "
        return " ".join([self.name, *map(str, tags), mac + ends])


def describe(packet, whole=True):
    """Addresses, ports and TTL of an IP packet as text, and its destination; verifies the checksums of one that is `whole`."""
    if packet[0] >> 4 == 4:
        size, protocol, ttl, fragment = 4 * (packet[0] & 15), packet[9], packet[8], struct.unpack(">H", packet[6:8])[0] & 0x3FFF
        addresses = [socket.inet_ntoa(packet[n:n + 4]) for n in (12, 16)]
        expect_equal(checksum(packet[:size]), 0, "checksum of the IPv4 header")
        length = struct.unpack(">H", packet[2:4])[0]
    else:
        size, protocol, ttl, fragment = 40, packet[6], packet[7], 0
        addresses = [socket.inet_ntop(socket.AF_INET6, packet[n:n + 16]) for n in (8, 24)]
        length = 40 + struct.unpack(">H", packet[4:6])[0]
    content = packet[size:length]
    if protocol not in (TCP, UDP) or fragment:
        return f"{addresses[0]} > {addresses[1]} ttl {ttl}", addresses[1]
    if whole and len(packet) >= length:
        expect_equal(checksum(pseudo_header(*addresses, protocol, len(content)) + content), 0, "TCP or UDP checksum")
    ends = [f"{address}:{port}" for address, port in zip(addresses, struct.unpack(">HH", content[:4]))]
    return f"{ends[0]} > {ends[1]} ttl {ttl}", addresses[1]


class Example:
    """The lab with one example in force as it is shipped. `proven` are the rules that have taken a packet as they must.
    Rules that ask for nothing count what the hosts send of their own accord, too, unless they are `selective`."""

    def __init__(self, file, hosts=3):
        self.selective = True
        self.file, self.lab, self.proven, self.sent = file, Crossroads(hosts), set(), 0

    def start(self):
        files = [self.file, *(path.name for path in DIRECTORY.glob("*.list"))]
        self.daemon = Daemon(self.lab.router, {name: (DIRECTORY / name).read_text() for name in files})
        self.lab.know_neighbours()
        everybody = [self.lab.sender, *self.lab.hosts]
        self.listeners = {host.name: Listener(host) for host in everybody}
        self.ways = {host.name: (FrameSender(host, "eth0"), self.lab.router.mac(f"eth{number}"), host.mac("eth0"))
                     for number, host in enumerate(everybody)}

    def _begin(self):
        """The payload of what is sent next; listeners hear nothing else."""
        self.sent += 1
        payload = f"example packet {self.sent};".encode()
        for listener in self.listeners.values():
            listener.listen_for(payload)
        return payload

    def _send(self, packet, payload, origin):
        """Sends a Packet from a host, or has a function send that payload."""
        if callable(packet):
            packet(payload)
        else:
            way, *macs = self.ways[origin]
            way.send(packet.frame(*macs, payload))

    def arrivals(self, count):
        """Texts of the frames of the last packet, at all hosts: `count` of them, and what comes soon after."""
        found, end = [], time.monotonic() + 2
        while len(found) < count and time.monotonic() < end:
            found += self._drain()
        time.sleep(0.1)
        return sorted(found + self._drain())

    def _drain(self):
        return [text for listener in self.listeners.values() for text in listener.texts()]

    def counts(self):
        """{rule: packets that it has matched}"""
        return {rule: self.daemon.packets(rule) for rule in rules_of(self.file)}

    def takes(self, rule, packet, *wanted, origin="sender"):
        """The rule, and no other one, matches the packet, which arrives at exactly the places `wanted`."""
        before = self.counts()
        self._send(packet, self._begin(), origin)
        expect_equal(self.arrivals(len(wanted)), sorted(wanted), f"{self.file}, {rule}: arrivals of {packet}")
        grown = {name: count - before[name] for name, count in self.counts().items() if count != before[name]}
        if self.selective:
            expect_equal(grown, {rule: 1} if rule else {}, "packets that the rules have counted")
        else:
            expect(not rule or grown.get(rule), f"{rule} has counted nothing")
        self.proven |= {rule} - {None}

    def leaves(self, packet, *wanted, origin="sender"):
        """No rule of the example matches the packet."""
        self.takes(None, packet, *wanted, origin=origin)

    def flows(self, packets):
        """Texts of what arrives of many packets; never so many at once that a listener could miss some."""
        found, payload = [], self._begin()
        for number, packet in enumerate(packets):
            self._send(packet, payload, "sender")
            if number % 50 == 49:
                found += self._drain()
        return found + self.arrivals(len(packets) - len(found))
