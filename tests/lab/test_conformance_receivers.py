#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the conformance table that are judged by receiving sockets, whose kernel verifies checksums and reassembles."""
import socket
import struct
import threading

from conformance import MARK, PLACES, V6, Road
from harness import expect_equal, main, proves, until
from traffic import PACKET_VNET_HDR, SOL_PACKET, Capture, UdpReceiver, UdpSender, ipv6, udp

SOL_UDP, UDP_SEGMENT, UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX = 17, 103, 101, 102
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_PROBE = 10, 23, 3
PORT, NEW_PORT = 5000, 6000
SEGMENT_BYTES = 1400


class Receivers:
    """Sockets at hosts b and c, of both families, at the old port and the new one."""

    def __init__(self, road):
        self.hosts = {2: road.lab.b, 3: road.lab.c}
        self.sockets = {(number, family, port): UdpReceiver(host, port, family) for number, host in self.hosts.items()
                        for family in (socket.AF_INET, socket.AF_INET6) for port in (PORT, NEW_PORT)}

    def expect(self, place, number, port, payloads, text):
        got = self.sockets[number, place.family, port].collect(len(payloads), 3.0, 0.05)
        expect_equal([(len(d.payload), d.payload) for d in got], [(len(p), p) for p in payloads], f"{place.name}: datagrams at host {number}, {text}")
        expect_equal(self.hosts[number].udp_errors(), 0, f"{place.name}: UDP errors at host {number}, {text}")


def ways(place):
    """(name, policy, [(host, port) where datagrams arrive]): as it was sent, rewritten, and copied to two."""
    moved = f'via = "eth2", dst_ip = "{place.host(2)}"'
    return (("plain", place.steer(), [(2, PORT)]), ("address", place.steer(moved), [(2, PORT)]),
            ("copies", place.replicate(moved, f'via = "eth3", dst_ip = "{place.host(3)}"'), [(2, PORT), (3, PORT)]))


def ways_with_ports(place):
    moved = f'via = "eth2", dst_ip = "{place.host(2)}", dst_port = {NEW_PORT}'
    return (*ways(place), ("ports", place.steer(moved), [(2, NEW_PORT)]),
            ("copies with ports", place.replicate(moved, place.by(3)), [(2, NEW_PORT), (3, PORT)]))


def send_all(place, payloads, prepare=lambda sender: None):
    sender = UdpSender(place.lab.sender, place.server, PORT)
    prepare(sender)
    for payload in payloads:
        sender.socket.sendto(payload, sender.target)
    sender.socket.close()


def check_ways(road, receivers, every_way, payloads, text="", prepare=lambda sender, place: None):
    for place in road.places():
        for name, policy, arrivals in every_way(place):
            place.load(policy)
            send_all(place, payloads, lambda sender, at=place: prepare(sender, at))
            for number, port in arrivals:
                receivers.expect(place, number, port, payloads, f"{name} {text}")


@proves("checksum-partial", "socket", *PLACES)
@proves("odd-length", "socket", *PLACES)
def checksums_are_right_whoever_fills_them_in():
    road = Road()
    receivers = Receivers(road)
    payloads = [bytes(range(size)) for size in (1, 2, 3, 77, 254, 255)]
    for at_sender, at_router in (("on", "on"), ("off", "on"), ("on", "off"), ("off", "off")):
        road.lab.sender.exec("ethtool", "-K", "eth0", "tx", at_sender)
        for number in (2, 3):
            road.lab.router.exec("ethtool", "-K", f"eth{number}", "tx", at_router)
        check_ways(road, receivers, lambda place: ways_with_ports(place)[1:], payloads, f"tx {at_sender} at the sender, {at_router} at the router")


@proves("udp-no-checksum", "socket", *PLACES)
def datagrams_without_checksum_stay_without():
    road = Road()
    receivers = Receivers(road)
    for (_, family, _), receiver in receivers.sockets.items():
        if family == socket.AF_INET6:
            receiver.socket.setsockopt(SOL_UDP, UDP_NO_CHECK6_RX, 1)
    frames = Capture(road.lab.b, "eth0")

    def prepare(sender, place):
        sender.socket.setsockopt(*((socket.SOL_SOCKET, 11, 1) if place.is_v4 else (SOL_UDP, UDP_NO_CHECK6_TX, 1)))
    check_ways(road, receivers, ways_with_ports, [MARK, MARK + b"!"], "without checksum", prepare)
    fields = {frame[40:42] if frame[12] == 8 else frame[60:62] for frame in frames.frames(40, 0.5, lambda frame: MARK in frame)}
    expect_equal(fields, {b"\0\0"}, "checksum fields on the wire")


@proves("first-fragment", "socket", *PLACES)
@proves("later-fragment", "socket", *PLACES)
def fragments_are_reassembled():
    road = Road()
    check_ways(road, Receivers(road), ways, [bytes(range(256)) * 32, b"odd" * 999])


# Before a frame, where PACKET_VNET_HDR asks for it: 14 bytes are linear; the kernel does so for frames of more than a page.
NONLINEAR = struct.pack("=BBHHHH", 0, 0, 14, 0, 0, 0)


def road_of_large_frames():
    road = Road()
    for namespace, device in ((road.lab.sender, "eth0"), *((road.lab.router, f"eth{n}") for n in range(4)), *((host, "eth0") for host in road.lab.hosts)):
        namespace.ip("link", "set", device, "mtu", "9000")
    for sender in road.senders.values():
        sender.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    return road


