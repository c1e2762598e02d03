#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the conformance table that are judged by frames on the wire: what a rule takes, and what it looks like when it is sent on."""
import struct

from conformance import INGRESS, MARK, PLACES, V4, Road
from harness import expect_equal, main, proves, until
from traffic import Capture, TaggedCapture, checksum, pseudo_header


def tag(*tcis, outer=0x8100):
    """The bytes that tags from the outside in put before the ethertype."""
    types = [outer] + [0x8100] * len(tcis)
    return b"".join(struct.pack(">HH", kind, tci) for kind, tci in zip(types, tcis))


@proves("short", "wire", *PLACES)
def short_frames_are_counted_and_go_on_as_they_are():
    road = Road()
    for place in road.places():
        place.load(place.steer())
        before, whole = place.reason("short"), place.frame(place.packet())
        lengths = range(14, 34 if place.is_v4 else 54)
        for length in lengths:
            place.inject(whole[:length])
        until(lambda: place.reason("short") - before >= len(lengths), f"{place.name}: short frames counted")
        place.expect_counted("short", before, len(lengths), "short frames")
        expect_equal(place.matched(), 0, f"{place.name}: packets matched")
        if not place.is_ingress:
            got = road.captures[0].frames(len(lengths), 2.0, lambda frame, start=whole[:14]: frame[:14] == start)
            expect_equal(got, [whole[:length] for length in lengths], f"{place.name}: frames at a")


@proves("vlan-priority", "wire", *PLACES)
@proves("vlan-one", "wire", *PLACES)
@proves("vlan-qinq", "wire", *PLACES)
@proves("vlan-three", "wire", *PLACES)
def tags_decide_and_go_along():
    road = Road()
    at_b = TaggedCapture(road.lab.b, MARK)
    rows = [((0xE000,), "", [0]), ((5,), "", None), ((5,), ", vlan = 5", [5]), ((0x6005,), ", vlan = 5", [5]), ((6,), ", vlan = 5", None),
            ((5, 7), "", None), ((5, 7), ", vlan = 5", [5, 7]), ((5, 7), ", vlan = 7", None), ((0xE000, 7), ", vlan = 7", [0, 7]),
            ((5, 5, 5), ', vlan = "any"', None), ((0, 0, 0), ', vlan = "any"', None)]
    for place in road.places():
        for more in dict.fromkeys(row[1] for row in rows):
            place.load(place.steer(more=more))
            for tcis, _, wanted in (row for row in rows if row[1] == more):
                for outer in (0x8100, 0x88A8):
                    place.inject(place.frame(place.packet(), tags=tag(*tcis, outer=outer)))
                    expect_equal(at_b.tags(*((1.0, 1) if wanted else (0.04,))), [wanted] if wanted else [], f"{place.name}: {tcis}{more}")


@proves("link-broadcast", "wire", *PLACES)
@proves("link-multicast", "wire", *PLACES)
def frames_to_many_are_not_steered():
    road = Road()
    for place in road.places():
        place.load(place.steer())
        for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:01:01:01", "33:33:00:00:00:01"):
            place.inject(place.frame(place.packet(), mac))
        place.inject(place.frame(place.packet(b"last " + MARK)))
        place.expect_at(2, [place.expected(2, place.packet(b"last " + MARK, ttl=place.sent_ttl()))], "only the unicast frame")
        expect_equal(place.matched(), 1, f"{place.name}: packets matched")


@proves("own-source", "wire", *PLACES)
def what_claims_to_come_from_the_router_is_not_steered_from_outside():
    road = Road()
    for place in road.places():
        own = place.pick("10.10.2.254", "2001:db8:2::fe")
        sent = place.expected(2, place.packet(ttl=place.sent_ttl(), source=own))
        host = own + place.pick("/32", "/128")
        for more, is_taken in (("", not place.is_ingress), (f', src_ip = "{host}"', True)):
            place.load(place.steer(more=more))
            place.inject(place.frame(place.packet(source=own)))
            place.expect_at(2, [sent] if is_taken else [], f"from {own}, rule with{more or 'out source'}")
            expect_equal(place.matched(), int(is_taken), f"{place.name}: packets matched")
            place.inject(place.frame(place.packet(b"last " + MARK, source=place.source)))
            if not more:
                place.expect_at(2, [place.expected(2, place.packet(b"last " + MARK, ttl=place.sent_ttl()))], "another source")


@proves("other-host", "wire", *INGRESS)
def frames_for_others_are_ignored_though_the_device_listens_to_all():
    road = Road()
    road.lab.router.ip("link", "set", "eth0", "promisc", "on")
    for place in road.places(INGRESS):
        place.load(place.steer())
        before = place.reason("not-for-us")
        place.inject(place.frame(place.packet(), "02:00:00:00:99:99"))
        until(lambda: place.reason("not-for-us") > before, f"{place.name}: the frame is counted")
        place.expect_at(2, [], "a frame for another host")


