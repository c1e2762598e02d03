#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mirror rule with `snap` copies the heads of frames; the originals stay whole."""
import hashlib
import os
import socket
import struct
import threading

from harness import expect, expect_equal, main, proves, until
from lab import Crossroads, Daemon
from traffic import Capture, FrameSender, OffloadedTags, Tun, UdpReceiver, ethernet, ipv4, ipv6, send_udp, udp

RULE = """[[rule]]
name = "{name}"
priority = {priority}
type = "mirror"
match = {{ interface = "eth0", direction = "{direction}"{match} }}
action = {{ {action} }}
"""
STREAM_BYTES = 8 << 20


def rule(action, name="heads", priority=10, direction="ingress", match=""):
    return {f"{priority}.toml": RULE.format(name=name, priority=priority, action=action, direction=direction, match=match)}


def _is_test_udp(frame):
    """UDP to or from port 5000, without options or extension headers."""
    at = 14 + (20 if frame[12:14] == b"\x08\x00" else 40)
    return frame[at - 20 + 9 if at == 34 else 20] == 17 and 5000 in struct.unpack(">HH", frame[at:at + 4])


def _frames(lab, sizes):
    """IPv4 and IPv6 frames of the sender with so many bytes of payload."""
    macs = (lab.router.mac("eth0"), lab.sender.mac("eth0"))
    for size in sizes:
        content = bytes(number & 0xFF for number in range(size))
        yield ethernet(*macs, ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, content)))
        yield ethernet(*macs, ipv6(lab.SENDER6, lab.SERVER6, udp(lab.SENDER6, lab.SERVER6, 4000, 5000, content)), 0x86DD)


def _egress_hook(daemon, name):
    """The egress hook of an interface as the daemon shows it, or None."""
    hooks = [hook for i in daemon.stat("interfaces")["interfaces"] if i["name"] == name for hook in i["hooks"]]
    return next((hook for hook in hooks if hook["direction"] == "egress"), None)


@proves("snap", "wire", "v4/ingress", "v6/ingress")
def heads_arrive_and_the_originals_are_whole():
    lab = Crossroads()
    capture, receivers = Capture(lab.b, "eth0"), [UdpReceiver(lab.a, 5000), UdpReceiver(lab.a, 5000, socket.AF_INET6)]
    daemon = Daemon(lab.router, rule('via = "eth2", snap = 96', match=', ip_proto = "udp"'))
    lab.know_neighbours()
    sent = list(_frames(lab, (0, 1, 33, 34, 35, 54, 55, 700, 1452)))
    sender = FrameSender(lab.sender, "eth0")
    for frame in sent:
        sender.send(frame)
    expect_equal(capture.frames(len(sent), wanted=_is_test_udp), [frame[:96] for frame in sent], "frames at b")
    for receiver, header in zip(receivers, (42, 62)):
        wanted = [frame[header:] for frame in sent if (frame[12:14] == b"\x08\x00") == (header == 42)]
        expect_equal([datagram.payload for datagram in receiver.collect(len(wanted))], wanted, "originals")
    target = daemon.rule("heads")["targets"][0]
    expect_equal((target["snap"], target["packets"], target["bytes"]), (96, len(sent), sum(map(len, sent))), "snap and counts")


def what_the_kernel_has_still_to_checksum_is_cut_as_well():
    lab = Crossroads()
    capture, receiver = Capture(lab.b, "eth0"), UdpReceiver(lab.a, 5000)
    Daemon(lab.router, rule('via = "eth2", snap = 64', match=', ip_proto = "udp"'))
    lab.know_neighbours()
    payloads = send_udp(lab.sender, lab.SERVER, 5000, 20, 1200)
    expect_equal([len(frame) for frame in capture.frames(20, wanted=_is_test_udp)], [64] * 20, "lengths at b")
    expect_equal([datagram.payload for datagram in receiver.collect(20)], payloads, "originals, their checksums verified")


def _serve(listener, verdict):
    connection, _ = listener.accept()
    connection.settimeout(20)
    digest, left = hashlib.sha256(), STREAM_BYTES
    while left and (data := connection.recv(1 << 18)):
        digest.update(data)
        left -= len(data)
    verdict.append(digest.hexdigest())
    connection.close()