@proves("nonlinear", "socket", *PLACES)
def headers_outside_of_the_linear_part_are_pulled_in():
    road = road_of_large_frames()
    receivers = Receivers(road)
    payload = MARK + b"!" * 6001
    for place in road.places():
        for name, policy, arrivals in ways_with_ports(place):
            place.load(policy)
            place.inject(NONLINEAR + place.frame(place.packet(payload)))
            for number, port in arrivals:
                receivers.expect(place, number, port, [payload], name)


def extension_headers_at_the_end_of_what_is_looked_at_are_pulled_in():
    road = road_of_large_frames()
    payload = MARK + b"!" * 6001
    for place in road.places(V6):
        place.load(place.steer())
        for size in range(8 * 53, 8 * 61, 8):
            inside = bytes([60, size // 8 - 1]) + bytes(size - 2) + bytes([17, 0]) + bytes(6) + udp(place.source, place.server, 4000, PORT, payload)
            place.inject(NONLINEAR + place.frame(ipv6(place.source, place.server, inside, next_header=60)))
            arrived = ipv6(place.source, place.server, inside, next_header=60, hop_limit=place.sent_ttl())
            place.expect_at(2, [place.expected(2, arrived)], f"an extension header at {54 + size}")


def send_segmented(place, data):
    """A large packet that is cut into datagrams on its way; none may be fragmented, and the path MTU is not asked for."""
    def prepare(sender):
        sender.socket.setsockopt(SOL_UDP, UDP_SEGMENT, SEGMENT_BYTES)
        sender.socket.setsockopt(*((socket.IPPROTO_IP, IP_MTU_DISCOVER) if place.is_v4 else (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER)), PMTUDISC_PROBE)
    send_all(place, [data], prepare)


@proves("gso", "socket", *PLACES)
def segments_of_large_packets_are_right():
    road = Road()
    receivers = Receivers(road)
    whole = bytes(range(251)) * 80
    segments = [whole[start:start + SEGMENT_BYTES] for start in range(0, len(whole), SEGMENT_BYTES)]
    for state in ("on", "off"):
        for number in (2, 3):
            road.lab.router.exec("ethtool", "-K", f"eth{number}", "tx", state, "tso", state, "gso", state, "tx-udp-segmentation", state)
        for place in road.places():
            for name, policy, arrivals in ways_with_ports(place):
                place.load(policy)
                send_segmented(place, whole)
                for number, port in arrivals:
                    receivers.expect(place, number, port, segments, f"{name}, offloads {state}")


@proves("gso-too-big", "socket", *PLACES)
def segments_beyond_the_mtu_are_not_sent():
    road = Road()
    receivers = Receivers(road)
    for number in (2, 3):
        road.lab.router.ip("link", "set", f"eth{number}", "mtu", "1300")
    whole = bytes(range(251)) * 80
    for place in road.places():
        for name, policy, arrivals in ways_with_ports(place):
            place.load(policy)
            before = place.reason("too-big"), place.reason("icmp-sent")
            send_segmented(place, whole)
            until(lambda: place.reason("icmp-sent") > before[1], f"{place.name}: {name}: the sender is told")
            place.expect_counted("too-big", before[0], 1 if "copies" not in name else 2, name)
            for number, port in arrivals:
                receivers.expect(place, number, port, [], name)


@proves("ttl-2", "socket", *PLACES)
@proves("ttl-255", "socket", *PLACES)
def the_ttl_is_one_less_behind_the_router():
    road = Road()
    receivers = Receivers(road)
    for place in road.places():
        place.load(place.steer())
        for ttl in (2, 255):
            send_all(place, [b"ttl"], lambda sender, value=ttl, at=place: sender.socket.setsockopt(
                *((socket.IPPROTO_IP, socket.IP_TTL) if at.is_v4 else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)), value))
            got = receivers.sockets[2, place.family, PORT].collect(1, 3.0, 0.05)
            expect_equal([d.ttl for d in got], [ttl - 1], f"{place.name}: TTL at b")


@proves("one-generation", "socket", *PLACES)
def a_packet_and_its_copies_see_one_generation():
    road = Road()
    receivers = Receivers(road)
    for place in road.places():
        policies = [place.replicate(f'{place.by(2)}, dscp = {stamp}', f'{place.by(3)}, dscp = {stamp}') for stamp in (11, 22)]
        place.load(policies[0])
        ends, sent = threading.Event(), []

        def stream():
            sender = UdpSender(place.lab.sender, place.server, PORT)
            while not ends.wait(0.0005):
                sent.append(b"%d" % len(sent))
                sender.socket.sendto(sent[-1], sender.target)
        sender = threading.Thread(target=stream)
        sender.start()
        for number in range(20):
            place.load(policies[(number + 1) % 2])
        ends.set()
        sender.join()
        stamps = [{d.payload: d.dscp for d in receivers.sockets[host, place.family, PORT].collect(len(sent))} for host in (2, 3)]
        expect_equal([sorted(found) for found in stamps], [sorted(sent)] * 2, f"{place.name}: datagrams at b and c")
        expect_equal(stamps[0], stamps[1], f"{place.name}: stamps at b and c")
        expect_equal(set(stamps[0].values()), {11, 22}, f"{place.name}: generations seen")


main(__doc__,
     checksums_are_right_whoever_fills_them_in,
     datagrams_without_checksum_stay_without,
     fragments_are_reassembled,
     headers_outside_of_the_linear_part_are_pulled_in,
     extension_headers_at_the_end_of_what_is_looked_at_are_pulled_in,
     segments_of_large_packets_are_right,
     segments_beyond_the_mtu_are_not_sent,
     the_ttl_is_one_less_behind_the_router,
     a_packet_and_its_copies_see_one_generation)
