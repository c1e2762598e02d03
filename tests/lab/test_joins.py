#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The groups of rules with `join` are joined, stay joined whatever the network does, and are left with their rule."""
import os
import socket
import time

from groups import kernel_filters, kernel_groups, memberships, reports
from harness import clear, expect, expect_equal, main, until
from lab import Crossroads, Daemon, Namespace, veth
from traffic import Capture, UdpReceiver, UdpSender, send_udp

ANY4 = [f"239.1.{n // 200}.{n % 200 + 1}" for n in range(250)]
ANY6 = [f"ff15::{n:x}" for n in range(1, 101)]
ONLY4 = [f"232.1.1.{n}" for n in range(1, 101)]
ONLY6 = [f"ff35::8000:{n:x}" for n in range(1, 51)]
SOURCES4, SOURCES6 = ["10.10.0.2", "10.77.0.1"], ["2001:db8::2", "2001:db8:77::1"]
DEVICES = ("eth0", "eth1", "eth2", "eth3")


def rule(name, priority, groups, sources=(), interface='"eth*"', original="consume"):
    quoted = ", ".join(f'"{group}"' for group in groups)
    listed = f"sources = {list(sources)}\n" if sources else ""
    return (f'[[rule]]\nname = "{name}"\npriority = {priority}\ntype = "replicate"\n'
            f"match = {{ interface = {interface}, dst_ip = [{quoted}] }}\n"
            f'[rule.action]\njoin = true\noriginal = "{original}"\n{listed}'
            '[[rule.action.targets]]\nvia = "eth1"\n')


FIVE_HUNDRED = (rule("any4", 1, ANY4) + rule("any6", 2, ANY6) + rule("only4", 3, ONLY4, SOURCES4) +
                rule("only6", 4, ONLY6, SOURCES6))
WANTED = {**{group: frozenset() for group in ANY4 + ANY6}, **{group: frozenset(SOURCES4) for group in ONLY4},
          **{group: frozenset(SOURCES6) for group in ONLY6}}


def only_ours(known):
    """Without the groups every host is a member of."""
    return {group: sources for group, sources in known.items() if not group.startswith(("224.", "ff01", "ff02"))}


def missing(lab, device):
    return set(WANTED) - kernel_groups(lab.router, device)


def expect_all_held(lab, devices=DEVICES):
    for device in devices:
        expect_equal(missing(lab, device), set(), f"groups that {device} is no member of")
        filters = kernel_filters(lab.router, device)
        expect_equal({group for group, sources in WANTED.items() if filters.get(group, set()) != sources}, set(),
                     f"groups of {device} with another source filter")


def expect_reported(capture, text, seconds=4.0):
    known = only_ours(memberships(reports(capture, seconds)))
    wrong = [f"{group} from {sorted(known.get(group, ['nobody']))}" for group in WANTED if known.get(group) != WANTED[group]]
    expect_equal(wrong, [], f"groups reported wrongly {text}")
    return known


def expect_streams_copied_from(lab, host, number):
    """A packet from the Nth host to a group is copied to host a, once."""
    host.ip("route", "replace", "224.0.0.0/4", "dev", "eth0")
    host.ip("address", "replace", f"2001:db8:{number}::1/64", "dev", "eth0", "nodad")
    for group, family in ((ANY4[-1], socket.AF_INET), (ANY6[-1], socket.AF_INET6)):
        at_a = UdpReceiver(lab.a, 5004, family, group=group)
        sent = send_udp(host, group, 5004, 1, 100, ttl=4)
        expect_equal([datagram.payload for datagram in at_a.collect(1, 2.0, 0.3)], sent, f"copies at a of a packet to {group}")


def five_hundred_groups_on_four_interfaces_survive_link_flaps():
    lab = Crossroads()
    captures = [Capture(host, "eth0") for host in (lab.sender, *lab.hosts)]
    start = time.monotonic()
    daemon = Daemon(lab.router, {"10.toml": FIVE_HUNDRED})
    until(lambda: not any(missing(lab, device) for device in DEVICES), "all groups joined", 10)
    print(f"# 500 groups on 4 interfaces after {time.monotonic() - start:.2f} s, {len(os.listdir(f'/proc/{daemon.pid()}/fd'))} descriptors")
    expect_all_held(lab)
    for host, capture in zip(("sender", "a", "b", "c"), captures):
        expect_reported(capture, f"to {host} at start", 2.0)
    for text, down, up in (("carrier", lambda: lab.b.ip("link", "set", "eth0", "down"), lambda: lab.b.ip("link", "set", "eth0", "up")),
                           ("device", lambda: lab.router.ip("link", "set", "eth2", "down"), lambda: lab.router.ip("link", "set", "eth2", "up"))):
        down()
        time.sleep(0.3)
        capture = Capture(lab.b, "eth0")
        up()
        expect_reported(capture, f"after the {text} came back")
        expect_all_held(lab)
    for _ in range(5):  # too fast to be seen one by one
        lab.b.ip("link", "set", "eth0", "down")
        capture = Capture(lab.b, "eth0")
        lab.b.ip("link", "set", "eth0", "up")
    expect_reported(capture, "after fast flaps")
    expect_all_held(lab)
    expect_streams_copied_from(lab, lab.b, 2)
    expect_equal(daemon.stat("internals")["joins"]["failed"], 0, "failed memberships")


