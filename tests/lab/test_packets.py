#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packets out of the ordinary - TTL 1, no checksum, fragments, IP options, tags, ARP - are treated right."""
import select
import socket
import struct

from harness import expect, expect_equal, main
from lab import Crossroads, Daemon
from traffic import Capture, FrameSender, UdpReceiver, UdpSender, ethernet, ipv4, send_udp, udp

STEER = """
[[rule]]
name = "all-udp"
priority = 10
type = "steer"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "{server}"{match} }}
action = {{ via = "eth3"{action} }}
"""


def steer(server=Crossroads.SERVER, match="", action=', next_hop = "10.10.3.1"'):
    return {"10.toml": STEER.format(server=server, match=match, action=action)}


TO_C = ', dst_ip = "10.10.3.1"'
TO_C6 = ', dst_ip = "2001:db8:3::1"'


def _icmp_error(sender, level, option):
    """(type, code) of the ICMP error that reached a socket with IP_RECVERR set."""
    sender.socket.setsockopt(level, option, 1)
    sender.socket.sendto(b"probe", sender.target)
    poll = select.poll()
    poll.register(sender.socket, select.POLLERR)
    expect(poll.poll(2000), "no ICMP error came back")
    _, control, _, _ = sender.socket.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    data = next(data for lvl, kind, data in control if (lvl, kind) == (level, option))
    _, origin, kind, code = struct.unpack("=IBBB", data[:7])
    expect(origin in (2, 3), f"the error does not come from ICMP (origin {origin})")
    return kind, code


def ttl_1_goes_to_the_stack_and_the_sender_gets_time_exceeded():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    Daemon(lab.router, steer())
    sender = UdpSender(lab.sender, lab.SERVER, 5000, ttl=1)
    expect_equal(_icmp_error(sender, socket.IPPROTO_IP, 11), (11, 0), "ICMP type and code")
    expect(at_c.nothing(), "a packet with TTL 1 was forwarded")


def hop_limit_1_goes_to_the_stack_and_the_sender_gets_time_exceeded():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000, socket.AF_INET6)
    Daemon(lab.router, steer(lab.SERVER6, action=', next_hop = "2001:db8:3::1"'))
    sender = UdpSender(lab.sender, lab.SERVER6, 5000, ttl=1)
    expect_equal(_icmp_error(sender, socket.IPPROTO_IPV6, 25), (3, 0), "ICMPv6 type and code")
    expect(at_c.nothing(), "a packet with hop limit 1 was forwarded")


def ttl_2_arrives_as_1_and_255_as_254():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    Daemon(lab.router, steer())
    for sent, arrives in ((2, 1), (255, 254)):
        send_udp(lab.sender, lab.SERVER, 5000, 1, ttl=sent)
        expect_equal([d.ttl for d in at_c.collect(1)], [arrives], f"TTL {sent} at c")


def udp_checksum_0_stays_0_when_addresses_and_ports_are_rewritten():
    lab = Crossroads()
    at_c, frames = UdpReceiver(lab.c, 6000), Capture(lab.c, "eth0")
    Daemon(lab.router, steer(action=TO_C + ", dst_port = 6000", match=', ip_proto = "udp"'))
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5, 100, checksum=False)
    expect_equal([d.payload for d in at_c.collect(5)], sent, "datagrams at c")
    for frame in frames.frames(5, wanted=lambda f: b"." * 50 in f):
        expect_equal(frame[40:42], b"\0\0", "UDP checksum on the wire")


def _fragments_reassemble(server, family, action, destination):
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000, family)
    Daemon(lab.router, steer(server, action=action))
    sent = send_udp(lab.sender, server, 5000, 10, 8192)
    got = at_c.collect(10)
    expect_equal([d.payload for d in got], sent, "8 KB datagrams at c")
    expect_equal({d.destination for d in got}, {destination}, "destination")
    expect_equal(lab.c.udp_errors(), 0, "UDP errors at c")


def fragments_reassemble_at_the_receiver_without_rewrite():
    _fragments_reassemble(Crossroads.SERVER, socket.AF_INET, ', next_hop = "10.10.3.1"', Crossroads.SERVER)


def fragments_reassemble_at_the_receiver_after_a_rewrite_of_the_address():
    _fragments_reassemble(Crossroads.SERVER, socket.AF_INET, TO_C, "10.10.3.1")


