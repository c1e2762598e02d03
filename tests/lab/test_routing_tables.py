#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`via = { table = N }`: a routing table of the kernel says where packets go, by their source, at ingress and at egress."""
import json
import socket
import threading

from harness import expect, expect_equal, main, until
from lab import Crossroads, Daemon, Namespace, veth
from traffic import FrameSender, Tun, UdpReceiver, UdpSender, ethernet, ipv4, send_udp, udp


def rule(name, match, action, **keys):
    lines = [f"{key} = {value}" for key, value in {"priority": 10, "type": '"steer"', **keys}.items()]
    return f'[[rule]]\nname = "{name}"\n' + "\n".join(lines) + f"\nmatch = {{ {match} }}\naction = {{ {action} }}\n"


def two_providers_by_customer_prefix():
    lab = Crossroads(hosts=3)
    lab.sender.ip("address", "add", "10.30.0.2/32", "dev", "lo")
    lab.sender.ip("address", "add", "10.31.0.2/32", "dev", "lo")
    lab.sender.ip("address", "add", "2001:db8:31::2/128", "dev", "lo")
    lab.router.ip("route", "add", "default", "via", "10.10.2.1", "table", "102")
    lab.router.ip("route", "add", "default", "via", "10.10.3.1", "table", "103")
    lab.router.ip("route", "add", "default", "via", "2001:db8:3::1", "table", "103")
    Daemon(lab.router, {"10.toml": rule("first", 'interface = "eth0", src_ip = "10.30.0.0/24"', "via = { table = 102 }")
                        + rule("second", 'interface = "eth0", src_ip = ["10.31.0.0/24", "2001:db8:31::/48"]', "via = { table = 103 }", priority=11)})
    at = [UdpReceiver(host, 5000) for host in lab.hosts]
    first = send_udp(lab.sender, lab.SERVER, 5000, 5, 40, source="10.30.0.2")
    second = send_udp(lab.sender, lab.SERVER, 5000, 6, 40, source="10.31.0.2")
    other = send_udp(lab.sender, lab.SERVER, 5000, 7, 40)
    got = [receiver.collect(n) for receiver, n in zip(at, (7, 5, 6))]
    expect_equal([[d.payload for d in host] for host in got], [other, first, second], "what each host got")
    expect_equal({d.ttl for d in got[1] + got[2]}, {63}, "TTLs")
    at6 = UdpReceiver(lab.c, 5006, socket.AF_INET6)
    sent = send_udp(lab.sender, lab.SERVER6, 5006, 5, 40, source="2001:db8:31::2")
    expect_equal([d.payload for d in at6.collect(5)], sent, "IPv6 packets at the third host")


def a_changed_route_is_followed_by_the_next_packet():
    lab = Crossroads(hosts=3)
    lab.know_neighbours()
    lab.router.ip("route", "add", "default", "via", "10.10.2.1", "table", "100")
    daemon = Daemon(lab.router, {"10.toml": rule("r", 'interface = "eth0", dst_ip = "10.20.0.10"', 'via = { table = 100 }, on_failure = "drop"')})
    at = [UdpReceiver(host, 5000) for host in lab.hosts]
    expect_equal(len(send_udp(lab.sender, lab.SERVER, 5000, 5)), len(at[1].collect(5)), "packets at b")
    lab.router.ip("route", "replace", "default", "via", "10.10.3.1", "table", "100")
    expect_equal(len(send_udp(lab.sender, lab.SERVER, 5000, 5)), len(at[2].collect(5)), "packets at c")
    lab.router.ip("route", "del", "default", "table", "100")
    send_udp(lab.sender, lab.SERVER, 5000, 5)
    expect(all(receiver.nothing() for receiver in at), "packets arrived without a route")
    told = daemon.rule("r")
    expect_equal(told["failures"], {"no-route": 5}, "failures")
    expect_equal((told["targets"][0]["table"], told["targets"][0]["state"]), (100, "by-packet"), "how the target is told")
    expect("via table 100" in daemon.stat_text("rules"), "rudderstat rules does not name the table")