def the_groups_are_left_with_their_rule_and_with_the_daemon():
    lab = Crossroads(1)
    daemon = Daemon(lab.router, {"10.toml": FIVE_HUNDRED, "20.toml": rule("stays", 9, ["239.9.9.9"])})
    until(lambda: not missing(lab, "eth0"), "all groups joined", 10)
    time.sleep(2)
    capture = Capture(lab.sender, "eth0")
    daemon.remove("10.toml")
    daemon.reload()
    until(lambda: len(missing(lab, "eth0")) == len(WANTED), "all groups left", 5)
    expect("239.9.9.9" in kernel_groups(lab.router, "eth0"), "the group of the other rule was left")
    left = {record.group for record in reports(capture, 3.0)}
    expect_equal(set(WANTED) - left, set(), "groups whose end was not reported")
    daemon.end()
    expect("239.9.9.9" not in kernel_groups(lab.router, "eth0"), "a group is still joined after the daemon's end")


def an_interface_that_comes_later_or_is_made_anew_is_joined_on():
    lab = Crossroads(2)
    Daemon(lab.router, {"10.toml": FIVE_HUNDRED})
    extra = Namespace("extra")
    veth(lab.router, "eth9", extra, "eth0")
    lab.router.up("eth9", "10.10.9.254/24")
    extra.up("eth0")
    until(lambda: not missing(lab, "eth9"), "groups joined on the new interface", 5)
    for same_number in (False, True):
        options = ("index", lab.router.index("eth9")) if same_number else ()
        lab.router.ip("link", "delete", "eth9")
        veth(lab.router, "eth9", extra, "eth0", *options)
        extra.up("eth0")
        capture = Capture(extra, "eth0")
        lab.router.up("eth9", "10.10.9.254/24")
        until(lambda: not missing(lab, "eth9"), f"groups joined on the interface made anew (same number: {same_number})", 5)
        expect_reported(capture, "on the interface made anew", 3.0)
    lab.router.ip("link", "set", "eth9", "name", "lan9")
    until(lambda: len(missing(lab, "lan9")) == len(WANTED), "groups left on an interface that is not selected any more", 5)
    expect_all_held(lab, ("eth0", "eth1", "eth2"))


