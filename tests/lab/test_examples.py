#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every rule of every shipped example does to real packets what its file says."""
import contextlib
import pathlib
import socket

from examples import ACK, DIRECTORY, ICMP, RST, SYN, TCP, UDP, Packet, describe, rules_of, shows
from groups import kernel_filters, kernel_groups
from harness import expect_equal, main, until
from traffic import FrameSender, Tun, UdpReceiver

SO_MARK, ETH_P_IP = 36, 0x0800
# The examples that other scripts prove, each with the rules that it is known to have there.
ELSEWHERE = {
    "10-ef-other-path.toml": ("demo.py", {"ef-other-path"}),
    "20-multicast-to-unicast.toml": ("demo.py", {"stream-to-unicast"}),
    "30-udp-forwarder.toml": ("demo.py", {"udp-forwarder"}),
    "32-fan-out.toml": ("test_fan_out.py", {"syslog-broadcast", "netflow", "sflow"}),
    "70-groups.toml": ("test_examples_flows.py", {"customers-over-uplinks", "dns-balancer", "branch-over-providers"}),
    "71-health.toml": ("test_examples_flows.py", {"branch-over-probed-uplinks", "service-on-a-live-server",
                                                   "questions-to-a-live-resolver"}),
    "76-limit.toml": ("test_examples_flows.py", {"dns-through-scrubber", "sip-sample"}),
}


@shows("21-multicast-to-multicast.toml")
def a_stream_goes_on_as_two_other_groups(example):
    example.start()
    until(lambda: "239.2.2.2" in kernel_groups(example.lab.router, "eth0"), "membership of the group on eth0")
    example.takes("stream-to-other-groups", Packet("239.2.2.2", 5004),
                  "a 10.10.0.2:4000 > 239.100.2.2:5004 ttl 63", "b 10.10.2.254:4000 > 232.1.2.2:5006 ttl 63")
    example.leaves(Packet("239.2.2.3", 5004))
    until(lambda: kernel_filters(example.lab.router, "eth0") == {"232.3.3.3": {"10.10.0.2"}}, "membership for one sender only")
    example.takes("stream-of-one-sender", Packet("232.3.3.3", 5004), "c 10.10.0.2:4000 > 10.10.3.1:5004 ttl 64")
    example.leaves(Packet("232.3.3.3", 5004, "10.10.0.3"))


@shows("31-udp-relay.toml")
def datagrams_to_this_host_are_copied_relayed_and_answered(example):
    example.start()
    here = {port: UdpReceiver(example.lab.router, port) for port in (5100, 5200)}
    example.takes("udp-tee", Packet("10.10.0.1", 5100), "c 10.10.0.2:4000 > 10.10.3.1:6100 ttl 63")
    expect_equal(len(here[5100].collect(1)), 1, "originals at the router's own socket")
    example.takes("udp-relay", Packet("10.10.0.1", 5200), "c 10.10.3.254:4000 > 10.10.3.1:6200 ttl 63")
    expect_equal(len(here[5200].collect(0, 0)), 0, "what was relayed at the router's own socket")
    example.takes("udp-relay-answers", Packet("10.10.3.254", 4000, "10.10.3.1", 6200),
                  "sender 10.10.0.1:5200 > 10.10.0.2:4000 ttl 63", origin="c")
    example.leaves(Packet("10.20.0.10", 5100), "a 10.10.0.2:4000 > 10.20.0.10:5100 ttl 63")


def _from_router(example, source, destination, mark=0):
    """A function that sends a payload from a socket of the router."""
    def send(payload):
        with example.lab.router.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            sender.bind((source, 4000))
            sender.sendto(payload, (destination, 5000))
    return send


