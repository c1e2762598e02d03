# SPDX-License-Identifier: Apache-2.0
"""Which BPF objects the kernel has, by their numbers."""
import ctypes
import errno
import os

from harness import expect, until

_libbpf = ctypes.CDLL("libbpf.so.1")


def existing(objects):
    """Those of the BPF objects (as Daemon.kernel_objects gives them) that the kernel still has.

    Asks for numbers only and opens nothing, as bpftool would do: opening and closing a program array that nobody else
    has open makes the kernel clear it once more, and when an earlier clearing still waits for its worker
    (prog_array_map_clear in kernel/bpf/arraymap.c, seen in 6.18) that costs a reference: the array stays for ever.
    """
    return {(kind, number) for kind, number in objects if _next_id(kind, number - 1) == number}


def _next_id(kind, number):
    """The least id of a program, map or link above `number`; None if there is none. Needs CAP_SYS_ADMIN."""
    found = ctypes.c_uint32()
    error = getattr(_libbpf, f"bpf_{kind}_get_next_id")(ctypes.c_uint32(number), ctypes.byref(found))
    if error == -errno.ENOENT:
        return None
    expect(error == 0, f"next {kind} id after {number}: {os.strerror(-error)}")
    return found.value


def until_freed(objects, text):
    """Waits until the kernel has freed the BPF objects: after grace periods of RCU and by its workers, at a moment of its own."""
    until(lambda: not existing(objects), lambda: f"{text}: {sorted(existing(objects))} are left", 10)
