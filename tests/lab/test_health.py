#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Members of groups that do not answer their probes lose their flows, in time, and get them back."""
import contextlib
import signal
import socket
import threading
import time

from harness import expect, expect_equal, main, until
from lab import Crossroads, Daemon
from spread import FLOWS, Flows, member, policy
from traffic import UdpReceiver, UdpSender, is_ipv6

INTERVAL_MS, FALL = 200, 3
LATE_MS = 100
MOST_OF_FOUR = 1 / 4 + 0.02


def health(**keys):
    keys = {"type": '"icmp"', "interval": f'"{INTERVAL_MS}ms"', "fall": FALL, **keys}
    return "[group.health]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def probed(*members, server=Crossroads.SERVER, **keys):
    return {"10.toml": policy(*members, server=server)["10.toml"] + health(**keys)}


def silence(host, family="ip"):
    """The host keeps its link and its neighbours, but answers no echo."""
    host.sysctl("ipv4.icmp_echo_ignore_all" if family == "ip" else "ipv6.icmp.echo_ignore_all", 1)


def let_speak(host, family="ip"):
    host.sysctl("ipv4.icmp_echo_ignore_all" if family == "ip" else "ipv6.icmp.echo_ignore_all", 0)


def probes(daemon):
    return [m["probe"] for m in daemon.rule("spread")["targets"][0]["members"]]


def healths(daemon):
    return [probe["health"] for probe in probes(daemon)]


def start(lab, files, **options):
    lab.know_neighbours()
    daemon = Daemon(lab.router, files, **options)
    until(lambda: "unknown" not in healths(daemon), lambda: f"an answer of every member: {probes(daemon)}", 5)
    return daemon


class Stream:
    """One flow of datagrams that say when they were sent, every half millisecond."""

    def __init__(self, lab, server=Crossroads.SERVER):
        family = socket.AF_INET6 if is_ipv6(server) else socket.AF_INET
        self.receivers = [UdpReceiver(host, 5000, family) for host in lab.hosts]
        self.sender = UdpSender(lab.sender, server, 5000)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stopped.is_set():
            self.sender.socket.sendto(time.monotonic_ns().to_bytes(8, "big"), self.sender.target)
            time.sleep(0.0005)

    def first_at(self, host, seconds):
        """When the first datagram that this host gets now was sent, as time.monotonic()."""
        receiver = self.receivers[host]
        receiver.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while receiver.socket.recv(100):
                pass
        receiver.socket.setblocking(True)
        datagram = receiver.receive(seconds)
        expect(datagram is not None, f"host {host + 1} gets nothing within {seconds} s")
        return int.from_bytes(datagram.payload, "big") / 1e9

    def stop(self):
        self.stopped.set()
        self.thread.join()


def _fails_over_in_time(lab, lose, restore, server=Crossroads.SERVER, rounds=3, hold_down_ms=0, **keys):
    """Host a is lost for its probes, and comes back, again and again: when do packets go the other way?"""
    hold_down = {"hold_down": f'"{hold_down_ms}ms"'} if hold_down_ms else {}
    daemon = start(lab, probed(member(1, server), member(2, server, tier=2), server=server, rise=2, **hold_down, **keys))
    generation = daemon.generation()
    stream = Stream(lab, server)
    try:
        stream.first_at(0, 2)
        took = []
        for _ in range(rounds):
            until(lambda: healths(daemon) == ["up", "up"], "both members up", 5)
            stream.first_at(0, 2)
            at = time.monotonic()
            lose()
            took.append((stream.first_at(1, 5) - at) * 1000)
            at = time.monotonic()
            restore()
            back_ms = (stream.first_at(0, 5) - at) * 1000
            least = INTERVAL_MS + hold_down_ms - LATE_MS  # two answers in a row, and the time to hold down
            expect(least < back_ms < 3 * INTERVAL_MS + hold_down_ms + LATE_MS, f"flows came back after {back_ms:.0f} ms")
    finally:
        stream.stop()
    print("# first packet by the other member " + ", ".join(f"{ms:.0f}" for ms in took) + " ms after the last answer was possible")
    expect(max(took) < INTERVAL_MS * FALL + LATE_MS, f"failing over took {max(took):.0f} ms")
    expect(min(took) > INTERVAL_MS * (FALL - 1) - LATE_MS, f"failing over took {min(took):.0f} ms: less than {FALL} questions")
    expect_equal(daemon.generation(), generation, "generation after changes of health")


def silence_fails_over_in_time_and_answers_bring_back():
    lab = Crossroads(hosts=2)
    _fails_over_in_time(lab, lambda: silence(lab.a), lambda: let_speak(lab.a), rounds=5, hold_down_ms=500)


def silence_over_ipv6_fails_over_in_time():
    lab = Crossroads(hosts=2)
    _fails_over_in_time(lab, lambda: silence(lab.a, "ip6"), lambda: let_speak(lab.a, "ip6"), lab.SERVER6)