@shows("41-routing-tables.toml")
def tables_say_where_customers_and_a_service_go(example):
    router = example.lab.router
    router.up("lo", "10.30.9.1/32")
    router.ip("route", "add", "default", "via", "10.10.2.1", "table", "102")
    for gateway in ("10.10.3.1", "2001:db8:3::1"):
        router.ip("route", "add", "default", "via", gateway, "table", "103")
    tunnel = Tun(router, "wg0", "10.10.7.1/24")
    example.start()
    server, server6 = "10.20.0.10", "2001:db8:20::10"
    example.takes("customers-of-the-first", Packet(server, source="10.30.2.9"), f"b 10.30.2.9:4000 > {server}:5000 ttl 63")
    example.takes("customers-of-the-second", Packet(server, source="10.30.3.9"), f"c 10.30.3.9:4000 > {server}:5000 ttl 63")
    example.takes("customers-of-the-second", Packet(server6, source="2001:db8:30:3::9"),
                  f"c 2001:db8:30:3::9:4000 > {server6}:5000 ttl 63")
    example.leaves(Packet(server, source="10.30.4.9"), f"a 10.30.4.9:4000 > {server}:5000 ttl 63")
    answer = _from_router(example, "10.30.9.1", server)
    example.takes("answers-of-the-service", answer, f"a 10.30.9.1:4000 > {server}:5000 ttl 64")
    router.ip("route", "add", "default", "dev", "wg0", "table", "104")
    example.takes("answers-of-the-service", answer)
    expect_equal([describe(packet, whole=False)[0] for packet in tunnel.read(1)], [f"10.30.9.1:4000 > {server}:5000 ttl 64"],
                 "packets in the tunnel")
    example.leaves(_from_router(example, "10.10.1.254", server), f"a 10.10.1.254:4000 > {server}:5000 ttl 64")


@shows("40-source-routing.toml")
def customers_leave_by_their_provider(example):
    example.start()
    here = UdpReceiver(example.lab.router, 5000)
    for customer in ("10.30.0.7", "10.31.0.255"):
        example.takes("customers-by-provider", Packet("10.20.0.10", source=customer), f"c {customer}:4000 > 10.20.0.10:5000 ttl 63")
        example.takes("customers-to-router", Packet("10.10.0.1", source=customer))
        expect_equal([datagram.source for datagram in here.collect(1)], [customer], "datagrams at the router's own socket")
    example.leaves(Packet("10.20.0.10", source="10.32.0.1"), "a 10.32.0.1:4000 > 10.20.0.10:5000 ttl 63")


@shows("50-ipv6.toml")
def bulk_and_customers_of_ipv6_take_another_path(example):
    example.start()
    server, sender = "2001:db8:20::10", "2001:db8::2"
    example.takes("bulk-other-path-v6", Packet(server, dscp=8), f"c {sender}:4000 > {server}:5000 ttl 63")
    example.leaves(Packet(server, dscp=10), f"a {sender}:4000 > {server}:5000 ttl 63")
    example.takes("customers-by-provider-v6", Packet(server, source="2001:db8:31::5"), f"c 2001:db8:31::5:4000 > {server}:5000 ttl 63")
    example.leaves(Packet(server, source="2001:db8:32::5"), f"a 2001:db8:32::5:4000 > {server}:5000 ttl 63")


def _after_the_rules(router):
    """A socket that gets the IPv4 packets of eth0 that no rule has taken away, in whatever VLAN."""
    with router.entered():
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        made.bind(("eth0", ETH_P_IP))
    made.settimeout(0.1)
    return made


def _in_the_stack(made):
    """Texts of the UDP packets it got."""
    found = []
    with contextlib.suppress(TimeoutError):
        while frame := made.recv(2000):
            found += [describe(frame[14:])[0]] if frame[23] == UDP else []
    return found


@shows("60-vlan.toml")
def video_of_a_trunk_goes_to_the_recorder_and_guests_do_not(example):
    example.start()
    for vlan in (100, 119):
        example.takes("video-to-recorder", Packet("10.20.0.10", 5004, tags=(vlan,)), f"b {vlan} 10.10.0.2:4000 > 10.20.0.10:5004 ttl 63")
    stack = _after_the_rules(example.lab.router)
    example.takes("guests-not-to-recorder", Packet("10.10.2.1", tags=(300,)))
    expect_equal(_in_the_stack(stack), [], "guests' packets to the recorder that go on")
    example.leaves(Packet("10.10.1.1", tags=(300,)))
    expect_equal(_in_the_stack(stack), ["10.10.0.2:4000 > 10.10.1.1:5000 ttl 64"], "guests' packets to others that go on")
    example.leaves(Packet("10.10.2.1"), "b 10.10.0.2:4000 > 10.10.2.1:5000 ttl 63")
    example.leaves(Packet("10.20.0.10", 5004, tags=(120,)))


