# SPDX-License-Identifier: Apache-2.0
"""What `packaging/demo` shows: the shipped examples at work on real packets, and a broken file that changes nothing."""
import collections
import pathlib
import shutil
import signal
import socket
import sys
import threading
import time

import harness
from bpf_objects import until_freed
from harness import expect, expect_equal
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender

EXAMPLES = pathlib.Path(__file__).parents[2] / "conf.d"
PORTS = (5000, 5004, 5005, 6000)
SHOWN = 10

PICTURE = """
                                     +-- eth1 10.10.1.254 ---- 10.10.1.1  host a \\
  sender 10.10.0.2 ---- eth0 router -+-- eth2 10.10.2.254 ---- 10.10.2.1  host b  > each is a way to the server
         10.30.0.7  10.10.0.1        +-- eth3 10.10.3.254 ---- 10.10.3.1  host c /  10.20.0.10 and 2001:db8:20::10
                    (rudderd)            the kernel's own route to the server: host a
"""

Flow = collections.namedtuple("Flow", "title destination port options wanted")

FLOWS = [
    Flow("Ordinary traffic to 10.20.0.10: no rule, the kernel's route", Crossroads.SERVER, 5000, {},
         {("a", "10.20.0.10", 5000, 0, 63)}),
    Flow("EF traffic to 10.20.0.10: another path (10-ef-other-path.toml)", Crossroads.SERVER, 5000, {"dscp": 46},
         {("b", "10.20.0.10", 5000, 46, 63)}),
    Flow("Multicast 239.1.1.1: three unicast receivers (20-multicast-to-unicast.toml)", "239.1.1.1", 5004, {"ttl": 8},
         {("a", "10.10.1.1", 5004, 0, 64), ("b", "10.10.2.1", 5005, 0, 64), ("c", "10.10.3.1", 5004, 0, 64)}),
    Flow("UDP to the router's port 5000: forwarded to host c, port 6000 (30-udp-forwarder.toml)", "10.10.0.1", 5000, {},
         {("c", "10.10.3.1", 6000, 0, 63)}),
    Flow("From the customer's 10.30.0.7: the provider behind eth3 (40-source-routing.toml)", Crossroads.SERVER, 5000,
         {"source": "10.30.0.7"}, {("c", "10.20.0.10", 5000, 0, 63)}),
    Flow("IPv6 bulk traffic to 2001:db8:20::10: another path (50-ipv6.toml)", Crossroads.SERVER6, 5000, {"dscp": 8},
         {("c", "2001:db8:20::10", 5000, 8, 63)}),
]


def heading(text):
    print(f"\n== {text} ==", flush=True)


def show(lines):
    print("\n".join("  " + line for line in lines.rstrip().splitlines()), flush=True)


class Receivers:
    """A UDP socket for every port on every host, IPv4 and IPv6."""

    def __init__(self, hosts):
        self.sockets = [UdpReceiver(host, port, family) for host in hosts for port in PORTS
                        for family in (socket.AF_INET, socket.AF_INET6)]

    def arrived(self, wait=0.5):
        """What came since the last time: {(host, source, destination, port, DSCP, TTL): count}."""
        time.sleep(wait)
        found = collections.Counter()
        for receiver in self.sockets:
            while datagram := receiver.receive(0):
                found[(receiver.namespace.name, datagram.source, datagram.destination, datagram.port, datagram.dscp,
                       datagram.ttl)] += 1
        return found


def show_flow(network, receivers, flow):
    heading(flow.title)
    sender = UdpSender(network.sender, flow.destination, flow.port, **flow.options)
    sender.send(SHOWN, 100)
    found = receivers.arrived()
    row = "{:<9} {:<14} {:<16} {:>5} {:>5} {:>4} {:>6}"
    show(f"sent: {SHOWN} from {flow.options.get('source', 'the sender')} to {flow.destination} port {flow.port}, "
         f"DSCP {flow.options.get('dscp', 0)}, TTL {flow.options.get('ttl', 64)}")
    show(row.format("RECEIVER", "SOURCE", "DESTINATION", "PORT", "DSCP", "TTL", "COUNT"))
    for (host, source, destination, port, dscp, ttl), count in sorted(found.items()):
        show(row.format("host " + host, source, destination, port, dscp, ttl, count))
    expect_equal({(host, *rest): count for (host, _, *rest), count in found.items()},
                 {key: SHOWN for key in flow.wanted}, f"{flow.title}: at the receivers")


class Stream(threading.Thread):
    """Sends EF packets one a millisecond until told to stop."""

    def __init__(self, network):
        super().__init__()
        self.sender, self.count, self.ends = UdpSender(network.sender, Crossroads.SERVER, 5000, dscp=46), 0, threading.Event()

    def run(self):
        while not self.ends.wait(0.001):
            self.sender.send(1, 100)
            self.count += 1


def show_rejection(network, receivers, daemon):
    heading("A broken file: dscp = 64, and a key that does not exist")
    before = daemon.generation()
    said = len(daemon.log())
    stream = Stream(network)
    stream.start()
    time.sleep(0.5)
    good = (daemon.directory / "10-ef-other-path.toml").read_text()
    bad = good.replace('dscp      = "ef"', "dscp      = 64").replace("next_hop =", "nexthop  =")
    daemon.write("10-ef-other-path.toml", bad)
    show("$ rudderd --reload")
    verdict = daemon.reload(check=False)
    show(verdict.stdout + verdict.stderr)
    show(f"exit status {verdict.returncode}")
    heading("What the daemon's log says")
    time.sleep(0.5)
    show(daemon.log()[said:])
    stream.ends.set()
    stream.join()
    heading("Meanwhile, under the old policy")
    found = receivers.arrived()
    show(f"{stream.count} EF packets sent while the file was broken, {sum(found.values())} arrived at "
         f"{', '.join(sorted({'host ' + key[0] for key in found}))}; generation {before} before, {daemon.generation()} after")
    expect_equal(verdict.returncode, 78, "exit status of rudderd --reload")
    expect("10-ef-other-path.toml:" in verdict.stdout + verdict.stderr, "the verdict does not name the file")
    expect_equal({key[0]: count for key, count in found.items()}, {"b": stream.count}, "EF packets at the receivers")
    expect_equal(daemon.generation(), before, "generation")
    daemon.write("10-ef-other-path.toml", good)
    daemon.reload()


def demo():
    heading("The lab: five network namespaces joined by veth pairs")
    print(PICTURE)
    network = Crossroads()
    network.sender.up("lo", "10.30.0.7/32")
    network.know_neighbours()
    receivers = Receivers(network.hosts)
    daemon = Daemon(network.router)
    for example in sorted([*EXAMPLES.glob("*.toml"), *EXAMPLES.glob("*.list")]):
        shutil.copy(example, daemon.directory)
    daemon.reload()
    show("rudderd runs on: " + " ".join(sorted(path.name for path in daemon.directory.iterdir())))
    for flow in FLOWS:
        show_flow(network, receivers, flow)
    for command in ("rules", "stats"):
        heading(f"rudderstat {command}")
        show(daemon.stat_text(command))
    show_rejection(network, receivers, daemon)
    heading("Stop")
    objects = daemon.kernel_objects()
    expect_equal(daemon.end(signal.SIGTERM), 0, "exit status of rudderd")
    until_freed(objects, "BPF objects of rudder after stop")
    show(f"of the {len(objects)} BPF programs, maps and links rudderd had, none is left")


harness.enter()
try:
    demo()
except harness.Failure as failure:
    heading("The demo failed")
    print(failure)
    harness.show_logs()
    sys.exit(1)
heading("Everything arrived as the rules say")