def ipv6_fragments_reassemble_at_the_receiver_after_a_rewrite_of_the_address():
    _fragments_reassemble(Crossroads.SERVER6, socket.AF_INET6, TO_C6, "2001:db8:3::1")


def fragments_of_a_replicated_stream_reassemble_at_both_targets():
    lab = Crossroads()
    receivers = [UdpReceiver(lab.b, 5000), UdpReceiver(lab.c, 5000)]
    Daemon(lab.router, {"10.toml": """
[[rule]]
name = "copies"
priority = 10
type = "replicate"
match = { interface = "eth0", dst_ip = "239.1.1.1" }
[[rule.action.targets]]
dst_ip = "10.10.2.1"
via = "eth2"
[[rule.action.targets]]
dst_ip = "10.10.3.1"
via = "eth3"
"""})
    lab.know_neighbours()
    sent = send_udp(lab.sender, "239.1.1.1", 5000, 10, 8192, ttl=5)
    for receiver in receivers:
        expect_equal([d.payload for d in receiver.collect(10)], sent, f"8 KB datagrams at {receiver.namespace.name}")


def a_later_fragment_never_matches_a_port():
    lab = Crossroads()
    at_a, at_c = Capture(lab.a, "eth0"), Capture(lab.c, "eth0")
    Daemon(lab.router, steer(match=', ip_proto = "udp", dst_port = 5000', action=', next_hop = "10.10.3.1"'))
    lab.know_neighbours()
    frames = FrameSender(lab.sender, "eth0")
    # Bytes 2-3 of a later fragment's payload look like the port of the rule.
    packet = ipv4(lab.SENDER, lab.SERVER, struct.pack(">HH", 5000, 5000) + b"later fragment" * 4, fragment=100)
    frames.send(ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet))
    got = at_a.frames(1, wanted=lambda f: b"later fragment" in f)
    expect_equal(len(got), 1, "later fragments at a, by the kernel's route")
    expect_equal(got[0][34:], packet[20:], "the fragment's payload")
    expect_equal(len(at_c.frames(1, 0.2, lambda f: b"later fragment" in f)), 0, "later fragments at c")


def _udp_frame(lab, packet, ethertype=0x0800):
    return ethernet(lab.router.mac("eth0"), lab.sender.mac("eth0"), packet, ethertype)


def ip_options_move_the_ports_and_nothing_else():
    lab = Crossroads()
    frames_at_c, at_c = Capture(lab.c, "eth0"), UdpReceiver(lab.c, 6000)
    Daemon(lab.router, steer(match=', ip_proto = "udp", dst_port = 5000', action=TO_C + ", dst_port = 6000"))
    lab.know_neighbours()
    options = bytes([1, 1, 1, 0])
    payload = b"with options " * 3
    packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, payload), options=options, ttl=9, tos=0x15)
    FrameSender(lab.sender, "eth0").send(_udp_frame(lab, packet))
    expect_equal([d.payload for d in at_c.collect(1)], [payload], "datagram at c")
    wanted = ipv4(lab.SENDER, "10.10.3.1", udp(lab.SENDER, "10.10.3.1", 4000, 6000, payload), options=options, ttl=8, tos=0x15)
    expect_equal(frames_at_c.frames(1, wanted=lambda f: b"with options" in f)[0][14:], wanted, "the whole packet at c")


def ecn_bits_stay_when_the_dscp_is_rewritten():
    lab = Crossroads()
    frames_at_c = Capture(lab.c, "eth0")
    Daemon(lab.router, steer(action=TO_C + ', dscp = "ef"'))
    lab.know_neighbours()
    for ecn in range(4):
        packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, b"ecn bits"), tos=(10 << 2) | ecn)
        FrameSender(lab.sender, "eth0").send(_udp_frame(lab, packet))
    got = frames_at_c.frames(4, wanted=lambda f: b"ecn bits" in f)
    expect_equal([f[15] for f in got], [(46 << 2) | ecn for ecn in range(4)], "TOS octets at c")


