# SPDX-License-Identifier: Apache-2.0
"""Senders and receivers in namespaces: UDP sockets that report what they got, raw frames in and out."""
import dataclasses
import errno
import fcntl
import os
import select
import socket
import struct
import time

from harness import Skip

IP_RECVTOS, IP_RECVTTL, IP_PKTINFO = 13, 12, 8
IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVPKTINFO, IPV6_PKTINFO = 66, 67, 51, 52, 49, 50
SO_NO_CHECK, SO_RCVBUFFORCE = 11, 33
PACKET_OUTGOING = 4
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, TP_STATUS_VLAN_VALID = 263, 8, 15, 0x10


def is_ipv6(address):
    return ":" in address


@dataclasses.dataclass(frozen=True)
class Datagram:
    """What a receiving socket saw of one packet."""

    payload: bytes
    source: str
    source_port: int
    destination: str
    port: int
    dscp: int
    ttl: int


class UdpReceiver:
    """A UDP socket in a namespace. The kernel has verified checksums and reassembled what it delivers."""

    def __init__(self, namespace, port, family=socket.AF_INET, group=None, device="eth0", buffer_bytes=64 << 20):
        self.namespace, self.port, self.family = namespace, port, family
        with namespace.entered():
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            index = socket.if_nametoindex(device) if group else 0
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes)
        if family == socket.AF_INET:
            for option in (IP_RECVTOS, IP_RECVTTL, IP_PKTINFO):
                self.socket.setsockopt(socket.IPPROTO_IP, option, 1)
            self.socket.bind(("", port))
            if group:
                self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                       socket.inet_aton(group) + struct.pack("=4si", b"\0" * 4, index))
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (IPV6_RECVTCLASS, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO):
                self.socket.setsockopt(socket.IPPROTO_IPV6, option, 1)
            self.socket.bind(("::", port))
            if group:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                                       socket.inet_pton(socket.AF_INET6, group) + struct.pack("=i", index))

    def receive(self, seconds):
        """One datagram, or None when none came in time."""
        self.socket.settimeout(max(seconds, 0.0001))
        try:
            payload, control, _, sender = self.socket.recvmsg(65535, 256)
        except (TimeoutError, BlockingIOError):
            return None
        destination, tos, ttl = "", 0, 0
        for level, kind, data in control:
            if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                destination = socket.inet_ntop(socket.AF_INET, data[8:12])
            elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_PKTINFO):
                destination = socket.inet_ntop(socket.AF_INET6, data[:16])
            elif (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
                tos = data[0]
            elif (level, kind) == (socket.IPPROTO_IP, socket.IP_TTL):
                ttl = struct.unpack("=i", data)[0]
            elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_TCLASS):
                tos = struct.unpack("=i", data)[0]
            elif (level, kind) == (socket.IPPROTO_IPV6, IPV6_HOPLIMIT):
                ttl = struct.unpack("=i", data)[0]
        return Datagram(payload, sender[0], sender[1], destination, self.port, tos >> 2, ttl)

    def collect(self, count, seconds=3.0, settle=0.1):
        """Up to `count` datagrams within `seconds`, then whatever else comes within `settle`."""
        found, end = [], time.monotonic() + seconds
        while len(found) < count and time.monotonic() < end:
            datagram = self.receive(end - time.monotonic())
            if datagram:
                found.append(datagram)
        while datagram := self.receive(settle):
            found.append(datagram)
        return found

    def nothing(self, seconds=0.4):
        return self.collect(1, seconds, 0.0) == []


class UdpSender:
    """A UDP socket in a namespace that sends numbered datagrams to one place."""

    def __init__(self, namespace, destination, port, source=None, source_port=0, dscp=0, ttl=None, checksum=True):
        self.target = (destination, port)
        family = socket.AF_INET6 if is_ipv6(destination) else socket.AF_INET
        with namespace.entered():
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if source or source_port:
            self.socket.bind((source or "", source_port))
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
            if ttl is not None:
                self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
                self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            if not checksum:
                self.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_TCLASS, dscp << 2)
            if ttl is not None:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ttl)

    @property
    def source_port(self):
        return self.socket.getsockname()[1]

    def send(self, count=1, size=0):
        """`count` datagrams, each its number, a space and dots up to `size` bytes. Returns the payloads."""
        payloads = [f"{number} ".encode().ljust(size, b".") for number in range(count)]
        for payload in payloads:
            self.socket.sendto(payload, self.target)
        return payloads


def send_udp(namespace, destination, port, count=1, size=0, **options):
    sender = UdpSender(namespace, destination, port, **options)
    payloads = sender.send(count, size)
    sender.socket.close()
    return payloads