def silence_of_a_tcp_service_fails_over_in_time():
    lab = Crossroads(hosts=2)
    servers = []  # held open
    for number, host in enumerate(lab.hosts, 1):
        with host.entered():
            servers.append(socket.create_server((f"10.10.{number}.1", 8080)))
    router = "10.10.1.254"  # the host finds no way to answer
    _fails_over_in_time(lab, lambda: lab.a.ip("route", "add", "blackhole", router), lambda: lab.a.ip("route", "del", "blackhole", router),
                        type='"tcp"', port=8080)


def silence_of_a_udp_service_fails_over_in_time():
    lab = Crossroads(hosts=2)
    services = [Answerer(host, f"10.10.{n}.1", 7, b"pong") for n, host in enumerate(lab.hosts, 1)]
    _fails_over_in_time(lab, lambda: setattr(services[0], "answer", None), lambda: setattr(services[0], "answer", b"pong"),
                        type='"udp"', port=7, request='"ping"', expect='"pong"')


def a_dead_next_hop_of_four_moves_its_flows_only():
    lab = Crossroads(hosts=4)
    daemon = start(lab, probed(*(member(n) for n in range(1, 5))))
    flows = Flows(lab)
    until(lambda: len(flows.places()) == FLOWS, "all flows at a host", 10)
    before = flows.places()
    generation = daemon.generation()
    silence(lab.b)
    until(lambda: healths(daemon) == ["up", "dead", "up", "up"], "a dead member", 5)
    after = flows.places()
    expect_equal(len(after), FLOWS, "flows that arrive")
    moved = {flow for flow in before if before[flow] != after[flow]}
    expect_equal({before[flow] for flow in moved}, {2}, "hosts that lost flows")
    expect_equal(len(moved), sum(1 for host in before.values() if host == 2), "flows that moved")
    expect(len(moved) <= MOST_OF_FOUR * FLOWS, f"{len(moved)} of {FLOWS} flows moved")
    print(f"# a member of four that gave no answer lost {len(moved)} of {FLOWS} flows")
    expect(2 not in after.values(), "the dead member has flows")
    state = daemon.rule("spread")["targets"][0]["members"][1]
    expect_equal((state["state"], state["reason"], state["probe"]["reason"], state["share"]), ("down", "probe", "no answer", 0.0), "the dead member")
    expect("dead (no answer)" in daemon.stat_text("rules").replace("\n", " "), daemon.stat_text("rules"))
    expect(any("1 of 4 probed members dead" in text for text in daemon.notifications()), f"STATUS: {daemon.notifications()}")
    expect("group ways: 10.10.2.1 at eth2 is dead: no answer" in daemon.log(), daemon.log())
    let_speak(lab.b)
    until(lambda: flows.places() == before, "all flows back where they were", 10)
    expect_equal(daemon.generation(), generation, "generation after changes of health")
    expect("is up again" in daemon.log(), daemon.log())


def ipv6_members_are_asked_by_icmpv6():
    lab = Crossroads(hosts=2)
    daemon = start(lab, probed(*(member(n, lab.SERVER6) for n in (1, 2)), server=lab.SERVER6))
    expect_equal(healths(daemon), ["up", "up"], "health")
    silence(lab.a, "ip6")
    until(lambda: healths(daemon) == ["dead", "up"], "a dead member", 5)
    let_speak(lab.a, "ip6")
    until(lambda: healths(daemon) == ["up", "up"], "both up", 5)


def link_local_next_hops_are_asked():
    lab = Crossroads(hosts=1)
    address = next(a for a in lab.a.exec("ip", "-6", "-o", "addr", "show", "dev", "eth0").stdout.split() if a.startswith("fe80")).split("/")[0]
    daemon = start(lab, probed(member(1, next_hop=f'"{address}"'), server=lab.SERVER6))
    expect_equal(healths(daemon), ["up"], "health")


def tcp_members_are_asked_for_a_connection():
    lab = Crossroads(hosts=2)
    with lab.a.entered():
        server = socket.create_server(("10.10.1.1", 8080))
    daemon = start(lab, probed(member(1), member(2), type='"tcp"', port=8080))
    expect_equal(healths(daemon), ["up", "dead"], "health")
    expect_equal(probes(daemon)[1]["reason"], "refused", "reason")
    server.close()
    until(lambda: healths(daemon) == ["dead", "dead"], "a dead member", 5)


class Answerer:
    """A UDP service that gives one answer, whatever it is asked; none if that is None."""

    def __init__(self, host, address, port, answer):
        self.asked, self.answer = set(), answer
        with host.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            data, sender = self.socket.recvfrom(1000)
            self.asked.add(data)
            if (answer := self.answer) is not None:
                self.socket.sendto(answer, sender)


def udp_members_are_asked_and_their_answers_compared():
    lab = Crossroads(hosts=2)
    services = [Answerer(host, f"10.10.{n}.1", 7, b"\0pong " + str(n).encode()) for n, host in enumerate(lab.hosts, 1)]
    daemon = start(lab, probed(member(1), member(2), type='"udp"', port=7, request='"hex:00 ff 41"', expect='"hex:00 70 6f"'))
    expect_equal(healths(daemon), ["up", "up"], "health")
    expect_equal([service.asked for service in services], [{b"\0\xffA"}] * 2, "requests")
    services[1].answer = b"busy"
    until(lambda: healths(daemon) == ["up", "dead"], "a dead member", 5)
    expect_equal(probes(daemon)[1]["reason"], "wrong answer", "reason")