@proves("source-mac", "wire", *PLACES)
@proves("group-mac", "wire", *PLACES)
def the_whole_frame_is_as_the_next_hop_wants_it():
    road = Road()
    for place in road.places():
        place.load(place.steer())
        place.inject(place.frame(place.packet()))
        place.expect_at(2, [place.expected(2, place.packet(ttl=place.sent_ttl()))], "the steered frame")
        group = place.pick("239.255.129.3", "ff0e::2:8003")
        place.load(place.steer(f'via = "eth2", dst_ip = "{group}"'))
        place.inject(place.frame(place.packet()))
        wanted = place.expected(2, place.packet(dst=group, ttl=place.sent_ttl()))
        place.expect_at(2, [bytes.fromhex(place.pick("01005e7f8103", "333300028003")) + wanted[6:]], "the frame to a group")


@proves("destination-mac", "wire", *PLACES)
def the_destination_mac_is_the_neighbours_of_now():
    road = Road()
    for number, place in enumerate(road.places()):
        place.load(place.steer())
        place.inject(place.frame(place.packet()))
        place.expect_at(2, [place.expected(2, place.packet(ttl=place.sent_ttl()))], "before")
        mac = f"02:00:00:00:be:{number:02x}"
        road.lab.b.ip("link", "set", "eth0", "address", mac)
        for address in ("10.10.2.254", "2001:db8:2::fe"):
            road.lab.b.exec("ping", "-c1", "-W1", address, check=False)  # the router learns the new MAC from the question

        def follows():
            place.inject(place.frame(place.packet()))
            got = road.captures[1].frames(1, 0.1, lambda frame: MARK in frame, 0.0)
            return got and got[-1] == place.expected(2, place.packet(ttl=place.sent_ttl()))
        until(follows, f"{place.name}: a frame to the new MAC", 3)
        road.captures[1].frames(1, 0.1, lambda frame: MARK in frame)


def _icmp_too_big(place, frame):
    """The MTU of an ICMP error whose checksum is right; None for another frame."""
    if place.is_v4:
        if frame[12:14] != b"\x08\x00" or frame[23] != 1 or frame[34:36] != b"\3\4":
            return None
        expect_equal(checksum(frame[34:14 + struct.unpack(">H", frame[16:18])[0]]), 0, f"{place.name}: ICMP checksum")
        return struct.unpack(">H", frame[40:42])[0]
    if frame[12:14] != b"\x86\xdd" or frame[20] != 58 or frame[54] != 2:
        return None
    message = frame[54:]
    sides = [":".join(frame[start:start + 16].hex()[i:i + 4] for i in range(0, 32, 4)) for start in (22, 38)]
    expect_equal(checksum(pseudo_header(*sides, 58, len(message)) + message), 0, f"{place.name}: ICMPv6 checksum")
    return struct.unpack(">I", frame[58:62])[0]


@proves("too-big", "wire", *PLACES)
@proves("too-big-may-fragment", "wire", *V4)
def what_is_too_big_is_told_to_its_sender():
    road = Road()
    road.lab.router.ip("link", "set", "eth2", "mtu", "1300")
    at_sender = Capture(road.lab.sender, "eth0")
    for place in road.places():
        place.load(place.steer())
        fits = MARK.ljust(1300 - (28 if place.is_v4 else 48), b"!")
        place.inject(place.frame(place.packet(fits, fragment=0x4000)))
        place.expect_at(2, [place.expected(2, place.packet(fits, ttl=place.sent_ttl(), fragment=0x4000))], "just fits")
        before = place.reason("icmp-sent")
        place.inject(place.frame(place.packet(fits + b"!", fragment=0x4000)))
        got = at_sender.frames(1, 2.0, lambda frame: _icmp_too_big(place, frame) is not None)
        expect_equal([_icmp_too_big(place, frame) for frame in got], [1300], f"{place.name}: MTU that the sender is told")
        place.expect_at(2, [], "too big")
        place.expect_at(1, [], "too big")
        place.expect_counted("icmp-sent", before, 1, "a packet too big")
    for place in road.places(V4):
        for on_failure, arrives in (("pass", 1), ("drop", 0)):
            place.load(place.steer(place.by(2) + f', on_failure = "{on_failure}"'))
            payload = MARK.ljust(1400, b"?")
            place.inject(place.frame(place.packet(payload)))
            place.expect_at(1, [place.expected(1, place.packet(payload, ttl=place.sent_ttl()))] * arrives, f"may be fragmented, {on_failure}")
            place.expect_at(2, [], f"may be fragmented, {on_failure}")


main(__doc__,
     short_frames_are_counted_and_go_on_as_they_are,
     tags_decide_and_go_along,
     frames_to_many_are_not_steered,
     what_claims_to_come_from_the_router_is_not_steered_from_outside,
     frames_for_others_are_ignored_though_the_device_listens_to_all,
     the_whole_frame_is_as_the_next_hop_wants_it,
     the_destination_mac_is_the_neighbours_of_now,
     what_is_too_big_is_told_to_its_sender)
