#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rudderstat against a service that is well-behaved, slow, broken or absent. Usage: test_rudderstat.py RUDDERSTAT"""
import contextlib
import json
import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

RUDDERSTAT = sys.argv.pop(1)
STATS = {"generation": 1, "unix_us": 1, "rules": [{"name": "ef\x1b[2J", "priority": 10, "type": "steer", "packets": 5,
         "bytes": 500, "failures": {}, "targets": []}], "reasons": {"short": 2}}


def reply(document):
    return json.dumps({"parameters": document}).encode() + b"\0"


class Service:
    """Answers each connection with `answer(request, connection)`; remembers the requests."""

    def __init__(self, answer):
        self.directory = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.directory.name) / "socket")
        self.requests = []
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                request = b""
                while not request.endswith(b"\0"):
                    request += connection.recv(65536)
                self.requests.append(json.loads(request[:-1]))
                self.answer(request, connection)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        self.directory.cleanup()


class RudderstatTest(unittest.TestCase):
    def service(self, answer):
        service = Service(answer)
        self.addCleanup(service.close)
        return service

    def steady(self, document=None):
        return self.service(lambda _, connection: connection.sendall(reply(STATS if document is None else document)))

    def run_stat(self, *arguments, **options):
        return subprocess.run([RUDDERSTAT, *arguments], capture_output=True, text=True, timeout=20, check=False, **options)

    def test_each_document_is_asked_by_its_method(self):
        service = self.steady()
        names = ["rules", "stats", "interfaces", "maps", "internals", "config"]
        for name in names:
            self.assertEqual(self.run_stat(name, "--socket", service.path).returncode, 0)
        self.assertEqual(service.requests, [{"method": "io.rudder.Status." + name.capitalize(), "parameters": {}}
                                            for name in names])

    def test_options_may_stand_before_the_document(self):
        run = self.run_stat("--socket", self.steady().path, "--no-legend", "stats")
        self.assertEqual(run.returncode, 0)
        self.assertNotIn("PACKETS", run.stdout)

    def test_json_is_the_document_in_ascii(self):
        run = self.run_stat("stats", "--json", "--socket", self.steady({"name": "\u009b\x1bä"}).path)
        self.assertEqual(json.loads(run.stdout), {"name": "\u009b\x1bä"})
        self.assertTrue(run.stdout.isascii())
        self.assertNotIn("\x1b", run.stdout)

    def test_names_are_escaped(self):
        run = self.run_stat("stats", "--socket", self.steady().path)
        self.assertIn("ef\\x1b[2J", run.stdout)
        self.assertNotIn("\x1b", run.stdout)

    def test_the_reply_may_come_in_pieces(self):
        def answer(_, connection):
            for byte in reply(STATS):
                connection.sendall(bytes([byte]))
        self.assertEqual(self.run_stat("stats", "--socket", self.service(answer).path).returncode, 0)

    def test_a_large_reply_is_read_whole(self):
        document = {"rules": [dict(STATS["rules"][0], name=f"rule-{i}") for i in range(20000)]}
        run = self.run_stat("stats", "--json", "--socket", self.steady(document).path)
        self.assertEqual(len(json.loads(run.stdout)["rules"]), 20000)

    def test_usage_errors_end_with_64(self):
        for arguments in ([], ["nonsense"], ["rules", "--nonsense"], ["stats", "--watch=x"], ["stats", "--watch=0"],
                          ["stats", "--count", "3"], ["stats", "--watch", "--count", "0"], ["rules", "--watch"],
                          ["rules", "stats"]):
            with self.subTest(arguments):
                self.assertEqual(self.run_stat(*arguments).returncode, 64)

    def test_help_and_version_end_with_0(self):
        self.assertIn("--socket", self.run_stat("--help").stdout)
        self.assertEqual(self.run_stat("--help").returncode, 0)
        self.assertRegex(self.run_stat("--version").stdout, r"^rudderstat \d+\.\d+")

    def test_no_daemon_ends_with_69_and_says_so(self):
        run = self.run_stat("rules", "--socket", "/nonexistent/socket")
        self.assertEqual(run.returncode, 69)
        self.assertEqual(run.stderr, "rudderstat: connect to /nonexistent/socket: No such file or directory\n")
        self.assertEqual(self.run_stat("rules", "--socket", "x" * 200).returncode, 69)
        self.assertEqual(self.run_stat("rules", "--socket", "").returncode, 69)

    def test_what_is_not_a_reply_ends_with_69(self):
        for answer in (b"", b"garbage", b"garbage\0", b"{}\0", b'{"error":"io.x.Y"}\0', b"\0", b"[" * 100000 + b"\0"):
            with self.subTest(answer[:20]):
                service = self.service(lambda _, connection, answer=answer: connection.sendall(answer))
                run = self.run_stat("rules", "--socket", service.path)
                self.assertEqual((run.returncode, run.stdout), (69, ""))

    def test_a_silent_daemon_is_given_up_after_five_seconds(self):
        release = threading.Event()
        self.addCleanup(release.set)
        service = self.service(lambda *_: release.wait(10))
        begin = time.monotonic()
        run = self.run_stat("rules", "--socket", service.path)
        self.assertEqual(run.returncode, 69)
        self.assertIn("does not answer", run.stderr)
        self.assertLess(time.monotonic() - begin, 9)

    def growing(self):
        state = {"samples": 0}

        def answer(_, connection):
            state["samples"] += 1
            document = json.loads(json.dumps(STATS))
            document["monotonic_us"] = state["samples"] * 1_000_000
            document["rules"][0]["packets"] = state["samples"] * 1000
            document["rules"][0]["bytes"] = state["samples"] * 100_000
            connection.sendall(reply(document))
        return self.service(answer)

    def test_watching_shows_rates_from_the_second_sample_on(self):
        run = self.run_stat("stats", "--watch=0.1", "--count", "3", "--no-legend", "--socket", self.growing().path)
        rows = [line.split() for line in run.stdout.splitlines() if line.startswith("ef")]
        self.assertEqual(run.returncode, 0)
        self.assertEqual([row[5:7] for row in rows], [["-", "-"], ["1000", "800000"], ["1000", "800000"]])
        self.assertNotIn("\x1b", run.stdout)

    def test_watching_as_json_gives_one_document_a_line(self):
        run = self.run_stat("stats", "--watch=0.1", "--count=2", "--json", "--socket", self.growing().path)
        self.assertEqual([json.loads(line)["monotonic_us"] for line in run.stdout.splitlines()], [1000000, 2000000])

    def test_watching_ends_at_an_interrupt(self):
        process = subprocess.Popen([RUDDERSTAT, "stats", "--watch=60", "--socket", self.growing().path],
                                   stdout=subprocess.PIPE, text=True)
        self.assertIn("generation", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(5), 0)
        process.stdout.close()

    def on_terminal(self, *arguments, **environment):
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        environment = {"TERM": "xterm", "LC_ALL": "C.UTF-8", **environment}
        with subprocess.Popen([RUDDERSTAT, *arguments], stdout=follower, env=environment) as process:
            os.close(follower)
            output = b""
            with contextlib.suppress(OSError):
                while select.select([leader], [], [], 10)[0]:
                    chunk = os.read(leader, 65536)
                    if not chunk:
                        break
                    output += chunk
            process.wait(5)
        return output.decode()

    def test_watching_on_a_terminal_redraws(self):
        output = self.on_terminal("stats", "--watch=0.1", "--count=2", "--socket", self.growing().path)
        self.assertEqual(output.count("\x1b[H\x1b[J"), 2)

    def test_colour_is_for_terminals_and_can_be_refused(self):
        service = self.steady({"rules": [{"name": "a", "type": "drop", "state": "deferred"}]})
        self.assertIn("33mdeferred", self.on_terminal("rules", "--socket", service.path))
        self.assertNotIn("\x1b", self.on_terminal("rules", "--socket", service.path, NO_COLOR="1"))
        self.assertNotIn("\x1b", self.run_stat("rules", "--socket", service.path).stdout)

    def test_numbers_do_not_follow_the_locale(self):
        run = self.run_stat("stats", "--watch=0.5", "--count=1", "--socket", self.growing().path,
                            env={"LC_ALL": "de_DE.UTF-8"})
        self.assertIn("every 0.5 s", run.stdout)


unittest.main(verbosity=1)
