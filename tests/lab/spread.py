# SPDX-License-Identifier: Apache-2.0
"""A rule that spreads flows over the members of a group, and flows that tell where they arrive."""
import collections

from traffic import UdpReceiver, UdpSender

FLOWS = 400
STEER = """
[[rule]]
name = "spread"
priority = 10
type = "steer"
match = {{ interface = "eth0", dst_ip = "10.20.0.10" }}
action = {{ group = "ways", on_failure = "{on_failure}" }}
[[group]]
name = "ways"
members = [
{members}
]
"""


def member(number, **keys):
    keys = {"via": f'"eth{number}"', "next_hop": f'"10.10.{number}.1"', **keys}
    return "  { " + ", ".join(f"{key} = {value}" for key, value in keys.items()) + " },"


def policy(*members, on_failure="drop"):
    return {"10.toml": STEER.format(members="\n".join(members), on_failure=on_failure)}


class Flows:
    """Many UDP flows to the server; every one says which host got it."""

    def __init__(self, lab):
        self.receivers = [UdpReceiver(host, 5000) for host in lab.hosts]
        self.senders = [UdpSender(lab.sender, lab.SERVER, 5000) for _ in range(FLOWS)]

    def places(self):
        """{flow: number of the host that got its datagram}"""
        for receiver in self.receivers:
            receiver.collect(0, 0, 0.001)
        for number, sender in enumerate(self.senders):
            sender.socket.sendto(number.to_bytes(4, "big"), sender.target)
        found = {}
        for host, receiver in enumerate(self.receivers, 1):
            for datagram in receiver.collect(FLOWS, 0.3, 0.05):
                found[int.from_bytes(datagram.payload, "big")] = host
        return found

    def shares(self):
        return collections.Counter(self.places().values())
