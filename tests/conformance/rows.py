# SPDX-License-Identifier: Apache-2.0
"""What a packet may be like, and what the datapath owes it: the rows of the conformance table.

A subject names what may be special about a packet and the places where that makes sense: a family and a direction of the TC
hook. It stands for one row for each place and each way to judge it: `short/v4/ingress/run`. A row that no test proves fails the
test run, and so does a test that proves a row that is not here.
"""
import typing

PLACES = ("v4/ingress", "v4/egress", "v6/ingress", "v6/egress")
V4, V6 = PLACES[:2], PLACES[2:]
INGRESS, EGRESS = PLACES[::2], PLACES[1::2]

# How a row is judged.
JUDGES = {
    "run": "`BPF_PROG_TEST_RUN`: verdict, whole frame, counters and reasons",
    "wire": "frames captured in another network namespace",
    "socket": "a receiving socket, whose kernel verifies checksums and reassembles",
}


class Subject(typing.NamedTuple):
    """`number` is that of the situation; `run`, `wire` and `socket` say at which places each judges."""

    number: int
    name: str
    text: str
    run: tuple = ()
    wire: tuple = ()
    socket: tuple = ()


SITUATIONS = {
    1: "frames shorter than their headers", 2: "headers outside of the linear part", 3: "headers of variable length",
    4: "headers that contradict themselves, padding", 5: "the first fragment", 6: "later fragments", 7: "UDP without checksum",
    8: "transports", 9: "checksums that the device fills in", 10: "checksums that the device has summed up", 11: "GSO and GRO",
    12: "larger than the egress MTU", 13: "TTL and hop limit", 14: "DSCP and ECN", 15: "VLAN tags", 16: "what is not IP",
    17: "frames to others or to many", 18: "special addresses", 19: "source MAC", 20: "destination MAC", 21: "copies",
    22: "copies that fail", 23: "copies and the original", 24: "egress devices", 25: "stacked devices", 26: "prefixes",
    27: "the device of the hook", 28: "number of rules", 29: "generations", 30: "XDP", 31: "counters and metadata", 32: "trace",
}

_TRANSPORTS = (("tcp", "TCP: its checksum follows the new addresses and ports"), ("udp", "UDP: likewise"),
               ("udp-lite", "UDP-Lite: likewise"), ("dccp", "DCCP: likewise"),
               ("icmp", "ICMP has no pseudo-header, ICMPv6 has"), ("sctp", "SCTP has none, and a CRC over its ports: those stay"),
               ("esp", "only the IP header changes"), ("gre", "only the IP header changes"), ("unknown", "only the IP header changes"))
_SPECIAL = (("this-network", "0.0.0.0/8", V4), ("loopback", "127.0.0.0/8, ::1", PLACES), ("unspecified", "::", V6),
            ("link-local", "169.254.0.0/16, fe80::/10", PLACES), ("local-groups", "224.0.0.0/24, ff02::/16", PLACES),
            ("interface-groups", "ff01::/16", V6), ("broadcast", "255.255.255.255", V4),
            ("multicast-source", "a multicast source", PLACES))