class Vip:
    """A server with a service address on its loopback, between two routers that lead to one client. By its main table it
    answers by the first router; the second one is in table 100. It forwards nothing."""

    def __init__(self):
        self.server, self.client = Namespace("server"), Namespace("client")
        self.routers = [Namespace("r1"), Namespace("r2")]
        for n, router in enumerate(self.routers, 1):
            router.sysctl("ipv4.ip_forward", 1)
            veth(self.server, f"eth{n}", router, "south")
            veth(self.client, f"eth{n}", router, "north")
            self.server.up(f"eth{n}", f"10.1.{n}.2/24")
            self.client.up(f"eth{n}", f"10.2.{n}.2/24")
            router.up("south", f"10.1.{n}.1/24")
            router.up("north", f"10.2.{n}.1/24")
            router.ip("route", "add", "10.99.0.1/32", "via", f"10.1.{n}.2")
            router.ip("route", "add", "10.88.0.1/32", "via", f"10.2.{n}.2")
        self.server.up("lo", "10.99.0.1/32")
        self.client.up("lo", "10.88.0.1/32")
        self.client.ip("route", "add", "10.99.0.1/32", "via", "10.2.1.1", "src", "10.88.0.1")
        self.server.ip("route", "add", "10.88.0.0/16", "via", "10.1.1.1")
        self.server.ip("route", "add", "default", "via", "10.1.2.1", "table", "100")
        with self.server.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("10.99.0.1", 5000))
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        while True:
            payload, sender = self.socket.recvfrom(2000)
            self.socket.sendto(payload, sender)

    def received(self):
        """How many packets the client got from each router."""
        links = {link["ifname"]: link for link in json.loads(self.client.ip("-s", "-j", "link", "show").stdout)}
        return [links[name]["stats64"]["rx"]["packets"] for name in ("eth1", "eth2")]

    def ask(self, count):
        """The number of answers, and by which routers they came."""
        client = UdpSender(self.client, "10.99.0.1", 5000)
        client.socket.settimeout(1)
        before, answers = self.received(), 0
        for _ in range(count):
            client.socket.sendto(b"question", client.target)
            try:
                answers += client.socket.recv(2000) == b"question"
            except TimeoutError:
                pass
        return answers, [now - then for now, then in zip(self.received(), before)]


ANSWERS = rule("answers", 'interface = "eth1", direction = "egress", src_ip = "10.99.0.1"', "via = { table = 100 }")


def a_service_address_answers_through_another_router():
    lab = Vip()
    answers, (first, second) = lab.ask(20)
    expect(answers == 20 and first >= 20, f"{answers} answers by the main table, {first} packets by it")
    lab.server.sysctl("ipv4.conf.lo.forwarding", 1)
    daemon = Daemon(lab.server, {"10.toml": ANSWERS})
    lab.ask(2)
    answers, (first, second) = lab.ask(20)
    expect_equal(answers, 20, "answers")
    expect(second >= 20 and first < 5, f"{first} packets came by the first router, {second} by the second")
    expect_equal(daemon.rule("answers")["failures"], {}, "failures")


def a_host_that_forwards_nothing_says_so_and_answers_as_before():
    lab = Vip()
    daemon = Daemon(lab.server, {"10.toml": ANSWERS})
    answers, (first, _) = lab.ask(20)
    expect(answers == 20 and first >= 20, f"{answers} answers, {first} packets by the main table")
    expect(daemon.rule("answers")["failures"].get("forwarding-off", 0) >= 20, f"{daemon.rule('answers')['failures']}")


def packets_leave_by_the_tunnel_of_a_table():
    lab = Crossroads(hosts=1)
    tun = Tun(lab.router, "tun0", "10.10.7.1/24")
    lab.router.ip("route", "add", "default", "dev", "tun0", "table", "100")
    Daemon(lab.router, {"10.toml": rule("in", 'interface = "eth0", dst_ip = "10.20.0.10"', "via = { table = 100 }")
                        + rule("out", 'interface = "eth1", direction = "egress", dst_ip = "10.10.1.1"', "via = { table = 100 }", priority=11)})
    for _ in range(2):
        sent = send_udp(lab.sender, lab.SERVER, 5000, 5, 60, source_port=4000, ttl=20)
        got = tun.read(5)
        expect_equal([packet[28:] for packet in got], sent, "payloads on the tun device")
        expect_equal({(packet[0], packet[8], packet[12:16], packet[16:20]) for packet in got},
                     {(0x45, 19, socket.inet_aton(lab.SENDER), socket.inet_aton(lab.SERVER))}, "headers on the tun device")
    sent = send_udp(lab.router, "10.10.1.1", 5000, 5, 60)
    expect_equal([packet[28:] for packet in tun.read(5)], sent, "packets of the router itself on the tun device")