def others_are_asked_through_each_member():
    lab = Crossroads(hosts=2)
    for number in (1, 2):  # the way to the address that is asked, by each uplink
        lab.router.ip("route", "add", lab.SERVER, "via", f"10.10.{number}.1", "dev", f"eth{number}", "metric", str(10 + number))
    daemon = start(lab, probed(member(1), member(2), address=f'"{lab.SERVER}"'))
    expect_equal(healths(daemon), ["up", "up"], "health")
    lab.b.ip("address", "del", lab.SERVER, "dev", "lo")
    until(lambda: healths(daemon) == ["up", "dead"], "a dead member", 5)


def a_restart_keeps_what_is_known():
    lab = Crossroads(hosts=2)
    # Questions are so rare, and so many answers are wanted, that only what was kept can tell.
    daemon = start(lab, probed(member(1), member(2), rise=100, interval='"1s"'))
    silence(lab.a)
    until(lambda: healths(daemon) == ["dead", "up"], "a dead member", 5)
    let_speak(lab.a)
    time.sleep(0.1)
    flows = Flows(lab)
    for end in (signal.SIGTERM, signal.SIGKILL):
        since = [probe["health_us"] for probe in probes(daemon)]
        daemon.end(end)
        silence(lab.b)  # one lost answer is no reason to leave it, after a restart neither
        daemon.start()
        until(lambda: probes(daemon)[1]["misses_in_a_row"] == 1, "a missing answer", 5)
        let_speak(lab.b)
        expect_equal(healths(daemon), ["dead", "up"], "health after the restart")
        expect_equal(set(flows.shares()), {2}, "hosts with flows")
        expect(all(new["health_us"] > old for new, old in zip(probes(daemon), since)), "since when is kept")


def a_reload_keeps_what_is_known_and_new_members_get_flows():
    lab = Crossroads(hosts=3)
    daemon = start(lab, probed(member(1), member(2), rise=100))
    silence(lab.a)
    until(lambda: healths(daemon) == ["dead", "up"], "a dead member", 5)
    let_speak(lab.a)
    daemon.set(probed(member(3), member(2, weight=2), member(1), rise=100, fall=5))
    expect_equal((healths(daemon)[2], healths(daemon)[1]), ("dead", "up"), "health after a reload")
    until(lambda: healths(daemon)[0] == "up", "the new member up", 5)
    daemon.set(policy(member(1), member(2)))
    expect_equal([m["state"] for m in daemon.rule("spread")["targets"][0]["members"]], ["up", "up"], "states without probes")
    expect((daemon.runtime / "health").exists(), "what is known is kept")


def a_link_that_comes_back_waits_for_answers():
    lab = Crossroads(hosts=2)
    daemon = start(lab, probed(member(1), member(2), rise=3))
    lab.router.ip("link", "set", "eth1", "down")
    until(lambda: healths(daemon) == ["dead", "up"], "a dead member", 5)
    expect_equal(probes(daemon)[0]["reason"], "link down", "reason")
    silence(lab.a)
    lab.router.ip("link", "set", "eth1", "up")
    time.sleep(3 * INTERVAL_MS / 1000)
    expect_equal(healths(daemon), ["dead", "up"], "health while it does not answer")
    let_speak(lab.a)
    until(lambda: healths(daemon) == ["up", "up"], "both up", 10)


def a_host_that_cannot_ask_kills_nobody():
    lab = Crossroads(hosts=2)
    lab.router.sysctl("ipv4.ping_group_range", "1 0")
    lab.know_neighbours()
    daemon = Daemon(lab.router, probed(member(1), member(2)), wrapper=["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"])
    until(lambda: "cannot be probed" in daemon.log(), "a warning", 5)
    time.sleep(FALL * INTERVAL_MS / 1000)
    expect_equal(healths(daemon), ["unknown", "unknown"], "health")
    expect_equal([m["state"] for m in daemon.rule("spread")["targets"][0]["members"]], ["up", "up"], "states")
    expect_equal(daemon.log().count("cannot be probed"), 1, "warnings")


main(__doc__, silence_fails_over_in_time_and_answers_bring_back, silence_over_ipv6_fails_over_in_time,
     silence_of_a_tcp_service_fails_over_in_time, silence_of_a_udp_service_fails_over_in_time, a_dead_next_hop_of_four_moves_its_flows_only,
     ipv6_members_are_asked_by_icmpv6, link_local_next_hops_are_asked, tcp_members_are_asked_for_a_connection,
     udp_members_are_asked_and_their_answers_compared, others_are_asked_through_each_member, a_restart_keeps_what_is_known,
     a_reload_keeps_what_is_known_and_new_members_get_flows, a_link_that_comes_back_waits_for_answers, a_host_that_cannot_ask_kills_nobody)
