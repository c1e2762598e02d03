#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped examples of groups, probes and limits spread, move and hold back flows as their files say."""
import collections
import contextlib
import socket
import threading
import time

from examples import TCP, Packet, rules_of, shows
from harness import Skip, expect, expect_equal, main, until
from traffic import Capture, UdpReceiver, UdpSender

SERVER = "10.20.0.10"
FLOWS = 300


def hosts(texts):
    """How many packets each host got."""
    return dict(collections.Counter(text.split()[0] for text in texts))


def web(port=80, source="10.10.0.2"):
    return [Packet(SERVER, port, source, source_port, TCP) for source_port in range(10000, 10000 + FLOWS)]


def _proves(example, rule, texts, packets):
    """All packets have arrived, and the rule has counted them."""
    expect_equal((len(texts), example.daemon.packets(rule)), (packets, packets), f"{rule}: packets that arrived, and counted ones")
    example.proven.add(rule)


@shows("70-groups.toml")
def groups_spread_flows(example):
    for table, gateway in (("102", "10.10.2.1"), ("103", "10.10.3.1")):
        example.lab.router.ip("route", "add", "default", "via", gateway, "table", table)
    example.start()
    by_tables = example.flows(web(8080, "10.12.0.9"))
    _proves(example, "branch-over-providers", by_tables, FLOWS)
    expect(min(hosts(by_tables).get(host, 0) for host in "bc") >= 110, f"half by each table: {hosts(by_tables)}")
    spread = example.flows(web())
    _proves(example, "customers-over-uplinks", spread, FLOWS)
    share = hosts(spread)
    expect(set(share) == {"a", "b"} and 165 <= share["a"] <= 235, f"two thirds by the first, one by the second: {share}")
    expect_equal({text.split(" > ")[1] for text in spread}, {f"{SERVER}:80 ttl 63"}, "destinations")
    expect_equal(sorted(example.flows(web())), sorted(spread), "the same flows by the same ways")
    example.leaves(Packet(SERVER, 22, protocol=TCP), f"a 10.10.0.2:4000 > {SERVER}:22 ttl 63")
    _clients_stay_at_one_resolver(example)
    for device in ("eth1", "eth2"):
        example.lab.router.ip("link", "set", device, "down")
    until(lambda: hosts(example.flows(web(443))) == {"c": FLOWS}, "all flows by the third uplink")
    expect_equal(example.flows(_questions(range(9000, 9003))), [], "questions without a resolver")


def _questions(source_ports, clients=range(2, 42)):
    return [Packet("10.20.0.53", 53, f"10.10.0.{client}", port) for client in clients for port in source_ports]


def _clients_stay_at_one_resolver(example):
    answered = example.flows(_questions(range(9000, 9003)))
    _proves(example, "dns-balancer", answered, 120)
    expect_equal({(text[0], text.split(" > ")[1]) for text in answered},
                 {("a", "10.10.1.1:5353 ttl 63"), ("b", "10.10.2.1:5353 ttl 63")}, "resolvers and their addresses")
    places = collections.defaultdict(set)
    for text in answered:
        places[text.split()[1].split(":")[0]].add(text[0])
    expect_equal({len(found) for found in places.values()}, {1}, "resolvers that one client gets to")
    example.leaves(Packet("10.20.0.53", 54), "a 10.10.0.2:4000 > 10.20.0.53:54 ttl 63")


def _listen(host, address):
    with host.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, 8443))
    server.listen(1000)
    return server


@shows("71-health.toml")
def members_that_do_not_answer_lose_their_flows(example):
    lab = example.lab
    servers = [_listen(lab.a, "10.10.1.1"), _listen(lab.b, "10.10.2.1")]
    resolvers = [_resolve(lab.a), _resolve(lab.b)]
    example.start()
    until(lambda: "unknown" not in _healths(example), "an answer of every member", 10)
    _uplinks_follow_pings(example)
    _questions_follow_answers(example, resolvers)
    first, second = (f"{host} 10.10.0.2:4000 > {address}:8443 ttl 63" for host, address in (("a", "10.10.1.1"), ("b", "10.10.2.1")))
    service = Packet("10.20.0.80", 443, protocol=TCP)
    example.takes("service-on-a-live-server", service, first)
    servers[0].close()
    until(lambda: example.flows([service]) == [second], "flows at the second server", 20)
    servers[1].close()
    until(lambda: example.flows([service]) == [], "no flows while no server listens", 20)
    example.leaves(Packet("10.20.0.80", 80, protocol=TCP), "a 10.10.0.2:4000 > 10.20.0.80:80 ttl 63")


def _resolve(host):
    """A resolver that says no to every question, until the socket it returns is shut down."""
    with host.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    threading.Thread(target=_refuse, args=(server,), daemon=True).start()
    return server


