# SPDX-License-Identifier: Apache-2.0
"""The places of the conformance table in the lab: one family at one hook of the router, on the way from the sender to host a.

At ingress the rules are at the router's eth0, at egress at its eth1; what they take goes by eth2 to host b.
"""
import errno
import socket

from harness import expect, expect_equal
from lab import Crossroads, Daemon
from traffic import Capture, FrameSender, ethernet, ipv4, ipv6, udp

V4, V6 = ("v4/ingress", "v4/egress"), ("v6/ingress", "v6/egress")
PLACES = V4 + V6
INGRESS, EGRESS = PLACES[::2], PLACES[1::2]
MARK = b"conformance"


class Place:
    def __init__(self, road, name):
        self.road, self.lab, self.daemon, self.name = road, road.lab, road.daemon, name
        family, self.direction = name.split("/")
        self.is_v4, self.is_ingress = family == "v4", self.direction == "ingress"
        self.family = socket.AF_INET if self.is_v4 else socket.AF_INET6
        self.interface = "eth0" if self.is_ingress else "eth1"
        self.server = Crossroads.SERVER if self.is_v4 else Crossroads.SERVER6
        self.source = Crossroads.SENDER if self.is_v4 else Crossroads.SENDER6

    def pick(self, v4, v6):
        return v4 if self.is_v4 else v6

    def host(self, number):
        """Address of the Nth host on its own network."""
        return self.pick(f"10.10.{number}.1", f"2001:db8:{number}::1")

    def by(self, number):
        """The way to the Nth host."""
        return f'via = "eth{number}", next_hop = "{self.host(number)}"'

    def match(self, more="", interface=None, dst=None):
        return (f'match = {{ interface = "{interface or self.interface}", direction = "{self.direction}", '
                f'dst_ip = "{dst or self.server}"{more} }}\n')

    def steer(self, action=None, more="", **where):
        return f'[[rule]]\nname = "r"\npriority = 10\ntype = "steer"\n{self.match(more, **where)}action = {{ {action or self.by(2)} }}\n'

    def replicate(self, *targets, original="consume", more="", **where):
        head = f'[[rule]]\nname = "r"\npriority = 10\ntype = "replicate"\n{self.match(more, **where)}'
        return head + f'[rule.action]\noriginal = "{original}"\n' + "".join(
            "[[rule.action.targets]]\n" + "".join(line + "\n" for line in target.split(", ")) for target in targets)

    def load(self, policy):
        """Makes it the policy; its rule is named "r"."""
        self.daemon.set({"10.toml": policy})
        self.matched_before = self.daemon.packets("r")

    def matched(self):
        """Packets that the rule has taken since then. A counter belongs to a rule's name, whatever the rule becomes."""
        return self.daemon.packets("r") - self.matched_before

    def packet(self, payload=MARK, dst=None, port=5000, source_port=4000, ttl=64, fragment=0, source=None):
        """An IP packet with a datagram; `fragment` is for IPv4."""
        dst, source = dst or self.server, source or self.source
        inside = udp(source, dst, source_port, port, payload)
        return ipv4(source, dst, inside, ttl=ttl, fragment=fragment) if self.is_v4 else ipv6(source, dst, inside, hop_limit=ttl)

    def sent_ttl(self, ttl=64):
        """The TTL after a steer: at egress routing has decremented it already."""
        return ttl - 1 if self.is_ingress else ttl

    def frame(self, packet, to=None, tags=b"", interface=None):
        """That packet as it comes to the hook; `tags` are put before its ethertype."""
        to_mac, from_mac = self.road.macs[interface or self.interface]
        made = ethernet(to or to_mac, from_mac, packet, self.pick(0x0800, 0x86DD))
        return made[:12] + tags + made[12:]

    def inject(self, frame):
        try:
            self.road.senders[self.interface].send(frame)
        except OSError as error:
            if self.is_ingress or error.errno != errno.ENOBUFS:  # said of what a rule drops at egress
                raise

    def inject_for_routing(self, packet):
        """From the sender, for the router to route it."""
        self.road.senders["eth0"].send(self.frame(packet, interface="eth0"))

    def expected(self, number, packet, source_mac=None):
        """A packet as it is on the wire to the Nth host."""
        return ethernet(self.lab.hosts[number - 1].mac("eth0"), source_mac or self.lab.router.mac(f"eth{number}"), packet, self.pick(0x0800, 0x86DD))

    def expect_at(self, number, frames, text, seconds=2.0):
        """Exactly these frames have arrived at the Nth host; others of the test's there are a failure."""
        got = self.road.captures[number - 1].frames(max(len(frames), 1), seconds if frames else 0.1, lambda frame: MARK in frame)
        expect_equal([f.hex() for f in got], [f.hex() for f in frames], f"{self.name}: {text}")

    def reason(self, name):
        return self.daemon.stat("stats")["reasons"].get(name, 0)

    def expect_counted(self, name, before, count, text):
        expect_equal(self.reason(name) - before, count, f"{self.name}: {name} counted for {text}")

    def expect(self, condition, text):
        expect(condition, f"{self.name}: {text}")


class Road:
    """The crossroads and a daemon with an empty policy, which each place replaces by its own."""

    def __init__(self, settings=""):
        self.lab = Crossroads()
        self.daemon = Daemon(self.lab.router, {}, settings="allow_empty = true\n" + settings)
        self.lab.know_neighbours()
        self.captures = [Capture(host, "eth0") for host in self.lab.hosts]
        self.senders = {interface: self.another_sender(interface) for interface in ("eth0", "eth1")}
        self.macs = {"eth0": (self.lab.router.mac("eth0"), self.lab.sender.mac("eth0")), "eth1": (self.lab.a.mac("eth0"), self.lab.router.mac("eth1"))}

    def another_sender(self, interface):
        """Of frames to the hook at that interface."""
        return FrameSender(self.lab.sender if interface == "eth0" else self.lab.router, interface)

    def places(self, names=PLACES):
        return [Place(self, name) for name in names]
