#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""UDP to this host is copied or moved to another host and port, with the sender's, a fixed or the egress interface's source."""
import socket

from harness import clear, expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender, send_udp

# What the relay listens on, where it relays to, and the address of the interface that leads there.
V4 = {"family": socket.AF_INET, "here": "10.10.0.1", "there": "10.10.3.1", "own": "10.10.3.254", "sender": Crossroads.SENDER}
V6 = {"family": socket.AF_INET6, "here": "2001:db8:0::1", "there": "2001:db8:3::1", "own": "2001:db8:3::fe",
      "sender": Crossroads.SENDER6}

MATCH = """
[[rule]]
name = "{name}"
priority = {priority}
type = "{type}"
[rule.match]
interface = "{interface}"
src_ip = "{source}"
dst_ip = "{here}"
ip_proto = "udp"
{port} = {number}
"""


def rule(net, kind, name="relay", **options):
    values = {"name": name, "priority": 30, "type": kind, "interface": "eth0", "source": net["sender"], "here": net["here"],
              "port": "dst_port", "number": 5000, **options}
    return MATCH.format(**values)


def moved(net, source=""):
    return rule(net, "steer") + f"""
[rule.action]
via = "eth3"
dst_ip = "{net["there"]}"
dst_port = 6000
{f'src_ip = "{source}"' if source else ""}
"""


def cloned(net, source=""):
    return rule(net, "replicate") + f"""
[rule.action]
original = "pass"
[[rule.action.targets]]
via = "eth3"
dst_ip = "{net["there"]}"
dst_port = 6000
{f'src_ip = "{source}"' if source else ""}
"""


def _relayed(net, policy, source, originals):
    lab = Crossroads()
    here, there = UdpReceiver(lab.router, 5000, net["family"]), UdpReceiver(lab.c, 6000, net["family"])
    daemon = Daemon(lab.router, {"30.toml": policy})
    lab.know_neighbours()
    sent = send_udp(lab.sender, net["here"], 5000, 20, 333, source_port=4321)
    got = there.collect(20)
    expect_equal([d.payload for d in got], sent, "datagrams at the other host")
    expect_equal({(d.source, d.source_port, d.destination, d.port) for d in got}, {(source, 4321, _plain(net["there"]), 6000)},
                 "addresses at the other host")
    got = here.collect(originals, settle=0.2)
    expect_equal([d.payload for d in got], sent[:originals], "datagrams that went up the stack")
    if originals:
        expect_equal({(d.source, d.source_port, d.destination, d.ttl) for d in got},
                     {(_plain(net["sender"]), 4321, _plain(net["here"]), 64)}, "addresses of the originals")
    expect_equal([host.udp_errors() for host in (lab.router, lab.c)], [0, 0], "UDP errors")
    expect_equal(daemon.packets("relay"), 20, "packets counted for the rule")
    clear()


def _plain(address):
    """As the kernel writes it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, address))


def a_clone_goes_to_another_host_and_port_and_the_original_to_its_own_socket():
    for net in (V4, V6):
        _relayed(net, cloned(net), _plain(net["sender"]), 20)


def a_moved_datagram_keeps_its_source():
    for net in (V4, V6):
        _relayed(net, moved(net), _plain(net["sender"]), 0)


def a_fixed_source_is_put_in():
    _relayed(V4, moved(V4, "192.0.2.77"), "192.0.2.77", 0)
    _relayed(V6, cloned(V6, "2001:db8:77::1"), "2001:db8:77::1", 20)


def the_source_may_be_the_address_of_the_egress_interface():
    for net in (V4, V6):
        _relayed(net, moved(net, "interface"), _plain(net["own"]), 0)
        _relayed(net, cloned(net, "interface"), _plain(net["own"]), 20)


def _follows(net, second, length):
    """Replaces the address of the interface, takes it away and gives it back."""
    lab = Crossroads()
    there = UdpReceiver(lab.c, 6000, net["family"])
    daemon = Daemon(lab.router, {"30.toml": moved(net, "interface")})
    lab.know_neighbours()
    nodad = ("nodad",) if ":" in second else ()

    def sources():
        send_udp(lab.sender, net["here"], 5000, 1)
        return {d.source for d in there.collect(1, 0.3, 0.05)}

    before = daemon.generation()
    expect_equal(sources(), {_plain(net["own"])}, "source at first")
    lab.router.ip("address", "del", f"{net['own']}/{length}", "dev", "eth3")
    until(lambda: daemon.rule("relay")["state"] == "deferred", "the rule waits for an address")
    reason = daemon.rule("relay")["reason"]
    expect("address on eth3" in reason and ("IPv6" if nodad else "IPv4") in reason, f"why the rule waits: {reason}")
    expect_equal(sources(), set(), "nothing is relayed without an address")
    lab.router.ip("address", "add", f"{second}/{length}", "dev", "eth3", *nodad)
    until(lambda: daemon.rule("relay")["state"] != "deferred", "the rule is in force again")
    until(lambda: sources() == {_plain(second)}, "source after the change")
    expect(daemon.generation() > before, "a changed address is a new generation")
    clear()


def the_source_follows_the_address_of_the_interface():
    _follows(V4, "10.10.3.77", 24)
    _follows(V6, "2001:db8:3::77", 64)


def two_rules_make_a_relay_that_answers():
    for net in (V4, V6):
        lab = Crossroads()
        there = UdpReceiver(lab.c, 6000, net["family"])
        back = rule(net, "steer", "back", priority=31, interface="eth3", source=net["there"], here=net["own"], port="src_port",
                    number=6000) + f"""
[rule.action]
via = "eth0"
dst_ip = "{net["sender"]}"
src_ip = "{net["here"]}"
src_port = 5000
"""
        Daemon(lab.router, {"30.toml": moved(net, "interface"), "31.toml": back})
        lab.know_neighbours()
        lab.router.exec("ping", "-c1", "-W1", net["sender"])
        client = UdpSender(lab.sender, net["here"], 5000)
        client.socket.connect((net["here"], 5000))  # takes answers from there only
        client.socket.send(b"question")
        question = there.collect(1)[0]
        there.socket.sendto(b"answer", (question.source, question.source_port))
        client.socket.settimeout(3)
        expect_equal(client.socket.recv(100), b"answer", "answer at the client")
        clear()


main(__doc__,
     a_clone_goes_to_another_host_and_port_and_the_original_to_its_own_socket,
     a_moved_datagram_keeps_its_source,
     a_fixed_source_is_put_in,
     the_source_may_be_the_address_of_the_egress_interface,
     the_source_follows_the_address_of_the_interface,
     two_rules_make_a_relay_that_answers)