def _refuse(server):
    with server, contextlib.suppress(BrokenPipeError):  # the last question may have come before the end
        question, client = server.recvfrom(2000)
        while client:
            server.sendto(question[:2] + b"\x80\x05" + question[4:], client)
            question, client = server.recvfrom(2000)


def _questions_follow_answers(example, resolvers):
    ends = [f"{host} 10.10.0.2:4000 > {address}:53 ttl 63" for host, address in (("a", "10.10.1.1"), ("b", "10.10.2.1"))]
    question = Packet("10.20.0.54", 53)
    for resolver, wanted in zip(resolvers, ends):
        example.takes("questions-to-a-live-resolver", question, wanted)
        with contextlib.suppress(OSError):  # it is not connected, but gets nothing more and wakes up
            resolver.shutdown(socket.SHUT_RDWR)
        until(lambda gone=wanted: gone not in example.flows([question]), "other resolvers than the one that is gone", 10)
    until(lambda: example.flows([question]) == [], "no questions while no resolver answers", 10)


def _healths(example):
    return [member["probe"]["health"] for rule in rules_of(example.file)
            for member in example.daemon.rule(rule)["targets"][0]["members"]]


def _uplinks_follow_pings(example):
    flows, gateway = web(source="10.11.0.9"), example.lab.a
    spread = example.flows(flows)
    _proves(example, "branch-over-probed-uplinks", spread, FLOWS)
    expect_equal(set(hosts(spread)), {"a", "b"}, "uplinks")
    gateway.sysctl("ipv4.icmp_echo_ignore_all", 1)
    until(lambda: hosts(example.flows(flows)) == {"b": FLOWS}, "all flows by the second uplink")
    gateway.sysctl("ipv4.icmp_echo_ignore_all", 0)
    speaks = time.monotonic()
    until(lambda: sorted(example.flows(flows)) == sorted(spread), "all flows as before", 20, every=0.2)
    expect(time.monotonic() - speaks >= 5, "the flows came back before the uplink had answered for five seconds")


@shows("76-limit.toml")
def a_scrubber_and_a_monitor_get_what_they_can_bear(example):
    lab = example.lab
    lab.router.up("eth2", "192.0.2.254/24")
    lab.b.up("eth0", "192.0.2.1/24")
    lab.b.up("lo", "203.0.113.53/32")
    scrubber = UdpReceiver(lab.b, 53)
    example.start()
    example.takes("dns-through-scrubber", Packet("203.0.113.53", 53), "b 10.10.0.2:4000 > 203.0.113.53:53 ttl 63")
    scrubber.collect(1)
    _excess_is_dropped(example, scrubber)
    _one_in_a_hundred(example)
    example.leaves(Packet(SERVER, 5061), f"a 10.10.0.2:4000 > {SERVER}:5061 ttl 63")


def _excess_is_dropped(example, scrubber):
    sender = UdpSender(example.lab.sender, "203.0.113.53", 53)
    for _ in range(5):
        begin = time.monotonic()
        sender.send(20000)
        allowed = 4000 + 20000 * (time.monotonic() - begin)
        got = len(scrubber.collect(20000, 0.5, 0.2))
        if allowed < 15000:
            break
        expect(got >= 19000 or got >= allowed * 0.9, f"{got} questions at the scrubber, {allowed:.0f} are allowed")
    else:
        raise Skip("this machine cannot send 20,000 packets a second")
    expect(allowed * 0.9 <= got <= allowed * 1.02, f"{got} questions at the scrubber, {allowed:.0f} are allowed")
    rule = example.daemon.rule("dns-through-scrubber")
    expect(rule["failures"].get("rate-limited", 0) >= 20000 - got, f"what was beyond the limit: {rule['failures']}")


def _one_in_a_hundred(example):
    monitor, phone = Capture(example.lab.c, "eth0"), UdpReceiver(example.lab.a, 5060)
    sender = UdpSender(example.lab.sender, SERVER, 5060)
    for _ in range(10):
        sender.send(1000, 100)
        expect_equal(len(phone.collect(1000)), 1000, "SIP packets at the phone")
    counted = example.daemon.rule("sip-sample")
    expect_equal(counted["packets"], 10000, "SIP packets that the rule has taken")
    copies = len(monitor.frames(counted["targets"][0]["packets"], wanted=lambda frame: b"." * 50 in frame))
    expect_equal(copies, counted["targets"][0]["packets"], "copies at the monitor, and counted ones")
    expect(50 <= copies <= 160, f"one copy in a hundred of 10,000 packets: {copies}")
    example.proven.add("sip-sample")


main(__doc__,
     groups_spread_flows,
     members_that_do_not_answer_lose_their_flows,
     a_scrubber_and_a_monitor_get_what_they_can_bear)