def _stream(lab, server, address):
    """Sends STREAM_BYTES over TCP; they must arrive as they were."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with server.entered():
        listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.settimeout(10)
    listener.bind(("", 8080))
    listener.listen()
    verdict = []
    thread = threading.Thread(target=_serve, args=(listener, verdict), daemon=True)
    thread.start()
    with lab.sender.entered():
        connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect((address, 8080))
    block = os.urandom(STREAM_BYTES)
    connection.sendall(block)
    thread.join(20)
    connection.close()
    listener.close()
    expect_equal(verdict, [hashlib.sha256(block).hexdigest()], "what the server has read")


def a_stream_of_large_segments_is_cut_and_arrives():
    lab = Crossroads()
    capture = Capture(lab.b, "eth0")
    both = rule('via = "eth2", snap = 80', match=', ip_proto = "tcp"')
    both.update(rule('via = "eth2", snap = 80', "back", 11, "egress", ', ip_proto = "tcp"'))
    daemon = Daemon(lab.router, both)
    lab.know_neighbours()
    for address, ip_bytes in ((lab.SERVER, 20), (lab.SERVER6, 40)):
        _stream(lab, lab.a, address)
        frames = capture.frames(30, settle=0.3, wanted=lambda frame: frame[23 if ip_bytes == 20 else 20] == 6)
        expect(len(frames) > 30, f"only {len(frames)} frames")
        expect_equal({len(frame) for frame in frames} - set(range(14 + ip_bytes + 20, 81)), set(), "lengths of frames at b that are none of a head")
        lengths = [struct.unpack(">H", frame[16:18] if ip_bytes == 20 else frame[18:20])[0] for frame in frames]
        expect(max(lengths) > 2 * 1500, f"no large segment was cut: at most {max(lengths)} bytes")
    for name in ("heads", "back"):
        target = daemon.rule(name)["targets"][0]
        expect(target["packets"] > 30 and not target.get("failures"), f"{name}: {target}")


def the_hook_for_the_cut_comes_and_goes_with_the_rule():
    lab = Crossroads()
    capture = Capture(lab.b, "eth0")
    daemon = Daemon(lab.router, rule('via = "eth2", snap = 100', match=', ip_proto = "udp"'))
    lab.know_neighbours()
    hook = _egress_hook(daemon, "eth2")
    expect_equal((hook["state"], hook["rules"]), ("attached", 0), "the egress hook of eth2")
    for action, length, has_hook in (('via = "eth2", snap = 100', 100, True), ('via = "eth2", snap = 200', 200, True),
                                     ('via = "eth2"', 1042, False), ('via = "eth2", snap = 64', 64, True)):
        daemon.set(rule(action, match=', ip_proto = "udp"'))
        expect_equal(_egress_hook(daemon, "eth2") is not None, has_hook, f"an egress hook on eth2 for {action}")
        send_udp(lab.sender, lab.SERVER, 5000, 5, 1000)
        expect_equal([len(frame) for frame in capture.frames(5, wanted=_is_test_udp)], [length] * 5, f"lengths for {action}")
    daemon.set(rule('via = "eth3", snap = 64'))
    expect_equal((_egress_hook(daemon, "eth2"), _egress_hook(daemon, "eth3")["state"]), (None, "attached"), "egress hooks of eth2 and eth3")
    daemon.end()
    shown = lab.router.tc("filter", "show", "dev", "eth3", "egress").stdout + lab.router.exec("bpftool", "-j", "net", "show").stdout
    expect("rudder" not in shown, f"left behind: {shown}")


def a_device_that_comes_later_gets_its_hook():
    lab = Crossroads()
    daemon = Daemon(lab.router, rule('via = ["eth9", "eth2"], snap = 64', match=', ip_proto = "udp"'))
    lab.know_neighbours()
    lab.router.ip("link", "add", "eth9", "type", "veth", "peer", "name", "far9")
    for device in ("eth9", "far9"):
        lab.router.ip("link", "set", device, "up")
    until(lambda: (_egress_hook(daemon, "eth9") or {}).get("state") == "attached", "the egress hook of eth9")
    until(lambda: daemon.rule("heads")["targets"][0]["state"] not in ("deferred", "link-down"), "the target is ready")
    captures = [Capture(lab.router, "far9"), Capture(lab.b, "eth0")]
    send_udp(lab.sender, lab.SERVER, 5000, 5, 1000)
    for capture in captures:
        expect_equal([len(frame) for frame in capture.frames(5, wanted=_is_test_udp)], [64] * 5, "lengths")


def whole_copies_share_a_device_with_cut_ones():
    lab = Crossroads()
    capture = Capture(lab.b, "eth0")
    files = rule('via = "eth2", snap = 64', match=', dst_port = 5000, ip_proto = "udp"')
    files.update(rule('via = "eth2"', "whole", 11, match=', ip_proto = "udp"'))
    daemon = Daemon(lab.router, files)
    lab.know_neighbours()
    for port in (5000, 5001, 5000):
        send_udp(lab.sender, lab.SERVER, port, 3, 1000, source_port=5000)
    expect_equal([len(frame) for frame in capture.frames(9, wanted=_is_test_udp)], [64] * 3 + [1042] * 3 + [64] * 3, "lengths at b")
    expect_equal([daemon.rule(name)["targets"][0]["packets"] for name in ("heads", "whole")], [6, 3], "copies counted")


def _in_vlan_5(_, tci):
    return tci is not None and tci & 0xFFF == 5


def a_tag_counts_wherever_the_kernel_keeps_it():
    lab = Crossroads()
    capture = OffloadedTags(lab.b)
    Daemon(lab.router, rule('via = "eth2", snap = 96', match=', vlan = "any"'))
    packet = ipv4(lab.SENDER, lab.SERVER, udp(lab.SENDER, lab.SERVER, 4000, 5000, bytes(500)))
    macs = (lab.router.mac("eth0"), lab.sender.mac("eth0"))
    sender = FrameSender(lab.sender, "eth0")
    sender.send(ethernet(*macs, struct.pack(">HH", 5, 0x0800) + packet, 0x8100))
    expect_equal(capture.frame(_in_vlan_5)[0], ethernet(*macs, packet)[:92], "the frame at b, without its tag of 4 bytes")
    sender.send(ethernet(*macs, struct.pack(">HHHH", 5, 0x8100, 6, 0x0800) + packet, 0x8100))
    expect_equal(capture.frame(_in_vlan_5)[0], ethernet(*macs, struct.pack(">HH", 6, 0x0800) + packet, 0x8100)[:92], "with two tags")


def a_tun_device_gets_the_head_of_the_packet():
    lab = Crossroads()
    tun = Tun(lab.router, "tun0", "10.10.7.1/24")
    Daemon(lab.router, rule('via = "tun0", snap = 64', match=', ip_proto = "udp"'))
    lab.know_neighbours()
    sent = list(_frames(lab, (10, 700)))
    sender = FrameSender(lab.sender, "eth0")
    for frame in sent:
        sender.send(frame)
    got = [packet for packet in tun.read(4, protocol=17)]
    expect_equal(got, [frame[14:78] for frame in sent], "packets on the tun device")


def _add_tunnel(lab):
    """A tunnel of Ethernet in UDP from the router to host b, which shows there as vx0."""
    for host, own, other, device in ((lab.router, "10.10.2.254", "10.10.2.1", "eth2"), (lab.b, "10.10.2.1", "10.10.2.254", "eth0")):
        host.ip("link", "add", "vx0", "type", "vxlan", "id", "7", "local", own, "remote", other, "dstport", "4789", "dev", device)
        host.ip("link", "set", "vx0", "up")


def heads_go_through_a_tunnel():
    lab = Crossroads()
    _add_tunnel(lab)
    Daemon(lab.router, rule('via = "vx0", snap = 128', match=', ip_proto = "udp"'))
    lab.know_neighbours()
    capture, errors = Capture(lab.b, "vx0"), lab.b.udp_errors()
    sent = list(_frames(lab, (10, 700, 1452)))
    sender = FrameSender(lab.sender, "eth0")
    for frame in sent:
        sender.send(frame)
    expect_equal(capture.frames(len(sent), wanted=_is_test_udp), [frame[:128] for frame in sent], "frames that left the tunnel at b")
    expect_equal(lab.b.udp_errors(), errors, "checksum errors of the tunnel's own packets")


def what_the_kernel_cannot_cut_is_not_sent():
    lab = Crossroads()
    _add_tunnel(lab)
    lab.router.ip("address", "add", "10.10.9.1/24", "dev", "vx0")
    lab.router.ip("neighbour", "add", "10.10.9.2", "lladdr", lab.b.mac("vx0"), "dev", "vx0")
    capture = Capture(lab.c, "eth0")
    outside = RULE.format(name="heads", priority=10, direction="egress", match=', ip_proto = "udp", dst_port = 4789', action='via = "eth3", snap = 64')
    daemon = Daemon(lab.router, {"10.toml": outside.replace('"eth0"', '"eth2"')})
    lab.know_neighbours()
    at_b = Capture(lab.b, "eth0")
    send_udp(lab.router, "10.10.9.2", 5000, 5, 600)
    tunneled = at_b.frames(5, wanted=lambda frame: frame[36:38] == struct.pack(">H", 4789) and len(frame) > 600)
    expect_equal(len(tunneled), 5, "the tunnel's own packets at b")
    copies = [len(frame) for frame in capture.frames(1 << 20, 0.3, wanted=lambda frame: frame[36:38] == struct.pack(">H", 4789))]
    target = daemon.rule("heads")["targets"][0]
    # What the kernel itself says in the tunnel has no checksum to be filled in, and is cut.
    expect_equal(set(copies) - {64}, set(), "lengths of copies of packets that this host has put into a tunnel")
    expect(target["failures"].get("not-writable", 0) >= 5, f"counted as not cut: {target}")


main(__doc__,
     heads_arrive_and_the_originals_are_whole,
     what_the_kernel_has_still_to_checksum_is_cut_as_well,
     a_stream_of_large_segments_is_cut_and_arrives,
     the_hook_for_the_cut_comes_and_goes_with_the_rule,
     a_device_that_comes_later_gets_its_hook,
     whole_copies_share_a_device_with_cut_ones,
     a_tag_counts_wherever_the_kernel_keeps_it,
     a_tun_device_gets_the_head_of_the_packet,
     heads_go_through_a_tunnel,
     what_the_kernel_cannot_cut_is_not_sent)
