#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flows are spread over the members of a group, stay where they are, and leave a member that dies."""
import collections

from harness import clear, expect, expect_equal, main, until
from lab import Crossroads, Daemon
from spread import FLOWS, Flows, bring_up, member, notice_lost_neighbours_soon, policy
from traffic import UdpReceiver, UdpSender

MOST_OF_FOUR = 1 / 4 + 0.02


def ready(lab, members, **options):
    lab.know_neighbours()
    daemon = Daemon(lab.router, policy(*members, **options))
    flows = Flows(lab, options.get("server", lab.SERVER))
    until(lambda: len(flows.places()) == FLOWS, "all flows at a host", 10)
    return daemon, flows


def flows_are_spread_by_weight_and_stay_where_they_are():
    lab = Crossroads(hosts=3)
    daemon, flows = ready(lab, [member(1, weight=1), member(2, weight=2), member(3, weight=1)])
    first = flows.places()
    shares = collections.Counter(first.values())
    for host, wanted in ((1, 0.25), (2, 0.5), (3, 0.25)):
        expect(abs(shares[host] / FLOWS - wanted) <= 0.02, f"host {host} has {shares[host]} of {FLOWS} flows")
    expect_equal(flows.places(), first, "places of the flows, again")
    daemon.write("10.toml", policy(member(1, weight=1), member(2, weight=2), member(3, weight=1))["10.toml"] + "# again\n")
    daemon.reload()
    expect_equal(flows.places(), first, "places of the flows after a reload")


def a_death_moves_the_flows_of_the_dead_only():
    _kill_one_of_four(Crossroads.SERVER)


def a_death_moves_the_flows_of_the_dead_only_over_ipv6():
    _kill_one_of_four(Crossroads.SERVER6)


def _kill_one_of_four(server):
    lab = Crossroads(hosts=4)
    daemon, flows = ready(lab, [member(n, server) for n in range(1, 5)], server=server)
    before, generation = flows.places(), daemon.generation()
    expect(max(collections.Counter(before.values()).values()) <= MOST_OF_FOUR * FLOWS, f"shares of four: {collections.Counter(before.values())}")
    lab.b.ip("link", "set", "eth0", "down")
    until(lambda: 2 not in flows.shares() and len(flows.places()) == FLOWS, "flows of host 2 elsewhere", 5)
    after = flows.places()
    moved = [flow for flow in before if before[flow] != after[flow]]
    expect_equal({before[flow] for flow in moved}, {2}, "hosts that lost flows")
    print(f"# killing one of four next hops moved {len(moved)} of {FLOWS} flows to {server}")
    expect(len(moved) <= MOST_OF_FOUR * FLOWS, f"{len(moved)} of {FLOWS} flows moved")
    bring_up(lab, 2)
    until(lambda: flows.places() == before, "all flows back", 20)
    expect_equal(daemon.generation(), generation, "generation after a loss of carrier")


def neighbour_loss_falls_back_and_returns():
    lab = Crossroads(hosts=2)
    notice_lost_neighbours_soon(lab, "eth1")
    daemon, flows = ready(lab, [member(1), member(2, tier=2)])
    generation = daemon.generation()
    expect_equal(set(flows.shares()), {1}, "hosts with flows")
    lab.hosts[0].ip("link", "set", "eth0", "arp", "off")
    until(lambda: flows.shares() == {2: FLOWS}, "all flows at the second tier", 15)
    lab.hosts[0].ip("link", "set", "eth0", "arp", "on")
    until(lambda: flows.shares() == {1: FLOWS}, "all flows back at the first tier", 20)
    expect_equal(daemon.generation(), generation, "generation after the loss of a neighbour")


def weight_zero_drains():
    lab = Crossroads(hosts=2)
    daemon, flows = ready(lab, [member(1), member(2)])
    expect_equal(set(flows.shares()), {1, 2}, "hosts with flows")
    daemon.write("10.toml", policy(member(1, weight=0), member(2))["10.toml"])
    daemon.reload()
    expect_equal(dict(flows.shares()), {2: FLOWS}, "flows")


def without_a_member_on_failure_decides():
    for on_failure, wanted in (("drop", {}), ("pass", {1: FLOWS})):
        lab = Crossroads(hosts=3)
        daemon, flows = ready(lab, [member(2), member(3)], on_failure=on_failure)
        lab.router.ip("link", "set", "eth2", "down")
        lab.router.ip("link", "set", "eth3", "down")
        until(lambda: dict(flows.shares()) == wanted, f"{on_failure}", 5)
        rule = daemon.rule("spread")
        members = rule["targets"][0]["members"]
        expect_equal([(m["state"], m["reason"]) for m in members], [("down", "link-down")] * 2, "states of the members")
        expect(rule["failures"].get("no-member", 0) > 0, "no failure is counted")
        expect("member 1" in daemon.stat_text("rules"), "rudderstat shows no members")
        clear()


