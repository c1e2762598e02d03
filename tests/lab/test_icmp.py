#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sender of a packet that a rule cannot send - too big for the egress interface, TTL expired - is told by ICMP."""
import hashlib
import os
import re
import select
import socket
import struct
import threading
import time

from harness import clear, expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import Capture, FrameSender, Tun, UdpReceiver, UdpSender, checksum, ethernet, ipv4, udp

MTU = 1300
SIZE = 4 << 20
DATA = os.urandom(1 << 16) * (SIZE >> 16)
NEXT_HOP = {socket.AF_INET: "10.10.2.1", socket.AF_INET6: "2001:db8:2::1"}
RULE = """
[[rule]]
name = "steer"
priority = 10
type = "steer"
match = {{ interface = "{interface}", direction = "{direction}", dst_ip = "{dst}"{match} }}
action = {{ via = "eth2", next_hop = "{next_hop}"{action} }}
"""
NO_ICMP_OUT = """
[[rule]]
name = "no-icmp-out"
priority = 20
type = "drop"
match = { interface = "eth0", direction = "egress", ip_proto = "icmp" }
"""


NO_ICMP_IN = """
[[rule]]
name = "no-icmp-in"
priority = 30
type = "drop"
match = { interface = "eth1", direction = "ingress", ip_proto = "icmp" }
"""


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def rule(dst=Crossroads.SERVER, interface="eth0", direction="ingress", match="", action=""):
    return RULE.format(interface=interface, direction=direction, dst=dst, match=match, action=action,
                       next_hop=NEXT_HOP[family_of(dst)])


def crossroads(mtu=MTU):
    """The steer leads over a small MTU to b; the kernel's own route leads to a."""
    lab = Crossroads()
    lab.router.ip("link", "set", "eth2", "mtu", mtu)
    lab.know_neighbours()
    return lab


def reason(daemon, name):
    return daemon.stat("stats")["reasons"].get(name, 0)


def _receive_all(listener, verdict):
    connection, _ = listener.accept()
    connection.settimeout(20)
    digest = hashlib.sha256()
    while data := connection.recv(1 << 18):
        digest.update(data)
    verdict.append(digest.hexdigest())
    connection.close()


