# SPDX-License-Identifier: Apache-2.0
"""Multicast membership as others see it: reports on the wire, and the kernel's own lists."""
import collections
import contextlib
import ipaddress
import socket
import struct
import sys

# Types of group records. Source: RFC 3376 4.2.12, RFC 3810 5.2.12.
IS_INCLUDE, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW, BLOCK = range(1, 7)
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
PROTOCOL_IGMP, IGMPV3_REPORT, MLDV2_REPORT = 2, 0x22, 143

MCAST_JOIN_SOURCE_GROUP = 46

Record = collections.namedtuple("Record", "sender kind group sources")


def _records(sender, report, size):
    """The group records of one IGMPv3 (size 4) or MLDv2 (size 16) report from its type octet on."""
    count, offset = struct.unpack(">H", report[6:8])[0], 8
    for _ in range(count):
        kind, auxiliary, sources = struct.unpack(">BBH", report[offset:offset + 4])
        addresses = [str(ipaddress.ip_address(report[start:start + size]))
                     for start in range(offset + 4, offset + 4 + size * (sources + 1), size)]
        yield Record(sender, kind, addresses[0], frozenset(addresses[1:]))
        offset += 4 + size * (sources + 1) + 4 * auxiliary


def records(frame):
    """The group records in one Ethernet frame; none if it is no report."""
    ethertype = struct.unpack(">H", frame[12:14])[0]
    if ethertype == ETHERTYPE_IPV4 and frame[23] == PROTOCOL_IGMP:
        report = frame[14 + 4 * (frame[14] & 15):]
        if report[0] == IGMPV3_REPORT:
            return list(_records(socket.inet_ntoa(frame[26:30]), report, 4))
    if ethertype == ETHERTYPE_IPV6 and frame[20] == 0:  # a hop-by-hop header with the router alert comes first
        report = frame[54 + 8 * (frame[55] + 1):]
        if report[0] == MLDV2_REPORT:
            return list(_records(str(ipaddress.ip_address(frame[22:38])), report, 16))
    return []


def reports(capture, seconds):
    """All group records that come within that time."""
    found = []
    for frame in capture.frames(1 << 30, seconds, wanted=records):
        found += records(frame)
    return found


def memberships(found):
    """What a router knows from the records: {group: sources}, any source as an empty set."""
    known = {}
    for record in found:
        if record.kind in (IS_EXCLUDE, TO_EXCLUDE):
            known[record.group] = frozenset()
        elif record.kind in (IS_INCLUDE, TO_INCLUDE):
            known[record.group] = record.sources
            if not record.sources:
                del known[record.group]
        elif record.kind == ALLOW:
            known[record.group] = known.get(record.group, frozenset()) | record.sources
        elif record.kind == BLOCK and record.group in known:
            known[record.group] -= record.sources
            if not known[record.group]:
                del known[record.group]
    return known


def kernel_groups(namespace, device):
    """The groups of /proc/net/igmp and igmp6 on the device."""
    found, current = set(), None
    with namespace.entered():
        igmp = open("/proc/thread-self/net/igmp", encoding="ascii").read().splitlines()[1:]
        igmp6 = open("/proc/thread-self/net/igmp6", encoding="ascii").read().splitlines()
    for line in igmp:
        if not line.startswith("\t"):
            current = line.split()[1]
        elif current == device:
            found.add(str(ipaddress.ip_address(int(line.split()[0], 16).to_bytes(4, sys.byteorder))))
    for line in igmp6:
        words = line.split()
        if words[1] == device:
            found.add(str(ipaddress.ip_address(bytes.fromhex(words[2]))))
    return found


@contextlib.contextmanager
def _filter_on_loopback():
    """The kernel begins these lists with the first device whose newest group has sources, and leaves out those before it
    (igmp_mcf_get_first). Loopback is the first device."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        index = socket.if_nametoindex("lo")
        for made, level, group, source in ((four, socket.IPPROTO_IP, "232.0.0.1", "192.0.2.1"), (six, socket.IPPROTO_IPV6, "ff31::1", "2001:db8::1")):
            made.setsockopt(level, MCAST_JOIN_SOURCE_GROUP, struct.pack("=I4x", index) + _sockaddr(group) + _sockaddr(source))
        yield


def _sockaddr(address):
    """A struct sockaddr_storage."""
    if ":" in address:
        return struct.pack("=HHI16sI100x", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, address), 0)
    return struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton(address))


def kernel_filters(namespace, device):
    """{group: sources} of /proc/net/mcfilter and mcfilter6 on the device."""
    found = {}
    with namespace.entered(), _filter_on_loopback():
        lines = (open("/proc/thread-self/net/mcfilter", encoding="ascii").read().splitlines()[1:] +
                 open("/proc/thread-self/net/mcfilter6", encoding="ascii").read().splitlines()[1:])
    for line in lines:
        words = line.split()
        if words[1] == device and int(words[4]) > 0:
            parse = (lambda word: ipaddress.ip_address(int(word, 16))) if words[2].startswith("0x") else \
                (lambda word: ipaddress.ip_address(bytes.fromhex(word)))
            found.setdefault(str(parse(words[2])), set()).add(str(parse(words[3])))
    return found
