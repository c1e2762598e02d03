#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rule with the lowest priority number that matches decides, whatever its type; every match field is honoured."""
import json
import pathlib

from harness import expect, expect_equal, main, until
from lab import ATTACHMENT, Crossroads, Daemon
from traffic import UdpReceiver, send_udp

HEAD = '[[rule]]\nname = "{0}"\npriority = {1}\ntype = "{2}"\nmatch = {{ interface = "eth0", direction = "ingress"{3} }}\n'


def rule(name, priority, kind, match="", action=None):
    text = HEAD.format(name, priority, kind, match and ", " + match)
    return text + (f"action = {{ {action} }}\n" if action else "")


TO_B, TO_C = 'via = "eth2", next_hop = "10.10.2.1"', 'via = "eth3", next_hop = "10.10.3.1"'


class Hosts:
    def __init__(self, policy, port=5000):
        self.lab = Crossroads()
        self.receivers = {host.name: UdpReceiver(host, port) for host in self.lab.hosts}
        self.daemon = Daemon(self.lab.router, {"10.toml": policy})
        self.lab.know_neighbours()
        self.port = port

    def where(self, port=None, destination=Crossroads.SERVER, **options):
        """Names of the hosts that get a datagram, such as "b" or "abc"."""
        send_udp(self.lab.sender, destination, port or self.port, 1, **options)
        return "".join(name for name, receiver in self.receivers.items() if receiver.collect(1, 0.15, 0.0))


def types_interleave_in_one_order():
    hosts = Hosts(rule("voice-passes", 1, "pass", 'dscp = "ef"') + rule("bad-drops", 2, "drop", "src_port = 666") +
                  rule("cs1-to-c", 3, "steer", 'dscp = ["cs1", "af11"]', TO_C) + rule("server-to-b", 4, "steer", 'dst_ip = "10.20.0.10"', TO_B))
    expect_equal(hosts.where(dscp=46), "a", "pass comes first")
    expect_equal(hosts.where(dscp=46, source_port=666), "a", "pass before drop")
    expect_equal(hosts.where(source_port=666), "", "dropped")
    expect_equal((hosts.where(dscp=8), hosts.where(dscp=10)), ("c", "c"), "a list of DSCP names")
    expect_equal(hosts.where(), "b", "the last rule")
    expect_equal([hosts.daemon.packets(name) for name in ("voice-passes", "bad-drops", "cs1-to-c", "server-to-b")], [2, 1, 2, 1],
                 "packets counted")


def ports_match_as_numbers_ranges_and_lists():
    hosts = Hosts(rule("source", 1, "steer", 'ip_proto = "udp", src_port = [4000, "4100-4200"]', TO_B))
    for source_port, wanted in ((4000, "b"), (4001, "a"), (4099, "a"), (4100, "b"), (4200, "b"), (4201, "a")):
        expect_equal(hosts.where(source_port=source_port), wanted, f"source port {source_port}")


def prefixes_match_as_lists_and_sets():
    policy = '[[set]]\nname = "wanted"\nprefixes = ["10.20.0.10/32", "10.60.0.0/16"]\n' + rule("set", 1, "steer", 'dst_ip = "@wanted"', TO_B)
    hosts = Hosts(policy + rule("list", 2, "steer", 'src_ip = ["10.10.0.2", "10.61.0.0/16"]', TO_C))
    for host in hosts.lab.hosts:
        host.up("lo", "10.70.0.1/32")
    hosts.lab.router.ip("route", "add", "10.70.0.0/16", "via", "10.10.1.1")
    expect_equal(hosts.where(), "b", "destination in the set")
    expect_equal(hosts.where(destination="10.70.0.1"), "c", "source in the list")
    hosts.lab.sender.up("lo", "10.62.0.1/32")
    expect_equal(hosts.where(destination="10.70.0.1", source="10.62.0.1"), "a", "neither")


def protocols_match_by_name_and_number():
    hosts = Hosts(rule("tcp", 1, "steer", 'ip_proto = "tcp"', TO_C) + rule("udp", 2, "steer", "ip_proto = 17", TO_B))
    expect_equal(hosts.where(), "b", "UDP")


def egress_rules_see_what_leaves():
    hosts = Hosts(rule("out", 1, "drop", 'dst_ip = "10.20.0.10"').replace('"eth0", direction = "ingress"', '"eth1", direction = "egress"'))
    expect_equal(hosts.where(), "", "dropped at egress")
    expect_equal(hosts.daemon.packets("out"), 1, "packets counted")


def on_failure_decides_what_becomes_of_a_packet_that_cannot_be_sent():
    steer = rule("by-b", 1, "steer", 'dst_ip = "10.20.0.10"', TO_B + ', on_failure = "drop"')
    hosts = Hosts(steer)
    hosts.lab.router.ip("link", "set", "eth2", "down")
    expect_equal(hosts.where(), "", 'on_failure = "drop"')
    hosts.daemon.set({"10.toml": steer.replace('"drop"', '"pass"')})
    expect_equal(hosts.where(), "a", 'on_failure = "pass"')
    hosts.lab.router.ip("link", "set", "eth2", "up")
    until(lambda: hosts.where() == "b", "back by b when its link is up", 5)


def without_a_rule_everything_goes_on_as_before():
    hosts = Hosts(rule("other", 1, "drop", 'dst_ip = "10.99.0.0/16"'))
    expect_equal(hosts.where(), "a", "the kernel's route")
    expect(hosts.lab.sender.exec("ping", "-c1", "-W1", "10.10.0.1").returncode == 0, "the router does not answer")


def hooks_are_attached_as_the_settings_say():
    hosts = Hosts(rule("other", 1, "drop", 'dst_ip = "10.99.0.0/16"'))
    shown = json.dumps(hosts.daemon.stat("interfaces"))
    expect(ATTACHMENT == "auto" or f'"{ATTACHMENT}"' in shown, f"not attached by {ATTACHMENT}: {shown}")
    attached = hosts.lab.router.tc("filter", "show", "dev", "eth0", "ingress").stdout
    expect_equal("rudder" in attached, '"cls_bpf"' in shown, "a filter of rudder on clsact")


def the_shipped_examples_load_as_they_are():
    lab = Crossroads()
    examples = pathlib.Path(__file__).parents[2] / "conf.d"
    daemon = Daemon(lab.router, {path.name: path.read_text() for path in examples.iterdir() if path.suffix in (".toml", ".list")})
    names = {entry["name"] for entry in daemon.stat("rules")["rules"]}
    expect({"ef-other-path", "stream-to-unicast", "udp-forwarder", "customers-by-provider"} <= names, f"rules shown: {names}")


main(__doc__,
     types_interleave_in_one_order,
     ports_match_as_numbers_ranges_and_lists,
     prefixes_match_as_lists_and_sets,
     protocols_match_by_name_and_number,
     egress_rules_see_what_leaves,
     on_failure_decides_what_becomes_of_a_packet_that_cannot_be_sent,
     without_a_rule_everything_goes_on_as_before,
     hooks_are_attached_as_the_settings_say,
     the_shipped_examples_load_as_they_are)