def fragments_of_one_datagram_go_one_way():
    lab = Crossroads(hosts=2)
    _, flows = ready(lab, [member(1), member(2)])
    lab.sender.ip("link", "set", "eth0", "mtu", "1280")
    for _ in range(50):
        UdpSender(lab.sender, lab.SERVER, 5000).send(1, 4000)
    whole = [d for r in flows.receivers for d in r.collect(50, 0.5) if len(d.payload) == 4000]
    expect_equal(len(whole), 50, "reassembled datagrams")


def a_copy_goes_to_one_member_of_its_group():
    lab = Crossroads(hosts=3)
    lab.know_neighbours()
    daemon = Daemon(lab.router, {"10.toml": """
[[rule]]
name = "copies"
priority = 10
type = "replicate"
match = { interface = "eth0", dst_ip = "10.20.0.10" }
action = { targets = [{ group = "ways", dst_port = 6000 }, { via = "eth3", next_hop = "10.10.3.1" }] }
[[group]]
name = "ways"
members = [{ via = "eth1", next_hop = "10.10.1.1" }, { via = "eth2", next_hop = "10.10.2.1" }]
"""})
    copies = [UdpReceiver(host, 6000) for host in lab.hosts[:2]]
    others = UdpReceiver(lab.c, 5000)
    senders = [UdpSender(lab.sender, lab.SERVER, 5000) for _ in range(100)]

    def got():
        """How many copies each host of the group and the third one got of one datagram of each flow."""
        for number, sender in enumerate(senders):
            sender.socket.sendto(number.to_bytes(4, "big"), sender.target)
        found = [{d.payload for d in receiver.collect(100, 0.3)} for receiver in (*copies, others)]
        return found if len(found[2]) == 100 else None

    until(lambda: len(set().union(*(got() or [set()])[:2])) == 100, "a copy of each flow at the group", 10)
    a, b, c = got()
    expect(a and b and not a & b, f"{len(a)} flows at one host, {len(b)} at the other, {len(a & b)} at both")
    expect_equal(len(c), 100, "copies at the third host")
    lab.a.ip("link", "set", "eth0", "down")
    until(lambda: got() == [set(), a | b, c], "all copies at the other member", 5)
    target = daemon.rule("copies")["targets"][0]
    expect_equal([m["state"] for m in target["members"]], ["down", "up"], "states of the members")
    expect_equal(target["packets"], sum(m["packets"] for m in target["members"]), "the target's packets")


def the_udp_balancer_chooses_by_source_address():
    lab = Crossroads(hosts=2)
    lab.know_neighbours()
    text = policy(*('  { via = "eth%d", dst_ip = "10.10.%d.1", dst_port = 6000 },' % (n, n) for n in (1, 2)))["10.toml"]
    Daemon(lab.router, {"10.toml": text + 'hash = "src-ip"\n'})
    receivers = [UdpReceiver(host, 6000) for host in lab.hosts]
    senders = [UdpSender(lab.sender, lab.SERVER, 5000) for _ in range(50)]

    def all_arrive():
        for sender in senders:
            sender.socket.sendto(b"x", sender.target)
        counts = [len(receiver.collect(50, 0.3)) for receiver in receivers]
        return sorted(counts) == [0, 50]
    until(all_arrive, "all flows of one source at one host", 5)


def the_source_port_alone_chooses_where_it_is_the_hash():
    lab = Crossroads(hosts=2)
    daemon, flows = ready(lab, [member(1), member(2)])

    def places_by_source():
        found = []
        for source in ("10.10.0.2", "10.10.0.3"):
            flows.come_from(source)
            found.append(flows.places())
            expect_equal(len(found[-1]), FLOWS, f"flows of {source} that arrive")
        return found

    one, other = places_by_source()
    expect(one != other, "with all fields hashed, both sources have their flows at the same hosts")
    daemon.write("10.toml", policy(member(1), member(2))["10.toml"] + 'hash = "src-port"\n')
    daemon.reload()
    one, other = places_by_source()
    expect_equal(one, other, "places of the second source's flows")
    shares = collections.Counter(one.values())
    expect(min(shares[1], shares[2]) > FLOWS / 3, f"shares of the hosts: {dict(shares)}")


main(__doc__, flows_are_spread_by_weight_and_stay_where_they_are, a_death_moves_the_flows_of_the_dead_only,
     a_death_moves_the_flows_of_the_dead_only_over_ipv6, neighbour_loss_falls_back_and_returns, weight_zero_drains,
     without_a_member_on_failure_decides, fragments_of_one_datagram_go_one_way,
     a_copy_goes_to_one_member_of_its_group, the_udp_balancer_chooses_by_source_address,
     the_source_port_alone_chooses_where_it_is_the_hash)