def upload(server, client, address, port=8080):
    """SIZE bytes from client to server; returns the maximum segment size the client has come to."""
    with server.entered():
        listener = socket.socket(family_of(address), socket.SOCK_STREAM)
    listener.settimeout(10)
    listener.bind(("", port))
    listener.listen()
    verdict = []
    thread = threading.Thread(target=_receive_all, args=(listener, verdict), daemon=True)
    thread.start()
    with client.entered():
        connection = socket.socket(family_of(address), socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect((address, port))
    connection.sendall(DATA)
    size = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    connection.close()
    thread.join(20)
    expect_equal(verdict, [hashlib.sha256(DATA).hexdigest()], "content at the server")
    return size


def known_mtu(namespace, address):
    """The path MTU the namespace has learned for an address; None: nothing."""
    found = re.search(r"\bmtu (\d+)", namespace.ip("route", "get", address).stdout)
    return int(found[1]) if found else None


def _tcp_finds_its_path_mtu(server, prepare=lambda lab: None):
    lab = crossroads()
    prepare(lab)
    daemon = Daemon(lab.router, {"10.toml": rule(server, match=', ip_proto = "tcp"')})
    segment = upload(lab.b, lab.sender, server)
    expect(segment < MTU, f"segments of {segment} bytes")
    expect_equal(known_mtu(lab.sender, server), MTU, "the sender's path MTU")
    expect(0 < reason(daemon, "icmp-sent") <= reason(daemon, "too-big"), "no ICMP error was counted")
    expect_equal(sum(lab.sender.counter(n) for n in ("Icmp.InErrors", "Icmp.InCsumErrors", "Icmp6InErrors", "Icmp6InCsumErrors")), 0,
                 "bad ICMP messages at the sender")
    expect_equal(lab.a.counter("Tcp.OutRsts"), 0, "segments that went the kernel's way")


def _offloads(state):
    def prepare(lab):
        lab.sender.offloads("eth0", state)
        for number in range(3):
            lab.router.offloads(f"eth{number}", state)
    return prepare


def _checksums_at_the_router(lab):
    """The sender leaves checksums to its device; the router's must complete those in packets that leave by it."""
    lab.router.exec("ethtool", "-K", "eth0", "tx", "off")


def tcp_finds_its_path_mtu_with_segmentation_offload():
    _tcp_finds_its_path_mtu(Crossroads.SERVER, _offloads("on"))


def tcp_finds_its_path_mtu_without_offloads():
    _tcp_finds_its_path_mtu(Crossroads.SERVER, _offloads("off"))


def tcp_finds_its_path_mtu_when_the_quoted_checksum_is_completed_on_the_way():
    _tcp_finds_its_path_mtu(Crossroads.SERVER, _checksums_at_the_router)


def tcp_over_ipv6_finds_its_path_mtu_with_segmentation_offload():
    _tcp_finds_its_path_mtu(Crossroads.SERVER6, _offloads("on"))


def tcp_over_ipv6_finds_its_path_mtu_without_offloads():
    _tcp_finds_its_path_mtu(Crossroads.SERVER6, _offloads("off"))


def tcp_over_ipv6_finds_its_path_mtu_when_the_quoted_checksum_is_completed_on_the_way():
    _tcp_finds_its_path_mtu(Crossroads.SERVER6, _checksums_at_the_router)


def segments_with_options_that_just_do_not_fit_are_not_lost():
    """The MTU is between what a segment is with 20 bytes of TCP header and what it is with the 32 it has."""
    for mtu in (1495, 1499):
        lab = crossroads(mtu)
        daemon = Daemon(lab.router, {"10.toml": rule(match=', ip_proto = "tcp"')})
        upload(lab.b, lab.sender, lab.SERVER)
        expect_equal(known_mtu(lab.sender, lab.SERVER), mtu, "the sender's path MTU")
        expect(reason(daemon, "icmp-sent") > 0, "no ICMP error was counted")
        clear()


def ping_shows_the_error_and_from_whom():
    lab = crossroads()
    Daemon(lab.router, {"10.toml": rule()})
    text = lab.sender.exec("ping", "-M", "do", "-s", "1400", "-c1", "-W1", lab.SERVER, check=False).stdout
    expect("From 10.10.0.1 " in text and "mtu = 1300" in text, f"ping said:\n{text}")
    lab.sender.exec("ping", "-M", "do", "-s", "1272", "-c2", "-W1", "-i0.2", lab.SERVER)


def ping_over_ipv6_shows_the_error_and_from_whom():
    lab = crossroads()
    Daemon(lab.router, {"10.toml": rule(Crossroads.SERVER6)})
    text = lab.sender.exec("ping", "-M", "do", "-s", "1400", "-c1", "-W1", lab.SERVER6, check=False).stdout
    expect("From 2001:db8::1 " in text and "mtu=1300" in text, f"ping said:\n{text}")
    lab.sender.exec("ping", "-M", "do", "-s", "1252", "-c2", "-W1", "-i0.2", lab.SERVER6)


def the_error_on_the_wire_is_a_whole_and_right_message():
    lab = crossroads()
    Daemon(lab.router, {"10.toml": rule() + NO_ICMP_OUT})
    frames = Capture(lab.sender, "eth0")
    packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, b"!" * 1400), fragment=0x4000, tos=0x15, ttl=33)
    FrameSender(lab.sender, "eth0").send(ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet))
    got = frames.frames(1, wanted=lambda f: f[12:14] == b"\x08\x00" and f[23] == 1)
    icmp = struct.pack(">BBHHH", 3, 4, 0, 0, MTU) + packet[:548]
    icmp = icmp[:2] + struct.pack(">H", checksum(icmp)) + icmp[4:]
    wanted = ipv4("10.10.0.1", lab.SENDER, icmp, protocol=1, tos=0xC0, identification=0, fragment=0x4000)
    expect_equal(got, [ethernet(lab.sender.mac("eth0"), lab.router.mac("eth0"), wanted)], "frames at the sender")


def _error_of(sender, seconds=2):
    """(offender, type, code, MTU) of the next ICMP error at a socket with IP_RECVERR set."""
    poll = select.poll()
    poll.register(sender.socket, select.POLLERR)
    expect(poll.poll(seconds * 1000), "no ICMP error came back")
    _, control, _, _ = sender.socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
    data = next(data for level, kind, data in control if (level, kind) in ((socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)))
    _, origin, kind, code, _, info, _ = struct.unpack("=IBBBBII", data[:16])
    offender = data[16:]
    family = struct.unpack("=H", offender[:2])[0]
    address = socket.inet_ntop(family, offender[4:8] if family == socket.AF_INET else offender[8:24])
    return address, kind, code, info


