#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of the conformance table that are judged by frames on the wire: copies, and the devices that packets leave by."""
import threading

from conformance import EGRESS, INGRESS, MARK, PLACES, Road
from harness import expect_equal, main, proves, until
from lab import veth
from traffic import Capture, Tun, mac_bytes


@proves("copies-1", "wire", *PLACES)
@proves("copies-2", "wire", *PLACES)
@proves("copies-12", "wire", *PLACES)
@proves("copies-64", "wire", *PLACES)
@proves("original-consumed", "wire", *PLACES)
@proves("original-passes", "wire", *PLACES)
def every_target_gets_an_exact_copy():
    road = Road()
    for place in road.places():
        for count in (1, 2, 12, 64):
            targets = [place.by(2 + n % 2) + (f", dst_port = {6000 + n}" if n % 3 else "") for n in range(count)]
            copies = [place.packet(port=6000 + n if n % 3 else 5000, ttl=place.sent_ttl()) for n in range(count)]
            original = "pass" if count in (2, 64) else "consume"
            place.load(place.replicate(*targets, original=original))
            place.inject(place.frame(place.packet()))
            for host in (2, 3):
                wanted = [place.expected(host, copy) for n, copy in enumerate(copies) if 2 + n % 2 == host]
                place.expect_at(host, wanted, f"{count} copies")
            goes_on = [place.expected(1, place.packet(ttl=place.sent_ttl()))] if original == "pass" else []
            place.expect_at(1, goes_on, f"the original, {original}")


@proves("copy-of-copy", "wire", *PLACES)
def a_copy_is_never_copied_again():
    road = Road()
    veth(road.lab.router, "x0", road.lab.router, "x1")
    for device in ("x0", "x1"):
        road.lab.router.up(device)
    mac = road.lab.router.mac("x1")
    for place in road.places():
        again = place.replicate(place.by(3), f'via = "x0", next_hop_mac = "{mac}"', interface="x1", original="pass").replace(
            'name = "r"\npriority = 10', 'name = "again"\npriority = 20').replace('direction = "egress"', 'direction = "ingress"')
        place.load(place.replicate(place.by(2), f'via = "x0", next_hop_mac = "{mac}"') + again)
        before = place.reason("own-copy")
        place.inject(place.frame(place.packet()))
        place.expect_at(2, [place.expected(2, place.packet(ttl=place.sent_ttl()))], "the copy")
        place.expect_at(3, [], "a copy of a copy")
        # At egress the copy is routed to the rule that made it.
        place.expect_counted("own-copy", before, 1 if place.is_ingress else 2, "the copy that came back")


class Spare:
    """A device of the router, `sp0`, to host b, which may come to harm."""

    def __init__(self, road):
        self.router, self.b = road.lab.router, road.lab.b
        veth(self.router, "sp0", self.b, "sp0")
        self.router.up("sp0")
        self.b.up("sp0")
        self.capture = Capture(self.b, "sp0")
        self.way = f'via = "sp0", next_hop_mac = "{self.b.mac("sp0")}"'
        self.header = mac_bytes(self.b.mac("sp0")) + mac_bytes(self.router.mac("sp0"))

    def expect(self, place, packets, text):
        got = self.capture.frames(len(packets) or 1, 2.0 if packets else 0.1, lambda frame: MARK in frame)
        wanted = [self.header + place.expected(2, packet)[12:] for packet in packets]
        expect_equal([f.hex() for f in got], [f.hex() for f in wanted], f"{place.name}: {text}")


@proves("via-down", "wire", *PLACES)
@proves("copy-fails", "wire", *PLACES)
def a_device_that_is_down_harms_no_other():
    road = Road()
    spare = Spare(road)
    for place in road.places():
        road.lab.router.ip("link", "set", "sp0", "up")
        until(lambda: "LOWER_UP" in road.lab.router.ip("link", "show", "sp0").stdout, "carrier of sp0")
        place.load(place.steer(spare.way))
        sent = place.packet(ttl=place.sent_ttl())

        def arrives():
            place.inject(place.frame(place.packet()))
            return spare.capture.frames(1, 0.05, lambda frame: MARK in frame, 0.0)
        until(arrives, f"{place.name}: the device is in use")
        road.captures[0].frames(1, 0.1, lambda frame: MARK in frame)
        road.lab.router.ip("link", "set", "sp0", "down")
        for on_failure in ("pass", "drop"):
            place.load(place.steer(spare.way + f', on_failure = "{on_failure}"'))
            before = place.reason("link-down")
            place.inject(place.frame(place.packet()))
            place.expect_at(1, [place.expected(1, sent)] if on_failure == "pass" else [], on_failure)
            place.expect_counted("link-down", before, 1, "a packet")
        place.load(place.replicate(place.by(2), spare.way, place.by(3)))
        before = place.reason("link-down")
        place.inject(place.frame(place.packet()))
        for host in (2, 3):
            place.expect_at(host, [place.expected(host, sent)], "the other copies")
        place.expect_counted("link-down", before, 1, "a copy")


@proves("via-deleted", "wire", *PLACES)
@proves("via-moved", "wire", *PLACES)
def a_device_that_is_gone_leaves_packets_their_way():
    road = Road()
    for place in road.places():
        for gone in (("link", "delete", "sp0"), ("link", "set", "sp0", "netns", road.lab.c.name)):
            spare = Spare(road)
            place.load(place.steer(spare.way))
            place.inject(place.frame(place.packet()))
            spare.expect(place, [place.packet(ttl=place.sent_ttl())], "before")
            road.lab.router.ip(*gone)
            until(lambda: place.daemon.rule("r")["state"] != "active", f"{place.name}: the rule waits")
            place.inject(place.frame(place.packet()))
            place.expect_at(1, [place.expected(1, place.packet(ttl=place.sent_ttl()))], "its old way while the rule waits")
            road.lab.b.ip("link", "delete", "sp0", check=False)