@shows("61-fields.toml")
def rare_fields_select_what_they_say(example):
    example.lab.router.ip("route", "add", "203.0.113.0/24", "via", "10.10.1.1")
    example.start()
    web, ways = "203.0.113.80", "10.10.0.2:4000 > 203.0.113.80:443 ttl 63"
    example.takes("new-connections-to-scrubber", Packet(web, 443, protocol=TCP), f"b {ways}")
    example.takes("rest-through-cache", Packet(web, 443, protocol=TCP, flags=SYN | ACK), f"c {ways}")
    example.leaves(Packet(web, 443, "10.99.0.1", protocol=TCP, flags=ACK), f"a {ways.replace('10.10.0.2', '10.99.0.1')}")
    example.leaves(Packet(web, 22, protocol=TCP), f"a {ways.replace(':443', ':22')}")
    dns = "203.0.113.53"
    for fragment in (0x2000, 0x2003, 0x0003):
        example.takes("no-fragments-to-the-dns-server", Packet(dns, 53, fragment=fragment))
    example.leaves(Packet(dns, 53), f"a 10.10.0.2:4000 > {dns}:53 ttl 63")
    example.takes("no-large-echo-requests", Packet(web, protocol=ICMP, size=1472))
    example.takes("no-large-echo-requests", Packet(web, protocol=ICMP, size=1472, fragment=0x2000))
    example.leaves(Packet(web, protocol=ICMP, size=500), f"a 10.10.0.2 > {web} ttl 63")
    example.takes("marked-to-backup-line", _from_router(example, "10.10.1.254", "10.20.0.10", 0x11),
                  "c 10.10.1.254:4000 > 10.20.0.10:5000 ttl 64")
    example.leaves(_from_router(example, "10.10.1.254", "10.20.0.10", 0x31), "a 10.10.1.254:4000 > 10.20.0.10:5000 ttl 64")


@shows("62-list-file.toml")
def what_a_list_names_reaches_nothing(example):
    example.start()
    server, server6 = "10.20.0.10", "2001:db8:20::10"
    for source in ("192.0.2.255", "198.51.100.17"):
        example.takes("blocked-sources", Packet(server, source=source))
    example.takes("blocked-sources", Packet(server6, source="2001:db8:bad:ffff::1"))
    example.leaves(Packet(server, source="198.51.100.18"), f"a 198.51.100.18:4000 > {server}:5000 ttl 63")
    example.leaves(Packet(server6, source="2001:db8:bae::1"), f"a 2001:db8:bae::1:4000 > {server6}:5000 ttl 63")


@shows("63-vlan-rewrite.toml")
def video_goes_into_vlans_and_comes_out_again(example):
    example.start()
    example.takes("video-into-vlan-20", Packet("10.20.0.10", 5004),
                  "b 20 mac 02:00:00:00:20:01 10.10.0.2:4000 > 10.20.0.10:5004 ttl 63")
    example.takes("video-out-of-vlan-20", Packet("10.10.0.2", 5004, "10.20.0.10", tags=(20,)),
                  "sender 10.20.0.10:4000 > 10.10.0.2:5004 ttl 63", origin="b")
    stream = "10.10.0.2:4000 > 239.20.0.1:5004 ttl 63"
    example.takes("stream-into-vlans", Packet("239.20.0.1", 5004), f"b 20 {stream}", f"b 30 {stream}", f"c {stream}")
    example.leaves(Packet("10.20.0.10", 5005), "a 10.10.0.2:4000 > 10.20.0.10:5005 ttl 63")
    example.leaves(Packet("10.10.0.2", 5004, "10.20.0.10", tags=(21,)), origin="b")


@shows("64-header-fields.toml")
def header_fields_select_what_they_say(example):
    example.start()
    server, ends = "10.20.0.10", "10.10.0.2:4000 > 10.20.0.10:5000"
    example.takes("congested-other-path", Packet(server, ecn=3), f"c {ends} ttl 63")
    example.leaves(Packet(server, ecn=2), f"a {ends} ttl 63")
    example.takes("no-traceroute", Packet(server, ttl=1))
    example.leaves(Packet(server, ttl=2), f"a {ends} ttl 1")
    example.leaves(Packet("10.10.1.1", ttl=1), "sender 10.10.0.1 > 10.10.0.2 ttl 64")
    example.takes("stolen-camera", Packet(server, source_mac="02:00:00:00:00:77"))
    example.leaves(Packet(server, source_mac="02:00:00:00:00:78"), f"a {ends} ttl 63")
    stack = _after_the_rules(example.lab.router)
    for mac in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"):
        example.takes("unicast-in-group-frames", Packet(server, mac=mac))
    expect_equal(_in_the_stack(stack), [], "what goes on of frames to groups")
    example.leaves(Packet("10.10.1.1", mac="ff:ff:ff:ff:ff:ff"))
    expect_equal(len(_in_the_stack(stack)), 1, "frames to all that no rule takes")