def _with_errors(sender, is_v6):
    sender.socket.setsockopt(*((socket.IPPROTO_IPV6, 25, 1) if is_v6 else (socket.IPPROTO_IP, 11, 1)))
    return sender


def traceroute_sees_the_hop_though_the_kernel_does_not_forward():
    for server, own, kind in ((Crossroads.SERVER, "10.10.0.1", 11), (Crossroads.SERVER6, "2001:db8::1", 3)):
        for forwarding in (1, 0):
            lab = crossroads()
            at_b = UdpReceiver(lab.b, 33434, family_of(server))
            for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
                lab.router.sysctl(key, forwarding)
            # Turning IPv6 forwarding off and on touches addresses and routes.
            until(lambda: "2001:db8::1" in lab.router.ip("address", "show", "dev", "eth0").stdout, "addresses of the router")
            daemon = Daemon(lab.router, {"10.toml": rule(server)})
            sender = _with_errors(UdpSender(lab.sender, server, 33434, ttl=1), ":" in server)
            sender.socket.sendto(b"first hop", sender.target)
            expect_equal(_error_of(sender)[:3], (own, kind, 0), f"the first hop, forwarding = {forwarding}")
            expect_equal(reason(daemon, "icmp-sent"), 1 - forwarding, "errors sent by rudder")
            second = UdpSender(lab.sender, server, 33434, ttl=2)
            second.socket.sendto(b"second hop", second.target)
            expect_equal([d.payload for d in at_b.collect(1)], [b"second hop"], "datagrams at b")
            clear()


def what_may_be_fragmented_is_left_to_a_stack_that_sends_it_the_same_way():
    """on_failure = "drop" keeps packets off other ways; this one is the same, and the stack can fragment."""
    lab = crossroads()
    lab.router.ip("route", "replace", "10.20.0.0/16", "via", "10.10.2.1")
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": rule(action=', on_failure = "drop"')})
    sender = UdpSender(lab.sender, lab.SERVER, 5000)
    sender.socket.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_PMTUDISC_DONT
    payloads = sender.send(5, 1400)
    expect_equal([d.payload for d in at_b.collect(5)], payloads, "datagrams at b")
    expect_equal((reason(daemon, "too-big"), reason(daemon, "icmp-sent")), (5, 0), "counted")


def what_may_be_fragmented_and_has_another_way_passes_or_is_dropped_and_told():
    lab = crossroads()
    at_a, at_b = UdpReceiver(lab.a, 5000), UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": rule()})
    sender = UdpSender(lab.sender, lab.SERVER, 5000)
    sender.socket.setsockopt(socket.IPPROTO_IP, 10, 0)
    payloads = sender.send(5, 1400)
    expect_equal([d.payload for d in at_a.collect(5)], payloads, "datagrams at a, by the kernel's way")
    daemon.set({"10.toml": rule(action=', on_failure = "drop"')})
    sender.send(1, 1400)
    until(lambda: known_mtu(lab.sender, lab.SERVER) == MTU, "the sender learns the MTU")
    payloads = sender.send(5, 1400)
    expect_equal([d.payload for d in at_b.collect(5)], payloads, "datagrams at b, fragmented by their sender")
    expect(at_a.nothing(0.1), "a datagram went the kernel's way")


def _local_sender_finds_its_path_mtu(server, rp_filter):
    lab = crossroads()
    lab.router.sysctl("ipv4.conf.eth1.rp_filter", rp_filter)
    daemon = Daemon(lab.router, {"10.toml": rule(server, "eth1", "egress", ', ip_proto = "tcp"') + NO_ICMP_IN})
    upload(lab.b, lab.router, server)
    expect_equal(known_mtu(lab.router, server), MTU, "the path MTU")
    expect(reason(daemon, "icmp-sent") > 0, "no ICMP error was counted")


def a_local_sender_finds_its_path_mtu_at_egress():
    _local_sender_finds_its_path_mtu(Crossroads.SERVER, 0)


def a_local_sender_finds_its_path_mtu_at_egress_with_a_strict_reverse_path_filter():
    _local_sender_finds_its_path_mtu(Crossroads.SERVER, 1)


def a_local_sender_finds_its_path_mtu_at_egress_over_ipv6():
    _local_sender_finds_its_path_mtu(Crossroads.SERVER6, 0)