def a_tunnel_of_a_table_takes_no_tags():
    """A tag beside the frame would be written into the IP header."""
    lab = Crossroads(hosts=1)
    tun = Tun(lab.router, "tun0", "10.10.7.1/24")
    lab.router.ip("route", "add", "default", "dev", "tun0", "table", "100")
    daemon = Daemon(lab.router, {}, settings="allow_empty = true")
    sender = FrameSender(lab.sender, "eth0")
    packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, b"through the tunnel"))
    frame = ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet)
    tagged = frame[:12] + bytes((0x81, 0, 0, 5)) + frame[12:]
    for more, sent, wanted in (("", frame, 1), ("", tagged, 0), (", vlan = 7", frame, 0), (', vlan = "none"', tagged, 1)):
        daemon.set({"10.toml": rule("r", 'interface = "eth0", dst_ip = "10.20.0.10", vlan = "any"', "via = { table = 100 }" + more + ', on_failure = "drop"')})
        before = daemon.stat("stats")["reasons"].get("not-writable", 0)
        sender.send(sent)
        expect_equal([left[28:] for left in tun.read(1, 2.0 if wanted else 0.2)], [b"through the tunnel"] * wanted, f"through the tunnel{more}")
        until(lambda: daemon.stat("stats")["reasons"].get("not-writable", 0) == before + 1 - wanted, "what was refused is counted")


def what_a_tunnel_brings_is_routed_by_a_table():
    lab = Crossroads(hosts=2)
    lab.know_neighbours()
    tun, at_b = Tun(lab.router, "tun0", "10.10.7.1/24"), UdpReceiver(lab.b, 5000)
    lab.router.ip("route", "add", "default", "via", "10.10.2.1", "table", "100")
    Daemon(lab.router, {"10.toml": rule("r", 'interface = "tun0", dst_ip = "10.20.0.10"', "via = { table = 100 }")})
    for number in range(5):
        tun.write(ipv4("10.10.7.2", lab.SERVER, udp("10.10.7.2", lab.SERVER, 4000, 5000, b"from tun %d" % number)))
    expect_equal([d.payload for d in at_b.collect(5)], [b"from tun %d" % number for number in range(5)], "packets at b")


def a_table_may_be_the_last_resort_of_a_group():
    lab = Crossroads(hosts=2)
    lab.know_neighbours()
    lab.router.ip("route", "add", "default", "via", "10.10.2.1", "table", "100")
    Daemon(lab.router, {"10.toml": rule("r", 'interface = "eth0", dst_ip = "10.20.0.10"', 'group = "ways"') + """
[[group]]
name = "ways"
members = [{ via = "eth1", next_hop = "10.10.1.1" }, { via = { table = 100 }, tier = 2 }]
"""})
    at = [UdpReceiver(host, 5000) for host in lab.hosts]
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5)
    expect_equal([d.payload for d in at[0].collect(5)], sent, "packets at the first tier")
    lab.a.ip("link", "set", "eth0", "down")

    def at_second():
        send_udp(lab.sender, lab.SERVER, 5000, 1)
        return at[1].receive(0.2) is not None
    until(at_second, "packets by the table", 5)


main(__doc__, two_providers_by_customer_prefix, a_changed_route_is_followed_by_the_next_packet,
     a_service_address_answers_through_another_router, a_host_that_forwards_nothing_says_so_and_answers_as_before,
     packets_leave_by_the_tunnel_of_a_table,
     a_tunnel_of_a_table_takes_no_tags, what_a_tunnel_brings_is_routed_by_a_table, a_table_may_be_the_last_resort_of_a_group)
