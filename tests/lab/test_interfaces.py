#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules follow their interfaces: lists, globs, any, altnames, and links that come, go, are renamed and come again."""
from harness import clear, expect, expect_equal, main, until
from lab import Crossroads, Daemon, Namespace, veth
from traffic import UdpReceiver, UdpSender, send_udp

RULE = """
[[rule]]
name = "to-c"
priority = 10
type = "steer"
match = {{ interface = {interface}, direction = "ingress", dst_ip = "10.20.0.0/16" }}
action = {{ via = "{via}", next_hop = "10.10.3.1" }}
"""

COPY = """
[[rule]]
name = "copy"
priority = 10
type = "replicate"
match = { interface = "any", direction = "ingress", dst_ip = "10.20.0.0/16" }
action = { original = "pass", targets = [{ via = "eth3", next_hop = "10.10.3.1" }] }
"""


def rule(interface='"eth0"', via="eth3"):
    return {"10.toml": RULE.format(interface=interface, via=via)}


def second_sender(lab, device="in1"):
    """Another host before the router, on `device`."""
    host = Namespace("second")
    join_second_sender(lab, host, device)
    return host


def join_second_sender(lab, host, device, *options):
    veth(lab.router, device, host, "eth0", *options)
    lab.router.up(device, "10.10.9.1/24")
    host.up("eth0", "10.10.9.2/24")
    host.ip("route", "add", "default", "via", "10.10.9.1")


def arrives(sender, receiver):
    def check():
        sender.send(1)
        return receiver.receive(0.05) is not None
    return check


def one_rule_serves_several_interfaces():
    for interface in ('["eth0", "in1"]', '"any"', '["*", "!eth3"]', '["eth*", "in?"]', '["any", "!eth2"]'):
        lab = Crossroads()
        second = second_sender(lab)
        at_c = UdpReceiver(lab.c, 5000)
        Daemon(lab.router, rule(interface))
        lab.know_neighbours()
        for number, host in enumerate((lab.sender, second)):
            sent = send_udp(host, lab.SERVER, 5000, 10, 50 + number)
            expect_equal([d.payload for d in at_c.collect(10)], sent, f"from {host.name} with interface = {interface}")
        clear()


def an_excluded_interface_is_left_alone():
    lab = Crossroads()
    second = second_sender(lab)
    at_a, at_c = UdpReceiver(lab.a, 5000), UdpReceiver(lab.c, 5000)
    Daemon(lab.router, rule('["*", "!in*"]'))
    send_udp(second, lab.SERVER, 5000, 10)
    expect_equal(len(at_a.collect(10)), 10, "datagrams by the kernel's route")
    expect(at_c.nothing(), "the excluded interface is steered")


def an_altname_names_an_interface():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    lab.router.ip("link", "property", "add", "dev", "eth0", "altname", "uplink-to-the-customers")
    Daemon(lab.router, rule('"uplink-to-the-customers"'))
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5)
    expect_equal([d.payload for d in at_c.collect(5)], sent, "datagrams at c")


def a_rule_waits_for_its_interface_and_works_when_it_appears():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    Daemon(lab.router, rule('"in1"'))
    second = second_sender(lab)
    took = until(arrives(UdpSender(second, lab.SERVER, 5000), at_c), "a datagram from the new interface", 5)
    print(f"# steered {took * 1000:.0f} ms after the link came")


def any_follows_interfaces_that_come_later():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    Daemon(lab.router, rule('"any"'))
    second = second_sender(lab, "later0")
    until(arrives(UdpSender(second, lab.SERVER, 5000), at_c), "a datagram from the new interface", 5)


def any_takes_the_packets_of_a_bridge_once_and_not_at_its_port():
    lab = Crossroads()
    second = second_sender(lab)
    at_a, at_c = UdpReceiver(lab.a, 5000), UdpReceiver(lab.c, 5000)
    daemon = Daemon(lab.router, {"10.toml": COPY})
    lab.know_neighbours()
    send_udp(second, lab.SERVER, 5000, 10)
    expect_equal((len(at_a.collect(10)), len(at_c.collect(10))), (10, 10), "originals and copies while in1 is no port")
    lab.router.ip("address", "flush", "dev", "in1")
    for words in (("add", "br0", "type", "bridge"), ("set", "in1", "master", "br0")):
        lab.router.ip("link", *words)
    lab.router.up("br0", "10.10.9.1/24")
    until(lambda: "state forwarding" in lab.router.exec("bridge", "link").stdout, "the port forwards", 40)
    second.ip("neigh", "flush", "all")
    until(lambda: {hook["name"] for hook in daemon.stat("interfaces")["interfaces"]} >= {"br0", "eth0"}, "a hook on the bridge")
    before = daemon.packets("copy")
    send_udp(second, lab.SERVER, 5000, 10)
    expect_equal((len(at_a.collect(10)), len(at_c.collect(10))), (10, 10), "originals and copies through the bridge")
    expect(at_c.nothing(0.2), "a packet was copied at the port and at the bridge")
    expect_equal(daemon.packets("copy") - before, 10, "packets counted for the rule")