def what_the_kernel_forwarded_to_an_egress_rule_is_answered_too():
    for server in (Crossroads.SERVER, Crossroads.SERVER6):
        lab = crossroads()
        daemon = Daemon(lab.router, {"10.toml": rule(server, "eth1", "egress", ', ip_proto = "tcp"')})
        upload(lab.b, lab.sender, server)
        expect_equal(known_mtu(lab.sender, server), MTU, "the sender's path MTU")
        expect(reason(daemon, "icmp-sent") > 0, "no ICMP error was counted")
        clear()


def a_sender_behind_a_tun_device_is_told():
    lab = crossroads()
    tun = Tun(lab.router, "tun0", "10.10.7.1/24")
    Daemon(lab.router, {"10.toml": rule(interface="tun0")})
    packet = ipv4("10.10.7.2", lab.SERVER, udp("10.10.7.2", lab.SERVER, 4000, 5000, b"!" * 1400), fragment=0x4000)
    tun.write(packet)
    icmp = struct.pack(">BBHHH", 3, 4, 0, 0, MTU) + packet[:548]
    icmp = icmp[:2] + struct.pack(">H", checksum(icmp)) + icmp[4:]
    wanted = ipv4("10.10.7.1", "10.10.7.2", icmp, protocol=1, tos=0xC0, identification=0, fragment=0x4000)
    expect_equal(tun.read(1, protocol=1), [wanted], "packets on the tun device")


def errors_are_limited_and_what_is_not_told_is_counted():
    lab = crossroads()
    daemon = Daemon(lab.router, {"10.toml": rule()})
    packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, b"!" * 1400), fragment=0x4000)
    frame = ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet)
    frames, start = FrameSender(lab.sender, "eth0"), time.monotonic()
    for _ in range(5000):
        frames.send(frame)
    until(lambda: daemon.packets("steer") == 5000, "all packets counted")
    seconds = time.monotonic() - start
    told, limited = reason(daemon, "icmp-sent"), reason(daemon, "icmp-limited")
    expect_equal((reason(daemon, "too-big"), told + limited), (5000, 5000), "packets counted as too big, and what became of them")
    most = (50 + 1000 * seconds) * os.cpu_count()
    expect(50 <= told <= most and limited > 0, f"{told} told, {limited} not, in {seconds:.1f} s: at most {most:.0f}")


def no_packet_is_lost_without_a_count():
    """Small and big, steered and answered: every packet that came is one that arrived or one that was counted."""
    lab = crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10.toml": rule()})
    sender = UdpSender(lab.sender, lab.SERVER, 5000)
    sender.socket.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_PMTUDISC_PROBE: DF, whatever the path MTU
    for number in range(100):
        sender.socket.sendto(b"." * (1400 if number % 3 == 0 else 900), sender.target)
    expect_equal(len(at_b.collect(66)), 66, "datagrams at b")
    expect_equal((daemon.packets("steer"), reason(daemon, "too-big")), (100, 34), "packets matched, and too big")
    expect_equal(reason(daemon, "icmp-sent") + reason(daemon, "icmp-limited"), 34, "packets answered or not")


main(__doc__,
     tcp_finds_its_path_mtu_with_segmentation_offload,
     tcp_finds_its_path_mtu_without_offloads,
     tcp_finds_its_path_mtu_when_the_quoted_checksum_is_completed_on_the_way,
     tcp_over_ipv6_finds_its_path_mtu_with_segmentation_offload,
     tcp_over_ipv6_finds_its_path_mtu_without_offloads,
     tcp_over_ipv6_finds_its_path_mtu_when_the_quoted_checksum_is_completed_on_the_way,
     segments_with_options_that_just_do_not_fit_are_not_lost,
     ping_shows_the_error_and_from_whom,
     ping_over_ipv6_shows_the_error_and_from_whom,
     the_error_on_the_wire_is_a_whole_and_right_message,
     traceroute_sees_the_hop_though_the_kernel_does_not_forward,
     what_may_be_fragmented_is_left_to_a_stack_that_sends_it_the_same_way,
     what_may_be_fragmented_and_has_another_way_passes_or_is_dropped_and_told,
     a_local_sender_finds_its_path_mtu_at_egress,
     a_local_sender_finds_its_path_mtu_at_egress_with_a_strict_reverse_path_filter,
     a_local_sender_finds_its_path_mtu_at_egress_over_ipv6,
     what_the_kernel_forwarded_to_an_egress_rule_is_answered_too,
     a_sender_behind_a_tun_device_is_told,
     errors_are_limited_and_what_is_not_told_is_counted,
     no_packet_is_lost_without_a_count)
