# SPDX-License-Identifier: Apache-2.0
"""Other owners of the same interfaces: a BPF program on tcx, one on XDP, filters on clsact. None of it is rudder's."""
import ctypes
import os
import socket
import struct

from harness import Skip

_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_PROG_LOAD, _LINK_CREATE = 5, 28
_SCHED_CLS, _XDP = 3, 6
_ATTACH_XDP, _ATTACH_TCX_INGRESS, _ATTACH_TCX_EGRESS = 37, 46, 47
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    size = len(attributes)
    data = ctypes.create_string_buffer(attributes, size)
    number = _BPF[os.uname().machine]
    result = _libc.syscall(ctypes.c_long(number), ctypes.c_int(command), data, ctypes.c_uint(size))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def _load(kind, verdict):
    instructions = struct.pack("=BBhi", 0xB7, 0, 0, verdict) + struct.pack("=BBhi", 0x95, 0, 0, 0)
    code, licence = ctypes.create_string_buffer(instructions), ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("=IIQQ", kind, 2, ctypes.addressof(code), ctypes.addressof(licence))
    attributes += b"\0" * 24 + b"foreign".ljust(16, b"\0") + b"\0" * 16
    return _bpf(_PROG_LOAD, attributes)


def _link(program, namespace, device, attach_type):
    with namespace.entered():
        index = socket.if_nametoindex(device)
        return _bpf(_LINK_CREATE, struct.pack("=IIII", program, index, attach_type, 0) + b"\0" * 32)


def _id(fd, kind):
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as info:
        return next((kind, int(line.split()[1])) for line in info if line.startswith(f"{kind}_id:"))


def tcx_program(namespace, device, direction="ingress"):
    """A foreign tcx link that lets everything go on. Returns its BPF link and program ids."""
    program = _load(_SCHED_CLS, -1)
    try:
        link = _link(program, namespace, device, _ATTACH_TCX_INGRESS if direction == "ingress" else _ATTACH_TCX_EGRESS)
    except OSError as error:
        raise Skip(f"no tcx here: {error}") from error
    return {_id(link, "link"), _id(program, "prog")}


def xdp_program(namespace, device):
    """A foreign XDP program (XDP_PASS) by a link."""
    program = _load(_XDP, 2)
    link = _link(program, namespace, device, _ATTACH_XDP)
    return {_id(link, "link"), _id(program, "prog")}


def clsact_filters(namespace, device):
    """A clsact qdisc with two cls_bpf filters in both directions."""
    namespace.tc("qdisc", "add", "dev", device, "clsact")
    for direction in ("ingress", "egress"):
        namespace.tc("filter", "add", "dev", device, direction, "prio", "1", "protocol", "all", "bpf", "bytecode", "1,6 0 0 0")
        namespace.tc("filter", "add", "dev", device, direction, "prio", "7", "protocol", "all", "bpf", "bytecode", "1,6 0 0 0")


def filters(namespace, device):
    """All filters and qdiscs of the device as tc shows them, counters left out."""
    return [namespace.tc("filter", "show", "dev", device, direction).stdout for direction in ("ingress", "egress")] + [
        namespace.tc("qdisc", "show", "dev", device).stdout]