def a_rule_waits_for_its_egress_interface():
    lab = Crossroads()
    host = Namespace("late")
    at_late, at_a = UdpReceiver(host, 5000), UdpReceiver(lab.a, 5000)
    Daemon(lab.router, {"10.toml": RULE.format(interface='"eth0"', via="out1").replace("10.10.3.1", "10.10.8.1")})
    send_udp(lab.sender, lab.SERVER, 5000, 5)
    expect_equal(len(at_a.collect(5)), 5, "datagrams by the kernel's route while the rule waits")
    veth(lab.router, "out1", host, "eth0")
    lab.router.up("out1", "10.10.8.254/24")
    host.up("eth0", "10.10.8.1/24")
    host.up("lo", "10.20.0.10/32")
    host.ip("route", "add", "default", "via", "10.10.8.254")
    until(arrives(UdpSender(lab.sender, lab.SERVER, 5000), at_late), "a datagram by the new egress", 5)


def a_deleted_interface_that_comes_again_with_the_same_index_is_served_again():
    lab = Crossroads()
    second = second_sender(lab)
    at_c = UdpReceiver(lab.c, 5000)
    daemon = Daemon(lab.router, rule('"in1"'))
    until(arrives(UdpSender(second, lab.SERVER, 5000), at_c), "a datagram before", 5)
    index = lab.router.index("in1")
    for _ in range(3):
        lab.router.ip("link", "delete", "in1")
        join_second_sender(lab, second, "in1", "index", index)
        expect_equal(lab.router.index("in1"), index, "the interface's index")
        until(arrives(UdpSender(second, lab.SERVER, 5000), at_c), "a datagram from the recreated interface", 5)
    expect_equal(daemon.process.poll(), None, "rudderd is alive")


def a_deleted_egress_interface_that_comes_again_is_served_again():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    Daemon(lab.router, rule())
    until(arrives(UdpSender(lab.sender, lab.SERVER, 5000), at_c), "a datagram before", 5)
    lab.router.ip("link", "delete", "eth3")
    veth(lab.router, "eth3", lab.c, "eth0")
    lab.router.up("eth3", "10.10.3.254/24")
    lab.c.up("eth0", "10.10.3.1/24")
    until(arrives(UdpSender(lab.sender, lab.SERVER, 5000), at_c), "a datagram by the recreated egress", 5)


def a_renamed_interface_leaves_its_rule_and_the_new_name_joins_it():
    lab = Crossroads()
    second = second_sender(lab, "wrong0")
    at_a, at_c = UdpReceiver(lab.a, 5000), UdpReceiver(lab.c, 5000)
    Daemon(lab.router, rule('"in1"'))
    sender = UdpSender(second, lab.SERVER, 5000)
    until(arrives(sender, at_a), "a datagram by the kernel's route", 5)
    lab.router.ip("link", "set", "wrong0", "name", "in1", check=False)
    if "in1" not in lab.router.ip("-br", "link").stdout:  # older kernels rename only what is down
        lab.router.ip("link", "set", "wrong0", "down")
        lab.router.ip("link", "set", "wrong0", "name", "in1")
        lab.router.ip("link", "set", "in1", "up")
    until(arrives(sender, at_c), "a datagram steered under the new name", 5)
    lab.router.ip("link", "set", "in1", "down")
    lab.router.ip("link", "set", "in1", "name", "other0")
    lab.router.ip("link", "set", "other0", "up")
    lab.router.ip("route", "replace", "10.20.0.0/16", "via", "10.10.1.1")

    def by_the_kernel_again():
        at_c.collect(0, 0.01, 0.01)
        return arrives(sender, at_a)()
    until(by_the_kernel_again, "a datagram by the kernel's route after the rename", 5)


def many_links_that_come_and_go_do_not_disturb_the_rule():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    daemon = Daemon(lab.router, rule('"any"'))
    lab.know_neighbours()
    script = ("for i in $(seq 150); do ip link add x$i type veth peer name y$i; ip link set x$i up; ip link set x$i name z$i 2>/dev/null; "
              "ip link delete y$i; done")
    lab.router.exec("sh", "-c", script)
    sent = send_udp(lab.sender, lab.SERVER, 5000, 20)
    expect_equal([d.payload for d in at_c.collect(20)], sent, "datagrams at c")
    expect_equal(daemon.process.poll(), None, "rudderd is alive")


main(__doc__,
     one_rule_serves_several_interfaces,
     an_excluded_interface_is_left_alone,
     an_altname_names_an_interface,
     a_rule_waits_for_its_interface_and_works_when_it_appears,
     any_follows_interfaces_that_come_later,
     any_takes_the_packets_of_a_bridge_once_and_not_at_its_port,
     a_rule_waits_for_its_egress_interface,
     a_deleted_interface_that_comes_again_with_the_same_index_is_served_again,
     a_deleted_egress_interface_that_comes_again_is_served_again,
     a_renamed_interface_leaves_its_rule_and_the_new_name_joins_it,
     many_links_that_come_and_go_do_not_disturb_the_rule)
