#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 reloads under traffic lose no packet and treat none by a mix of two generations."""
import multiprocessing
import os
import time

from harness import expect_equal, main
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender

RELOADS = int(os.environ.get("RUDDER_RELOADS", "1000"))

# Both targets and the steer rule carry the generation's stamp in their DSCP.
POLICY = """
[[rule]]
name = "copies"
priority = 10
type = "replicate"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "239.1.1.1" }}
[[rule.action.targets]]
dst_ip = "10.10.2.1"
via = "eth2"
dscp = {0}
[[rule.action.targets]]
dst_ip = "10.10.3.1"
via = "eth3"
dscp = {0}

[[rule]]
name = "steered"
priority = 20
type = "steer"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "10.20.0.10", ip_proto = "udp" }}
action = {{ via = "eth2", next_hop = "10.10.2.1", dscp = {0} }}
"""
PADDING = """
[[rule]]
name = "padding-{0}"
priority = {1}
type = "steer"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "10.{2}.{3}.0/24" }}
action = {{ via = "eth2", next_hop = "10.10.2.1" }}
"""


def _send(sender, ends, sent):
    count, payload = 0, b"." * 40
    while not ends.is_set():
        for _ in range(10):
            sender.socket.sendto(b"%d %s" % (count, payload), sender.target)
            count += 1
        time.sleep(0.004)
    sent.value = count


def _receive(receiver, ends, results):
    stamps, doubled = {}, 0
    while True:
        datagram = receiver.receive(0.5)
        if datagram is None:
            if ends.is_set():
                break
            continue
        number = int(datagram.payload.split()[0])
        doubled += number in stamps
        stamps[number] = datagram.dscp
    results.put((receiver.namespace.name, receiver.port, stamps, doubled))


class Streams:
    """Two numbered streams and a process at each receiver that notes every packet's stamp."""

    def __init__(self, lab):
        self.ends, self.quiet, self.results = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
        self.sent = [multiprocessing.Value("q", 0) for _ in range(2)]
        senders = [UdpSender(lab.sender, "239.1.1.1", 5000, ttl=5), UdpSender(lab.sender, lab.SERVER, 5001)]
        receivers = [UdpReceiver(lab.b, 5000), UdpReceiver(lab.c, 5000), UdpReceiver(lab.b, 5001)]
        self.processes = [multiprocessing.Process(target=_receive, args=(r, self.quiet, self.results)) for r in receivers]
        self.processes += [multiprocessing.Process(target=_send, args=(s, self.ends, n)) for s, n in zip(senders, self.sent)]
        for process in self.processes:
            process.start()

    def finish(self):
        """({(host, port): {number: stamp}}, sent on the replicated stream, sent on the steered one)."""
        self.ends.set()
        for process in self.processes[3:]:
            process.join()
        self.quiet.set()
        found = {}
        for _ in range(3):
            host, port, stamps, doubled = self.results.get(timeout=30)
            expect_equal(doubled, 0, f"packets that arrived twice at {host}")
            found[(host, port)] = stamps
        return found, self.sent[0].value, self.sent[1].value


def verify(found, replicated, steered):
    lost = {key: (steered if key[1] == 5001 else replicated) - len(stamps) for key, stamps in found.items()}
    mixed = [n for n, stamp in found[("b", 5000)].items() if found[("c", 5000)].get(n, stamp) != stamp]
    stamps = {stamp for seen in found.values() for stamp in seen.values()}
    print(f"# {replicated} replicated and {steered} steered packets; lost {sum(lost.values())}, mixed {len(mixed)}, stamps {sorted(stamps)}")
    expect_equal(sum(lost.values()), 0, f"packets lost ({lost})")
    expect_equal(len(mixed), 0, f"packets treated by two generations (first: {mixed[:3]})")
    return stamps


def _blob_sizes(daemon):
    return {entry["value_bytes"] for entry in daemon.stat("maps")["maps"] if entry["name"] == "rudder_blob"}


def _reload_many(count, policies, sizes=1):
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10.toml": policies[0]})
    lab.know_neighbours()
    time.sleep(0.3)
    start, before = time.monotonic(), daemon.generation()
    streams = Streams(lab)
    seen = set()
    for number in range(count):
        daemon.write("10.toml", policies[(number + 1) % len(policies)])
        daemon.reload()
        if number < 2:
            seen |= _blob_sizes(daemon)
    took = time.monotonic() - start
    stamps = verify(*streams.finish())
    expect_equal(daemon.generation() - before, count, "generations published")
    expect_equal(stamps, {11, 22}, "stamps seen")
    expect_equal(len(seen), sizes, f"sizes of the policy's map ({seen})")
    print(f"# {count} reloads in {took:.1f} s, {took * 1000 / count:.1f} ms each")


def a_thousand_reloads():
    _reload_many(RELOADS, [POLICY.format(11), POLICY.format(22)])


def reloads_that_change_the_size_of_the_policy():
    padding = (PADDING.format(number, 100 + number, 77 + number // 256, number % 256) for number in range(4000))
    _reload_many(60, [POLICY.format(11), POLICY.format(22) + "".join(padding)], 2)


def interfaces_that_come_and_go_disturb_no_traffic():
    lab = Crossroads()
    any_interface = POLICY.replace('interface = "eth0"', 'interface = "any"')
    Daemon(lab.router, {"10.toml": any_interface.format(11)})
    lab.know_neighbours()
    time.sleep(0.3)
    streams = Streams(lab)
    lab.router.exec("sh", "-c", "for i in $(seq 100); do ip link add x$i type veth peer name y$i; ip link set x$i up; sleep 0.02; ip link delete x$i; done")
    verify(*streams.finish())


main(__doc__, a_thousand_reloads, reloads_that_change_the_size_of_the_policy, interfaces_that_come_and_go_disturb_no_traffic)
