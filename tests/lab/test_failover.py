#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a group goes on sending to a member that is lost: from the kernel's netlink event to the packets at the receivers."""
import socket
import statistics
import struct
import subprocess
import threading
import time

from harness import expect, expect_equal, main, until
from lab import Crossroads, Daemon
from spread import bring_up, member, notice_lost_neighbours_soon, policy
from traffic import UdpReceiver, UdpSender, is_ipv6

ROUNDS = 7
LIMIT_MS = 10
RTMGRP_LINK, RTMGRP_NEIGH = 1, 4
RTM_NEWLINK, RTM_NEWNEIGH = 16, 28
IFF_LOWER_UP, NUD_FAILED = 1 << 16, 0x20


class Stream:
    """A datagram each 0.2 ms, with the time when it was sent."""

    def __init__(self, sender):
        self.sender, self.stopping = sender, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            self.sender.socket.sendto(time.monotonic_ns().to_bytes(8, "big"), self.sender.target)
            time.sleep(0.0002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


class Events:
    """The kernel's own notifications in a namespace."""

    def __init__(self, namespace):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.socket.bind((0, RTMGRP_LINK | RTMGRP_NEIGH))
        self.socket.settimeout(20)

    def wait(self, is_wanted):
        """The time when a message (type, payload) that is wanted has come."""
        while True:
            data = self.socket.recv(65536)
            now = time.monotonic_ns()
            while len(data) >= 16:
                length, kind = struct.unpack("=IH", data[:6])
                if is_wanted(kind, data[16:length]):
                    return now
                data = data[(length + 3) & ~3:]


def loses_carrier(index):
    return lambda kind, body: (kind == RTM_NEWLINK and struct.unpack("=i", body[4:8])[0] == index
                               and not struct.unpack("=I", body[8:12])[0] & IFF_LOWER_UP)


def neighbour_fails(index):
    return lambda kind, body: (kind == RTM_NEWNEIGH and struct.unpack("=i", body[4:8])[0] == index
                               and struct.unpack("=H", body[8:10])[0] & NUD_FAILED)


def failover_ms(lab, receiver, sender, is_event, *command):
    """From the event to the sending of the first datagram that the second host got."""
    events = Events(lab.router)
    receiver.collect(0, 0, 0.01)
    with Stream(sender):
        time.sleep(0.1)
        with subprocess.Popen(("ip", "-n", *command)):  # not waited for: the event comes before it has ended
            at = events.wait(is_event)
        first = receiver.receive(5)
    expect(first is not None, "nothing at the second tier")
    return (int.from_bytes(first.payload, "big") - at) / 1e6


class Ways:
    """A way by host a, and one by host b for when a is lost; a flow, and who gets it."""

    def __init__(self, server):
        self.lab = Crossroads(hosts=2)
        notice_lost_neighbours_soon(self.lab, "eth1", server)
        self.lab.know_neighbours()
        self.daemon = Daemon(self.lab.router, policy(member(1, server), member(2, server, tier=2), server=server))
        family = socket.AF_INET6 if is_ipv6(server) else socket.AF_INET
        self.receivers = [UdpReceiver(host, 5000, family) for host in self.lab.hosts]
        self.sender = UdpSender(self.lab.sender, server, 5000)

    def is_by_a(self):
        for receiver in self.receivers:
            receiver.collect(0, 0, 0.01)
        self.sender.socket.sendto(b"12345678", self.sender.target)
        return self.receivers[0].receive(0.2) is not None

    def measure(self, what, is_event, lose, restore):
        """Loses host a by the ip command `lose`, again and again, and judges how long the flow still went there."""
        until(self.is_by_a, "packets at the first host", 20)
        generation, times = self.daemon.generation(), []
        for _ in range(ROUNDS):
            until(self.is_by_a, "packets at the first host", 20)
            times.append(failover_ms(self.lab, self.receivers[1], self.sender, is_event, *lose))
            restore()
        median = statistics.median(times)
        print(f"# {what}: fail-over {median:.1f} ms after the event (median; {min(times):.1f} to {max(times):.1f})")
        expect(median <= LIMIT_MS, f"{what}: {times}")
        expect_equal(self.daemon.generation(), generation, f"generation after {what}")


def carrier_loss():
    _carrier_loss(Crossroads.SERVER)


def carrier_loss_over_ipv6():
    _carrier_loss(Crossroads.SERVER6)


def _carrier_loss(server):
    ways = Ways(server)
    ways.measure(f"carrier loss on the way to {server}", loses_carrier(ways.lab.router.index("eth1")),
                 ("a", "link", "set", "eth0", "down"), lambda: bring_up(ways.lab, 1))


def neighbour_loss():
    ways = Ways(Crossroads.SERVER)
    ways.measure("neighbour loss", neighbour_fails(ways.lab.router.index("eth1")),
                 ("a", "link", "set", "eth0", "arp", "off"), lambda: ways.lab.a.ip("link", "set", "eth0", "arp", "on"))


def neighbour_loss_over_ipv6():
    ways = Ways(Crossroads.SERVER6)
    ways.measure("IPv6 neighbour loss", neighbour_fails(ways.lab.router.index("eth1")),
                 ("a", "address", "del", "2001:db8:1::1/64", "dev", "eth0"), lambda: bring_up(ways.lab, 1))


main(__doc__, carrier_loss, neighbour_loss, carrier_loss_over_ipv6, neighbour_loss_over_ipv6)
