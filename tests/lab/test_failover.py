#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a group goes on sending to a member that is lost: from the kernel's netlink event to the packets at the receivers."""
import socket
import statistics
import struct
import subprocess
import threading
import time

from harness import expect, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender

ROUNDS = 7
LIMIT_MS = 10
POLICY = """
[[rule]]
name = "spread"
priority = 10
type = "steer"
match = { interface = "eth0", dst_ip = "10.20.0.10" }
action = { group = "ways", on_failure = "drop" }
[[group]]
name = "ways"
members = [{ via = "eth1", next_hop = "10.10.1.1" }, { via = "eth2", next_hop = "10.10.2.1", tier = 2 }]
"""
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


def judge(what, times):
    print(f"{what}: fail-over {statistics.median(times):.1f} ms after the event (median; {min(times):.1f} to {max(times):.1f})")
    expect(statistics.median(times) <= LIMIT_MS, f"{what}: {times}")


def ready(lab):
    lab.know_neighbours()
    Daemon(lab.router, {"10.toml": POLICY})
    receivers = [UdpReceiver(host, 5000) for host in lab.hosts]
    return receivers, UdpSender(lab.sender, lab.SERVER, 5000)


def is_at(receivers, sender, host):
    for receiver in receivers:
        receiver.collect(0, 0, 0.01)
    sender.socket.sendto(b"12345678", sender.target)
    return receivers[host].receive(0.2) is not None


def carrier_loss():
    lab = Crossroads(hosts=2)
    receivers, sender = ready(lab)
    index, times = lab.router.index("eth1"), []
    for _ in range(ROUNDS):
        until(lambda: is_at(receivers, sender, 0), "packets at the first host", 20)
        times.append(failover_ms(lab, receivers[1], sender, loses_carrier(index), "a", "link", "set", "eth0", "down"))
        lab.a.ip("link", "set", "eth0", "up")
        lab.a.ip("route", "replace", "default", "via", "10.10.1.254")
    judge("carrier loss", times)


def neighbour_loss():
    lab = Crossroads(hosts=2)
    for key, value in (("base_reachable_time_ms", 500), ("delay_first_probe_time", 1), ("retrans_time_ms", 100), ("ucast_solicit", 1), ("mcast_solicit", 1)):
        lab.router.sysctl(f"ipv4.neigh.eth1.{key}", value)
    receivers, sender = ready(lab)
    index, times = lab.router.index("eth1"), []
    for _ in range(ROUNDS):
        until(lambda: is_at(receivers, sender, 0), "packets at the first host", 20)
        times.append(failover_ms(lab, receivers[1], sender, neighbour_fails(index), "a", "link", "set", "eth0", "arp", "off"))
        lab.a.ip("link", "set", "eth0", "arp", "on")
    judge("neighbour loss", times)


main(__doc__, carrier_loss, neighbour_loss)
