# SPDX-License-Identifier: Apache-2.0
"""A journal that can be stopped: a process that writes down the datagrams of the native protocol.

Executed, it is that process: `fake_journal.py SOCKET FILE`. Its socket is made by the one who starts it, so that it is
there from the first moment, and after a stop with all that was sent.
"""
import array
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

SOCKET = pathlib.Path("/run/systemd/journal/socket")  # the lab has a /run of its own


class Journal:
    """Running from its creation. For a daemon whose log is at `log_path` standard error is this journal."""

    def __init__(self, log_path):
        log_path.parent.mkdir(parents=True, exist_ok=True)
        log_path.touch()
        stream = log_path.stat()
        os.environ["JOURNAL_STREAM"] = f"{stream.st_dev}:{stream.st_ino}"
        SOCKET.parent.mkdir(parents=True, exist_ok=True)
        SOCKET.unlink(missing_ok=True)
        self.path = log_path.parent / "journal"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(str(SOCKET))
            self.process = subprocess.Popen([sys.executable, "-B", __file__, str(receiver.fileno()), str(self.path)],
                                            pass_fds=[receiver.fileno()])

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def entries(self):
        """All that has arrived, each a dictionary of its fields."""
        written, _, _being_written = (self.path.read_text() if self.path.exists() else "").rpartition("\n")
        return [json.loads(line) for line in written.splitlines()]


def _fields(record):
    fields = {}
    while record:
        end = min(at for at in (record.find(b"="), record.find(b"\n")) if at >= 0)
        name = record[:end].decode()
        if record[end:end + 1] == b"=":
            value, _, record = record[end + 1:].partition(b"\n")
        else:
            size = int.from_bytes(record[end + 1:end + 9], "little")
            value, record = record[end + 9:end + 9 + size], record[end + 10 + size:]
        fields[name] = value.decode(errors="replace")
    return fields


def _record_of(receiver):
    record, ancillary, _, _ = receiver.recvmsg(1 << 20, 1024)
    for _, _, data in ancillary:
        with os.fdopen(array.array("i", data)[0], "rb") as file:
            file.seek(0)
            record += file.read()
    return record


def _serve(receiver, path):
    with open(path, "a", encoding="utf-8") as file:
        while True:
            file.write(json.dumps(_fields(_record_of(receiver))) + "\n")
            file.flush()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