@shows("75-mirror.toml", hosts=4)
def two_listeners_see_what_one_interface_receives_and_sends(example):
    lab, example.selective = example.lab, False
    example.start()
    inward, outward = f"mac {lab.router.mac('eth0')}", f"mac {lab.sender.mac('eth0')}"
    there, back = "10.10.0.2:4000 > 10.20.0.10:5000", "10.20.0.10:4000 > 10.10.0.2:5000"
    example.takes("mirror-in", Packet(lab.SERVER), f"a {there} ttl 63", f"c {inward} {there} ttl 64", f"d {inward} {there} ttl 64")
    example.takes("mirror-in", Packet(lab.SERVER, tags=(7,)), f"c 7 {inward} {there} ttl 64", f"d 7 {inward} {there} ttl 64")
    example.takes("mirror-out", Packet(lab.SENDER, source=lab.SERVER), f"sender {back} ttl 63", f"c {outward} {back} ttl 63",
                  f"d {outward} {back} ttl 63", origin="a")
    trunk, macs = FrameSender(lab.router, "eth0"), (lab.sender.mac("eth0"), lab.router.mac("eth0"))
    example.takes("mirror-out", lambda payload: trunk.send(Packet(lab.SENDER, source=lab.SERVER, tags=(7,)).frame(*macs, payload)),
                  f"sender 7 {back} ttl 64", f"c 7 {outward} {back} ttl 64", f"d 7 {outward} {back} ttl 64")
    example.leaves(Packet("10.10.2.1", source="10.10.1.1"), "b 10.10.1.1:4000 > 10.10.2.1:5000 ttl 63", origin="a")


@shows("77-heads.toml")
def an_analyser_sees_the_heads_of_web_traffic(example):
    lab, web = example.lab, "203.0.113.80"
    lab.router.ip("route", "add", "203.0.113.0/24", "via", "10.10.1.1")
    example.start()
    for port in (80, 443):
        ends = f"10.10.0.2:4000 > {web}:{port}"
        example.takes("web-heads-in", Packet(web, port, protocol=TCP, flags=RST, size=1400), f"a {ends} ttl 63",
                      f"c mac {lab.router.mac('eth0')} {ends} ttl 64")
        _is_head(example.listeners["c"].frames, example.listeners["a"].frames)
        ends = f"{web}:{port} > 10.10.0.2:5000"
        example.takes("web-heads-out", Packet("10.10.0.2", 5000, web, port, protocol=TCP, flags=RST, size=1400), f"sender {ends} ttl 63",
                      f"c mac {lab.sender.mac('eth0')} {ends} ttl 63", origin="a")
        _is_head(example.listeners["c"].frames, example.listeners["sender"].frames)
    example.leaves(Packet(web, 22, protocol=TCP, flags=RST), f"a 10.10.0.2:4000 > {web}:22 ttl 63")
    example.leaves(Packet(web, 443), f"a 10.10.0.2:4000 > {web}:443 ttl 63")


def _is_head(copies, originals):
    """The copy has 128 bytes, which are those of the whole original but for MAC addresses, TTL and header checksum."""
    expect_equal([len(frame) for frame in copies + originals], [128, 14 + 20 + 20 + 1400], "lengths of copy and original")
    expect_equal(copies[0][26:], originals[0][26:128], "content of the copy")


PROOFS = [a_stream_goes_on_as_two_other_groups,
          datagrams_to_this_host_are_copied_relayed_and_answered,
          customers_leave_by_their_provider,
          bulk_and_customers_of_ipv6_take_another_path,
          tables_say_where_customers_and_a_service_go,
          video_of_a_trunk_goes_to_the_recorder_and_guests_do_not,
          rare_fields_select_what_they_say,
          what_a_list_names_reaches_nothing,
          video_goes_into_vlans_and_comes_out_again,
          header_fields_select_what_they_say,
          two_listeners_see_what_one_interface_receives_and_sends,
          an_analyser_sees_the_heads_of_web_traffic]


def every_rule_is_proven_somewhere():
    here = pathlib.Path(__file__).parent
    for file, (script, rules) in ELSEWHERE.items():
        expect_equal(rules_of(file), rules, f"rules of {file}, which {script} proves")
        expect_equal(file in (here / script).read_text(), True, f"{script} names {file}")
    proven = {test.file for test in PROOFS} | set(ELSEWHERE)
    expect_equal(sorted({path.name for path in DIRECTORY.glob("*.toml")} ^ proven), [], "examples without a proof, or proofs without one")


main(__doc__, *PROOFS, every_rule_is_proven_somewhere)