class Capture:
    """Every frame a device receives, as raw bytes (a layer-3 device: from the IP header on)."""

    def __init__(self, namespace, device):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            self.socket.bind((device, ETH_P_ALL))

    def frames(self, count, seconds=2.0, wanted=lambda frame: True, settle=0.05):
        """Up to `count` frames that are `wanted`, within `seconds`, and what comes within `settle` after them."""
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            if len(found) >= count:
                end = min(end, time.monotonic() + settle)
                count = 1 << 30
            self.socket.settimeout(max(end - time.monotonic(), 0.0001))
            try:
                frame, address = self.socket.recvfrom(65535)
            except (TimeoutError, BlockingIOError):
                break
            except OSError as error:
                if error.errno == errno.ENETDOWN:  # said once; the socket goes on when the device is up again
                    continue
                raise
            if address[2] != PACKET_OUTGOING and wanted(frame):
                found.append(frame)
        return found


class TaggedCapture:
    """Frames with some bytes in them that a host's eth0 receives, as (VLAN ids from the outside in, or all bits of these
    tags); the kernel keeps the outer tag beside the frame."""

    def __init__(self, host, mark, bits=0xFFF):
        self.mark, self.bits = mark, bits
        with host.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.bind(("eth0", ETH_P_ALL))

    def tags(self, seconds=0.3, enough=1 << 30):
        """What comes within `seconds`, but no more than `enough`."""
        found, end = [], time.monotonic() + seconds
        while len(found) < enough and (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, control, _, address = self.socket.recvmsg(65535, 256)
            except TimeoutError:
                break
            if address[2] != PACKET_OUTGOING and self.mark in frame:
                found.append(self._tags(frame, control))
        return found

    def _tags(self, frame, control):
        ids = []
        for level, kind, data in control:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data[:20])
                ids += [tci & self.bits] if status & TP_STATUS_VLAN_VALID else []
        at = 12
        while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
            ids.append(struct.unpack(">H", frame[at + 2:at + 4])[0] & self.bits)
            at += 4
        return ids


class OffloadedTags:
    """Frames on eth0 of a host as the kernel has them, each with the tag that it keeps beside it."""

    def __init__(self, host):
        with host.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self.socket.bind(("eth0", ETH_P_ALL))
            self.socket.settimeout(2)

    def frame(self, wanted):
        """The next frame and TCI (None without a tag) that are wanted(frame, tci)."""
        while True:
            frame, control, _, _ = self.socket.recvmsg(65535, 256)
            for level, kind, data in control:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                    status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data[:20])
                    tci = tci if status & TP_STATUS_VLAN_VALID else None
                    if wanted(frame, tci):
                        return frame, tci


class FrameSender:
    def __init__(self, namespace, device):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind((device, 0))

    def send(self, frame):
        self.socket.send(frame)


class Tun:
    """A tun device; what leaves by it can be read here, what is written here arrives on it."""

    def __init__(self, namespace, device, *addresses):
        with namespace.entered():
            try:
                self.file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                fcntl.ioctl(self.file, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
            except OSError as error:
                raise Skip(f"no tun device: {error}") from error
        namespace.up(device, *addresses)

    def read(self, count, seconds=2.0, protocol=17):
        """IP packets of a protocol that left by the device."""
        found, poll = [], select.poll()
        poll.register(self.file, select.POLLIN)
        while len(found) < count and poll.poll(seconds * 1000):
            packet = os.read(self.file, 65535)
            if packet[9 if packet[0] >> 4 == 4 else 6] == protocol:
                found.append(packet)
        return found

    def write(self, packet):
        os.write(self.file, packet)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(data):
    return ":".join(f"{byte:02x}" for byte in data)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source, destination, protocol, length):
    if is_ipv6(source):
        return (socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) +
                struct.pack(">IxxxB", length, protocol))
    return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack(">xBH", protocol, length)


def udp(source, destination, source_port, port, payload):
    length = 8 + len(payload)
    header = struct.pack(">HHH", source_port, port, length)
    value = checksum(pseudo_header(source, destination, 17, length) + header + b"\0\0" + payload) or 0xFFFF
    return header + struct.pack(">H", value) + payload


def ipv4(source, destination, payload, protocol=17, ttl=64, tos=0, options=b"", identification=1, fragment=0):
    words = 5 + len(options) // 4
    header = struct.pack(">BBHHHBBH4s4s", 0x40 | words, tos, words * 4 + len(payload), identification, fragment, ttl,
                         protocol, 0, socket.inet_aton(source), socket.inet_aton(destination)) + options
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def ipv6(source, destination, payload, next_header=17, hop_limit=64, traffic_class=0):
    return (struct.pack(">IHBB", 0x60000000 | traffic_class << 20, len(payload), next_header, hop_limit) +
            socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + payload)


def ethernet(destination, source, payload, ethertype=0x0800):
    return mac_bytes(destination) + mac_bytes(source) + struct.pack(">H", ethertype) + payload
