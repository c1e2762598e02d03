# SPDX-License-Identifier: Apache-2.0
"""A rule that spreads flows over the members of a group, and flows that tell where they arrive."""
import collections
import socket

from lab import Crossroads
from traffic import FrameSender, UdpReceiver, ethernet, ipv4, ipv6, is_ipv6, udp

FLOWS = 4000
FIRST_PORT = 10000  # of the flows: always the same, and so are their hashes
# Soon noticed, soon failed.
QUICK_NEIGHBOURS = {"base_reachable_time_ms": 500, "delay_first_probe_time": 1, "retrans_time_ms": 100, "ucast_solicit": 1, "mcast_solicit": 1}
STEER = """
[[rule]]
name = "spread"
priority = 10
type = "steer"
match = {{ interface = "eth0", dst_ip = "{server}" }}
action = {{ group = "ways", on_failure = "{on_failure}" }}
[[group]]
name = "ways"
members = [
{members}
]
"""


def next_hop(number, server=Crossroads.SERVER):
    """The Nth host's address of the server's family."""
    return f"2001:db8:{number}::1" if is_ipv6(server) else f"10.10.{number}.1"


def member(number, server=Crossroads.SERVER, **keys):
    keys = {"via": f'"eth{number}"', "next_hop": f'"{next_hop(number, server)}"', **keys}
    return "  { " + ", ".join(f"{key} = {value}" for key, value in keys.items()) + " },"


def policy(*members, on_failure="drop", server=Crossroads.SERVER):
    return {"10.toml": STEER.format(members="\n".join(members), on_failure=on_failure, server=server)}


def notice_lost_neighbours_soon(lab, device, server=Crossroads.SERVER):
    for key, value in QUICK_NEIGHBOURS.items():
        lab.router.sysctl(f"{'ipv6' if is_ipv6(server) else 'ipv4'}.neigh.{device}.{key}", value)


def bring_up(lab, number):
    """The Nth host's link, and the addresses and routes that the kernel took away with it."""
    host = lab.hosts[number - 1]
    host.ip("link", "set", "eth0", "up")
    host.ip("address", "replace", f"{next_hop(number, lab.SERVER6)}/64", "dev", "eth0", "nodad")
    host.ip("route", "replace", "default", "via", f"10.10.{number}.254")


class Flows:
    """Many UDP flows to the server; every one says which host got it."""

    def __init__(self, lab, server=Crossroads.SERVER):
        self.lab, self.server = lab, server
        self.receivers = [UdpReceiver(host, 5000, socket.AF_INET6 if is_ipv6(server) else socket.AF_INET) for host in lab.hosts]
        self.sender = FrameSender(lab.sender, "eth0")
        self.come_from(lab.SENDER6 if is_ipv6(server) else lab.SENDER)

    def come_from(self, source):
        packet = ipv6 if is_ipv6(source) else ipv4
        macs = self.lab.router.mac("eth0"), self.lab.sender.mac("eth0")
        ethertype = 0x86DD if is_ipv6(source) else 0x0800
        self.frames = [ethernet(*macs, packet(source, self.server, udp(source, self.server, FIRST_PORT + flow, 5000, flow.to_bytes(4, "big"))), ethertype)
                       for flow in range(FLOWS)]

    def places(self):
        """{flow: number of the host that got its datagram}"""
        for receiver in self.receivers:
            receiver.collect(0, 0, 0.001)
        for frame in self.frames:
            self.sender.send(frame)
        found = {}
        for host, receiver in enumerate(self.receivers, 1):
            for datagram in receiver.collect(FLOWS, 0.3, 0.05):
                found[int.from_bytes(datagram.payload, "big")] = host
        return found

    def shares(self):
        return collections.Counter(self.places().values())