@proves("via-layer3", "wire", *PLACES)
def a_device_without_ethernet_gets_bare_packets():
    road = Road()
    tun = Tun(road.lab.router, "tun0", "10.10.7.1/24", "2001:db8:7::1/64")
    for place in road.places():
        place.load(place.steer('via = "tun0"'))
        place.inject(place.frame(place.packet()))
        expect_equal(tun.read(1), [place.packet(ttl=place.sent_ttl())], f"{place.name}: steered")
        place.load(place.replicate('via = "tun0", dst_port = 6000', place.by(2)))
        place.inject(place.frame(place.packet()))
        expect_equal(tun.read(1), [place.packet(port=6000, ttl=place.sent_ttl())], f"{place.name}: copied")
        place.expect_at(2, [place.expected(2, place.packet(ttl=place.sent_ttl()))], "the other copy")


@proves("from-layer3", "wire", *PLACES)
def what_comes_without_ethernet_gets_a_header():
    road = Road()
    tun = Tun(road.lab.router, "tun0", "10.10.7.1/24", "2001:db8:7::1/64")
    for place in road.places():
        behind = place.pick("10.77.0.1", "2001:db8:77::1")
        if not place.is_ingress:
            road.lab.router.ip("route", "add", behind, "dev", "tun0")
        for policy, port in ((place.steer(interface="tun0", dst=behind), 5000),
                             (place.replicate(place.by(2) + ", dst_port = 6000", interface="tun0", dst=behind), 6000)):
            place.load(policy)
            until(lambda: place.daemon.rule("r")["state"] == "active", f"{place.name}: the daemon has seen tun0")
            if place.is_ingress:
                tun.write(place.packet(dst=behind))
            else:  # by the kernel's route from the sender
                place.inject_for_routing(place.packet(dst=behind))
            place.expect_at(2, [place.expected(2, place.packet(dst=behind, port=port, ttl=63))], "with a header")


@proves("via-bridge", "wire", *PLACES)
@proves("via-macvlan", "wire", *PLACES)
def packets_leave_by_a_bridge_and_by_a_macvlan():
    road = Road()
    router = road.lab.router
    router.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
    router.ip("link", "set", "eth3", "master", "br0")
    router.ip("link", "add", "mv0", "link", "eth2", "type", "macvlan", "mode", "bridge")
    for device in ("br0", "mv0"):
        router.up(device)
    until(lambda: "state forwarding" in router.exec("bridge", "link").stdout, "the port forwards")
    for place in road.places():
        for device, host in (("br0", 3), ("mv0", 2)):
            way = f'via = "{device}", next_hop_mac = "{road.lab.hosts[host - 1].mac("eth0")}"'
            for policy in (place.steer(way), place.replicate(way)):
                place.load(policy)
                place.inject(place.frame(place.packet()))
                place.expect_at(host, [place.expected(host, place.packet(ttl=place.sent_ttl()), router.mac(device))], device)


@proves("via-same", "wire", *PLACES)
def packets_may_leave_by_the_device_of_the_hook():
    road = Road()
    at_sender = Capture(road.lab.sender, "eth0")
    for place in road.places(INGRESS + EGRESS):
        if place.is_ingress:
            place.load(place.steer(f'via = "eth0", next_hop_mac = "{road.lab.sender.mac("eth0")}"'))
            place.inject(place.frame(place.packet()))
            wanted = mac_bytes(road.lab.sender.mac("eth0")) + mac_bytes(road.lab.router.mac("eth0")) + place.expected(1, place.packet(ttl=63))[12:]
            expect_equal(at_sender.frames(1, 2.0, lambda frame: MARK in frame), [wanted], f"{place.name}: back at the sender")
        else:
            place.load(place.steer(f'via = "eth1", dst_ip = "{place.host(1)}", dst_port = 6000'))
            place.inject(place.frame(place.packet(), "02:00:00:00:99:99"))
            place.expect_at(1, [place.expected(1, place.packet(dst=place.host(1), port=6000))], "in place")


@proves("counters", "wire", *PLACES)
def four_senders_at_once_are_counted_whole():
    road = Road()
    for place in road.places():
        place.load(place.steer())
        frames = [place.frame(place.packet(MARK + b" %d" % number, source_port=4000 + number)) for number in range(4)]
        senders = [road.another_sender(place.interface) for _ in frames]
        threads = [threading.Thread(target=lambda s=sender, f=frame: [s.send(f) for _ in range(500)]) for sender, frame in zip(senders, frames)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        got = road.captures[1].frames(2000, 5.0, lambda frame: MARK in frame)
        expect_equal((len(got), place.matched()), (2000, 2000), f"{place.name}: frames at b, packets counted")


main(__doc__,
     every_target_gets_an_exact_copy,
     a_copy_is_never_copied_again,
     a_device_that_is_down_harms_no_other,
     a_device_that_is_gone_leaves_packets_their_way,
     a_device_without_ethernet_gets_bare_packets,
     what_comes_without_ethernet_gets_a_header,
     packets_leave_by_a_bridge_and_by_a_macvlan,
     packets_may_leave_by_the_device_of_the_hook,
     four_senders_at_once_are_counted_whole)