def odd_lengths_keep_right_checksums():
    lab = Crossroads()
    lab.sender.exec("ethtool", "-K", "eth0", "tx", "off")
    at_c = UdpReceiver(lab.c, 6000)
    Daemon(lab.router, steer(match=', ip_proto = "udp"', action=TO_C + ", dst_port = 6000, src_port = 77"))
    lab.know_neighbours()
    sender = UdpSender(lab.sender, lab.SERVER, 5000)
    payloads = [bytes(range(n % 256)) * 3 for n in range(1, 120)]
    for payload in payloads:
        sender.socket.sendto(payload, sender.target)
    expect_equal([d.payload for d in at_c.collect(len(payloads))], payloads, "datagrams at c")
    expect_equal(lab.c.udp_errors(), 0, "UDP errors at c")


def what_is_not_ours_is_untouched():
    """Other protocols, tagged frames, bad headers and truncated packets leave no trace in the counters."""
    lab = Crossroads()
    at_c = Capture(lab.c, "eth0")
    daemon = Daemon(lab.router, steer())
    lab.know_neighbours()
    send = FrameSender(lab.sender, "eth0").send
    good = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, b"not ours"))
    send(_udp_frame(lab, struct.pack(">HH", 100, 0x0800) + good, 0x8100))      # VLAN 100
    send(_udp_frame(lab, good[:15], 0x0800))                                  # truncated
    send(_udp_frame(lab, good, 0x88CC))                                        # LLDP by its type
    send(_udp_frame(lab, b"\x65" + good[1:], 0x0800))                         # version 6 in an IPv4 frame
    send(_udp_frame(lab, b"\x44" + good[1:], 0x0800))                         # header length 4
    send(_udp_frame(lab, good[:10] + b"\xde\xad" + good[12:], 0x0800))        # bad header checksum
    expect_equal(at_c.frames(1, 0.4, lambda f: b"not ours" in f), [], "frames at c")
    expect_equal(daemon.packets("all-udp"), 0, "packets counted")


def special_addresses_match_only_a_rule_that_asks_for_them():
    lab = Crossroads()
    at_c = UdpReceiver(lab.c, 5000)
    rule = STEER.format(server="0.0.0.0/0", match=', ip_proto = "udp"', action=', dst_ip = "10.10.3.1"')
    daemon = Daemon(lab.router, {"10.toml": rule})
    lab.know_neighbours()
    send = FrameSender(lab.sender, "eth0").send
    for source, destination in ((lab.SENDER, "224.0.0.5"), (lab.SENDER, "255.255.255.255"), ("127.0.0.1", lab.SERVER),
                                (lab.SENDER, "169.254.1.1"), ("0.0.0.0", "255.255.255.255"), ("239.1.1.1", lab.SERVER)):
        send(_udp_frame(lab, ipv4(source, destination, udp(source, destination, 68, 5000, b"special"))))
    group = ethernet("01:00:5e:01:01:01", lab.sender.mac("eth0"), ipv4(lab.SENDER, "239.1.1.1", udp(lab.SENDER, "239.1.1.1", 1, 5000, b"group")))
    send(group)
    expect(at_c.nothing(), "a special packet was steered")
    expect_equal(daemon.packets("all-udp"), 0, "packets counted")


def icmp_echo_is_steered_and_answered():
    lab = Crossroads()
    daemon = Daemon(lab.router, steer())
    for size in (56, 8000):
        lab.sender.exec("ping", "-c3", "-i0.05", "-W2", "-s", size, lab.SERVER)
    expect(daemon.packets("all-udp") >= 6, "echo requests did not match")


main(__doc__,
     ttl_1_goes_to_the_stack_and_the_sender_gets_time_exceeded,
     hop_limit_1_goes_to_the_stack_and_the_sender_gets_time_exceeded,
     ttl_2_arrives_as_1_and_255_as_254,
     udp_checksum_0_stays_0_when_addresses_and_ports_are_rewritten,
     fragments_reassemble_at_the_receiver_without_rewrite,
     fragments_reassemble_at_the_receiver_after_a_rewrite_of_the_address,
     ipv6_fragments_reassemble_at_the_receiver_after_a_rewrite_of_the_address,
     fragments_of_a_replicated_stream_reassemble_at_both_targets,
     a_later_fragment_never_matches_a_port,
     ip_options_move_the_ports_and_nothing_else,
     ecn_bits_stay_when_the_dscp_is_rewritten,
     odd_lengths_keep_right_checksums,
     what_is_not_ours_is_untouched,
     special_addresses_match_only_a_rule_that_asks_for_them,
     icmp_echo_is_steered_and_answered)