def an_interface_made_anew_after_its_end_was_seen_is_joined_on_at_once():
    lab = Crossroads(1)
    daemon = Daemon(lab.router, {"10.toml": FIVE_HUNDRED})
    extra = Namespace("extra")
    veth(lab.router, "eth9", extra, "eth0")
    number = lab.router.index("eth9")
    until(lambda: not missing(lab, "eth9"), "groups joined on the new interface", 5)
    joined = daemon.stat("internals")["joins"]["joined"]
    lab.router.ip("link", "delete", "eth9")
    until(lambda: daemon.stat("internals")["joins"]["joined"] == joined * 2 // 3, "groups left with the interface", 5)
    veth(lab.router, "eth9", extra, "eth0", "index", number)
    until(lambda: daemon.stat("internals")["joins"]["joined"] == joined, "groups joined on the interface made anew", 5)
    expect_all_held(lab, ("eth0", "eth1", "eth9"))
    expect("cannot join" not in daemon.log(), daemon.log())


def what_the_kernel_drops_without_a_word_is_joined_again():
    lab = Crossroads(1)
    Daemon(lab.router, {"10.toml": FIVE_HUNDRED})
    until(lambda: not missing(lab, "eth0"), "all groups joined", 10)
    lab.router.ip("link", "set", "eth0", "mtu", "1000")  # too small for IPv6
    until(lambda: missing(lab, "eth0") == set(ANY6 + ONLY6), "IPv6 groups dropped by the kernel", 5)
    lab.router.ip("link", "set", "eth0", "mtu", "1500")
    until(lambda: not missing(lab, "eth0"), "groups joined again when IPv6 is possible again", 12)
    lab.router.sysctl("ipv6.conf.eth0.disable_ipv6", 1)
    time.sleep(0.5)
    lab.router.sysctl("ipv6.conf.eth0.disable_ipv6", 0)
    until(lambda: not missing(lab, "eth0"), "groups joined again after IPv6 was switched off and on", 12)
    expect_all_held(lab, ("eth0", "eth1"))


def groups_are_reported_from_a_new_address():
    lab = Crossroads(1)
    Daemon(lab.router, {"10.toml": FIVE_HUNDRED})
    until(lambda: not missing(lab, "eth1"), "all groups joined", 10)
    time.sleep(2)
    capture = Capture(lab.a, "eth0")
    lab.router.ip("address", "flush", "dev", "eth1", "scope", "global")
    lab.router.ip("address", "add", "10.10.1.99/24", "dev", "eth1")
    lab.router.ip("-6", "address", "flush", "dev", "eth1", "scope", "link")
    lab.router.ip("address", "add", "fe80::99/64", "dev", "eth1", "nodad")
    senders = {}
    for record in reports(capture, 3.0):
        senders[record.group] = record.sender
    expect_equal({senders.get(group) for group in ANY4 + ONLY4}, {"10.10.1.99"}, "senders of the last reports of IPv4 groups")
    expect_equal({senders.get(group) for group in ANY6 + ONLY6}, {"fe80::99"}, "senders of the last reports of IPv6 groups")
    expect_all_held(lab, ("eth0", "eth1"))


def through_a_switch_that_snoops_the_stream_comes_only_with_join():
    for joins, wanted in ((False, 0), (True, 20)):
        lab = Crossroads(1)
        switch, source = Namespace("switch"), Namespace("source")
        veth(lab.router, "eth8", switch, "p0")
        veth(source, "eth0", switch, "p1")
        # A bridge floods until it has been a querier for the response interval that holds when it becomes one.
        switch.ip("link", "add", "name", "switch0", "type", "bridge", "mcast_snooping", "1", "mcast_query_response_interval", "50")
        switch.ip("link", "set", "switch0", "type", "bridge", "mcast_querier", "1")
        for port in ("p0", "p1"):
            switch.ip("link", "set", port, "master", "switch0", "up")
        switch.ip("link", "set", "switch0", "up")
        lab.router.up("eth8", "10.10.8.254/24")
        source.up("eth0", "10.10.8.1/24")
        source.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        at_a = UdpReceiver(lab.a, 5004)
        text = rule("stream", 1, ["239.1.1.1"], interface='"eth8"').replace('via = "eth1"', 'via = "eth1"\ndst_ip = "10.10.1.1"')
        Daemon(lab.router, {"10.toml": text.replace("join = true", f"join = {str(joins).lower()}")}, name=f"join-{joins}")
        lab.know_neighbours()
        time.sleep(1)
        sent = send_udp(source, "239.1.1.1", 5004, 20, 100, ttl=4)
        expect_equal([datagram.payload for datagram in at_a.collect(wanted, 2.0, 0.3)], sent[:wanted], f"copies at a, join = {joins}")
        switch.ip("link", "set", "p0", "down")  # the switch forgets who has joined
        switch.ip("link", "set", "p0", "up")
        time.sleep(1)
        sent = send_udp(source, "239.1.1.1", 5004, 20, 100, ttl=4)
        expect_equal([datagram.payload for datagram in at_a.collect(wanted, 2.0, 0.3)], sent[:wanted], f"copies at a after a link flap, join = {joins}")
        clear()


def nothing_is_queued_for_the_daemon():
    lab = Crossroads(1)
    daemon = Daemon(lab.router, {"10.toml": rule("stream", 1, ["239.1.1.1"], original="pass")})
    send_udp(lab.sender, "239.1.1.1", 5004, 100, 1000, ttl=4)
    until(lambda: daemon.packets("stream") == 100, "packets matched", 3)
    expect_equal(lab.router.counter("Udp.InDatagrams") + lab.router.counter("Udp.RcvbufErrors"), 0, "datagrams given to a socket")
    with lab.router.entered():
        expect_equal(len(open("/proc/thread-self/net/udp", encoding="ascii").readlines()), 1, "lines in the table of bound sockets")


def a_refusal_is_a_warning_and_tried_again():
    lab = Crossroads(1)
    lab.router.sysctl("ipv4.igmp_max_memberships", 0)
    daemon = Daemon(lab.router, {"10.toml": rule("stream", 1, ["239.1.1.1", "ff15::1"], interface='"eth0"')})
    expect_equal(daemon.stat("internals")["state"], "running", "state")
    join = daemon.rule("stream")["join"]
    expect_equal((join["state"], join["joined"], join["failed"]), ("partial", 1, 1), "join of the rule")
    expect_equal(join["errors"], [{"errno": "ENOBUFS", "text": "No buffer space available", "memberships": 1}], "errors of the rule")
    expect("cannot join 1 multicast group, first 239.1.1.1 on eth0: No buffer space available" in daemon.log(), f"log:\n{daemon.log()}")
    expect("stream has not joined all groups: 1 of 2 failed" in daemon.stat_text("rules"), daemon.stat_text("rules"))
    lab.router.sysctl("ipv4.igmp_max_memberships", 20)
    until(lambda: daemon.rule("stream")["join"]["state"] == "joined", "joined after another try", 12)
    expect_equal({(j["group"], j["state"]) for link in daemon.stat("interfaces")["interfaces"] for j in link["joins"]},
                 {("239.1.1.1", "joined"), ("ff15::1", "joined")}, "joins in the interfaces document")


def descriptors_run_out_for_groups_before_they_do_for_the_daemon():
    lab = Crossroads(3)
    daemon = Daemon(lab.router, {"10.toml": FIVE_HUNDRED}, wrapper=["prlimit", "--nofile=136:136"])
    summary = daemon.stat("internals")["joins"]
    expect(summary["failed"] > 0 and summary["joined"] > 0, f"joins: {summary}")
    expect_equal({error["errno"] for error in summary["errors"]}, {"EMFILE"}, "errors")
    daemon.write("10.toml", rule("stream", 1, ["239.1.1.1"]))
    daemon.reload()
    summary = daemon.stat("internals")["joins"]
    expect_equal((summary["joined"], summary["failed"]), (4, 0), "joins of the small set")
    expect(summary["sockets"] <= 3, f"sockets for the small set: {summary}")


def a_rule_waits_for_its_interface_and_tells_when_nothing_comes():
    lab = Crossroads(1)
    daemon = Daemon(lab.router, {"10.toml": rule("waits", 1, ["239.1.1.1"], interface='"lan7"') + rule("silent", 2, ["239.1.1.2"])})
    expect_equal(daemon.rule("waits")["join"]["state"], "waiting", "state of the rule without an interface")
    expect("waits waits for an interface to join on" in daemon.stat_text("rules"), daemon.stat_text("rules"))
    until(lambda: "silent has joined on eth0,eth1, no packets seen for 1" in daemon.stat_text("rules"), "a word about the silence", 25, 0.5)
    UdpSender(lab.sender, "239.1.1.2", 5004, ttl=4).send(1)
    until(lambda: daemon.rule("silent")["join"]["silent_us"] < 1_000_000, "the end of the silence", 3)


def a_group_wanted_for_any_and_for_one_source_is_joined_for_any():
    lab = Crossroads(1)
    both = rule("any", 1, ["239.1.1.1"]) + rule("one", 2, ["239.1.1.1"], ["10.10.0.2"]).replace('dst_ip', 'dscp = "ef", dst_ip')
    daemon = Daemon(lab.router, {"10.toml": both})
    capture = Capture(lab.sender, "eth0")
    lab.sender.ip("link", "set", "eth0", "down")
    lab.sender.ip("link", "set", "eth0", "up")
    expect_equal(memberships(reports(capture, 3.0)).get("239.1.1.1"), frozenset(), "sources reported with both rules")
    daemon.set({"10.toml": both[both.index('[[rule]]\nname = "one"'):]})
    expect_equal(kernel_filters(lab.router, "eth0"), {"239.1.1.1": {"10.10.0.2"}}, "filter when only the source is left")
    expect_equal(memberships(reports(capture, 2.0)).get("239.1.1.1"), frozenset({"10.10.0.2"}), "sources reported then")


main(__doc__,
     five_hundred_groups_on_four_interfaces_survive_link_flaps,
     the_groups_are_left_with_their_rule_and_with_the_daemon,
     an_interface_that_comes_later_or_is_made_anew_is_joined_on,
     an_interface_made_anew_after_its_end_was_seen_is_joined_on_at_once,
     what_the_kernel_drops_without_a_word_is_joined_again,
     groups_are_reported_from_a_new_address,
     through_a_switch_that_snoops_the_stream_comes_only_with_join,
     nothing_is_queued_for_the_daemon,
     a_refusal_is_a_warning_and_tried_again,
     descriptors_run_out_for_groups_before_they_do_for_the_daemon,
     a_rule_waits_for_its_interface_and_tells_when_nothing_comes,
     a_group_wanted_for_any_and_for_one_source_is_joined_for_any)