SUBJECTS = (
    Subject(1, "short", "every length up to 100 bytes: goes on untouched, counted", PLACES, wire=PLACES),
    Subject(1, "truncated-transport", "a transport header that the packet does not hold: untouched, counted", PLACES),
    Subject(2, "nonlinear", "they are pulled in", socket=PLACES),
    Subject(3, "options", "IPv4 options of all lengths stay and move the transport header", V4),
    Subject(3, "extensions", "IPv6 extension headers are stepped over", V6),
    Subject(3, "hidden-transport", "a transport header out of reach is never given a wrong checksum", PLACES),
    Subject(4, "bad-version", "a version that contradicts the ethertype: untouched, counted", PLACES),
    Subject(4, "bad-header-length", "IHL below 5: untouched, counted", V4),
    Subject(4, "bad-length", "lengths that contradict each other or the frame: untouched, counted", PLACES),
    Subject(4, "bad-header-checksum", "never repaired by a rewrite: untouched, counted", V4),
    Subject(4, "padding", "Ethernet padding is neither payload nor length, and stays", PLACES),
    Subject(5, "first-fragment", "IP and transport checksum follow the rewrite", PLACES, socket=PLACES),
    Subject(6, "later-fragment", "only the IP header changes; no rule with ports takes it", PLACES, socket=PLACES),
    Subject(7, "udp-no-checksum", "a UDP checksum of 0 stays 0", PLACES, socket=PLACES),
    Subject(7, "udp-zero-result", "a checksum that comes out as 0 is sent as ffff", PLACES),
    Subject(8, "odd-length", "payloads of odd length keep their checksum right", PLACES, socket=PLACES),
    *(Subject(8, f"transport-{name}", text, PLACES) for name, text in _TRANSPORTS),
    Subject(9, "checksum-partial", "right at the receiver, whichever device fills them in", socket=PLACES),
    Subject(10, "checksum-complete", "the kernel's sum over the packet stays right", INGRESS),
    Subject(11, "gso", "the segments of a large packet are right after steer and copy, whoever cuts it", socket=PLACES),
    Subject(11, "gso-too-big", "segments beyond the egress MTU are not sent: counted, the sender is told", socket=PLACES),
    Subject(12, "too-big", "not sent; the sender is told the MTU, whatever `on_failure` says", PLACES, wire=PLACES),
    Subject(12, "too-big-may-fragment", "without DF it goes on, or is dropped and the sender told, as `on_failure` says", V4, wire=V4),
    *(Subject(13, f"ttl-{value}", f"TTL {value}: left to the stack and counted at ingress, as it is at egress", PLACES) for value in (0, 1)),
    *(Subject(13, f"ttl-{value}", f"TTL {value}: one less at ingress, as it is at egress", PLACES, socket=PLACES) for value in (2, 255)),
    Subject(13, "ttl-keep", 'TTL as it is by `ttl = "keep"`', PLACES),
    Subject(13, "ttl-set", "TTL N by `ttl = N`", PLACES),
    Subject(13, "ttl-copy-of-group", "a multicast packet sent to a unicast address starts with TTL 64", PLACES),
    Subject(13, "loop", "one packet ends after it was sent on 64 times, counted", wire=INGRESS),
    Subject(14, "tos", "all 256 values: six bits are matched and rewritten, ECN stays", PLACES),
    Subject(15, "vlan-priority", "a priority tag is looked through and goes along", PLACES, wire=PLACES),
    Subject(15, "vlan-one", "one tag, 802.1Q or 802.1ad: only a rule that asks takes it; it goes along", PLACES, wire=PLACES),
    Subject(15, "vlan-qinq", "two tags: the outermost with an id says which VLAN", PLACES, wire=PLACES),
    Subject(15, "vlan-three", "three tags: not IP", PLACES, wire=PLACES),
    Subject(15, "vlan-rewrite", "the outermost tag gets another id, is put on or taken off, wherever the kernel keeps it", PLACES, wire=V4),
    *(Subject(16, f"ethertype-{name}", f"{name.upper()} goes on untouched", PLACES) for name in ("arp", "lldp", "stp", "pppoe", "mpls")),
    Subject(17, "link-broadcast", "a link-layer broadcast is not steered, unless a rule names its address", PLACES, wire=PLACES),
    Subject(17, "link-multicast", "a link-layer multicast is not steered, unless a rule asks for its group", PLACES, wire=PLACES),
    Subject(17, "other-host", "a frame for another host is ignored and counted", INGRESS, wire=INGRESS),
    *(Subject(18, f"special-{name}", f"{text}: taken only by a rule that asks for it", where) for name, text, where in _SPECIAL),
    Subject(18, "own-source", "at ingress, an address of this host: taken by a rule that names it; at egress as any other", PLACES, wire=PLACES),
    Subject(19, "source-mac", "the source MAC is the egress device's own", PLACES, wire=PLACES),
    Subject(20, "group-mac", "a multicast destination gets its group's MAC", PLACES, wire=PLACES),
    Subject(20, "destination-mac", "the destination MAC is the neighbour's of now", wire=PLACES),
    *(Subject(21, f"copies-{n}", f"{n} target{'s' if n > 1 else ''}: as many exact copies, each with its own rewrite", PLACES, wire=PLACES) for n in (1, 2, 12, 64)),
    Subject(21, "original-consumed", "the original ends here", PLACES, wire=PLACES),
    Subject(21, "original-passes", "the original goes on as it came, to the byte", PLACES, wire=PLACES),
    Subject(21, "copy-of-copy", "a copy is never copied again on this host, whichever way it comes back", wire=PLACES),
    Subject(21, "mirror", "mirrored copies are the frame as it is; the original goes on", PLACES, wire=PLACES[:3]),
    Subject(21, "snap", "a cut copy is the head of the frame; the original goes on whole", PLACES, wire=INGRESS),
    Subject(21, "sample", "one packet in so many is copied", PLACES),
    Subject(21, "limit", "beyond its limit a rule treats no packet: dropped or passed as `excess` says, counted", PLACES, socket=V4[:1]),
    Subject(22, "copy-fails", "a copy that cannot be sent is counted with its reason and harms no other", PLACES, wire=PLACES),
    Subject(23, "copy-order", "no copy depends on the rewrite of the one before it", PLACES),
    Subject(24, "via-down", "the device is down: goes on or dropped as `on_failure` says, counted", PLACES, wire=PLACES),
    Subject(24, "via-deleted", "the device is gone: the rule waits, packets go their old way", wire=PLACES),
    Subject(24, "via-moved", "the device has moved to another network namespace: likewise", wire=PLACES),
    Subject(24, "via-layer3", "a device without Ethernet header gets none", wire=PLACES),
    Subject(24, "via-same", "the device of the hook itself", PLACES, wire=PLACES),
    Subject(24, "from-layer3", "from a device without Ethernet header one is added", EGRESS, wire=PLACES),
    Subject(25, "via-bridge", "by a bridge", wire=PLACES),
    Subject(25, "via-macvlan", "by a macvlan", wire=PLACES),
    Subject(26, "prefix-any", "no prefix and a prefix of length 0 take every ordinary address", PLACES),
    Subject(26, "prefix-host", "a host prefix takes one address", PLACES),
    Subject(26, "prefix-zero", "the address 0 is itself, not every address", PLACES),
    Subject(27, "hook-is-attach-device", "a rule is for the device and direction of the hook, wherever the packet came from", PLACES),
    Subject(28, "no-rules", "an empty policy touches nothing", PLACES),
    Subject(28, "thousand-rules", "the last of 1,024 rules is found", PLACES),
    Subject(29, "one-generation", "a packet and all its copies see one generation of the policy; none is lost by a change", socket=PLACES),
    Subject(31, "counters", "each packet and its bytes are counted once", PLACES, wire=PLACES),
    Subject(31, "metadata", "mark, priority and time stamp stay as they were", PLACES),
)

# Parts of a situation that no row is about: (number, what, why).
NOT_HERE = (
    (24, "packets in the milliseconds between the end of a device and the generation that knows of it", "the kernel drops what is steered there "
         "without a word; a copy is counted as `clone-failed`"),
    (10, "a device that sums up packets itself", "there is none; a test run says so of its packets, at ingress"),
    (22, "a copy for which the kernel has no memory", "it cannot be made to run out of it for one packet"),
    (25, "a bond, a VLAN device", "the kernel that the table is made on has neither; VLAN tags are judged in 15. A way out by a port of a bond is warned of in the journal, "
         "as unit tests show"),
    (31, "the queue of a packet", "a test run has none; rudder does not write it"),
    (26, "a prefix with host bits set", "refused by the language, see `tests/bad`"),
    (30, "XDP with fragments", "there is no XDP datapath yet"),
    (32, "a trace buffer that is full", "there is no trace yet"),
)


def row(name, place, judge):
    return f"{name}/{place}/{judge}"


def rows():
    """All rows, in the order of the table."""
    return [row(subject.name, place, judge) for subject in SUBJECTS for judge in JUDGES for place in getattr(subject, judge)]
