#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A reload whose Nth bpf() call fails or kills the daemon leaves the old policy or the new one, never a mix."""
import signal
import subprocess
import time

from bpf_objects import until_freed
from harness import ROOT, Skip, expect, expect_equal, main, run, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender

POLICY = """
[[rule]]
name = "copies"
priority = 10
type = "replicate"
match = {{ interface = {1}, direction = "ingress", dst_ip = "239.1.1.1" }}
[[rule.action.targets]]
dst_ip = "10.10.2.1"
via = "eth2"
dscp = {0}
[[rule.action.targets]]
dst_ip = "10.10.3.1"
via = "eth3"
dscp = {0}
"""
MORE = """
[[rule]]
name = "more-{0}"
priority = {1}
type = "drop"
match = {{ interface = {2}, direction = "ingress", dst_ip = "10.{3}.{4}.0/24" }}
"""
OLD = POLICY.format(1, '"eth0"')


def larger(dscp):
    """Another interface, thus another hook, and enough rules to need a larger image."""
    devices = '["eth0", "eth1"]'
    return POLICY.format(dscp, devices) + "".join(MORE.format(n, 100 + n, devices, 64 + n // 250, n % 250) for n in range(1500))


class Strace:
    """strace on the running daemon that makes its `when`th bpf() call fail."""

    def __init__(self, daemon, when, how):
        self.log = ROOT / "strace"
        self.log.unlink(missing_ok=True)
        self.process = subprocess.Popen(["strace", "-f", "-e", "trace=bpf", "-e", f"inject=bpf:{how}:when={when}", "-o", str(self.log),
                                         "-p", str(daemon.pid())], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while "attached" not in (line := self.process.stderr.readline()):
            if not line:
                raise Skip("strace cannot attach here")

    def end(self):
        """Whether the call was made to fail."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        return "INJECTED" in self.log.read_text() or "killed by" in self.log.read_text()


class Probe:
    def __init__(self):
        self.lab = Crossroads()
        self.receivers = [UdpReceiver(self.lab.b, 5000), UdpReceiver(self.lab.c, 5000)]
        # Long before inotify would try again, the verdict of each reload has been looked at.
        self.daemon = Daemon(self.lab.router, {"10.toml": OLD}, settings="settle_ms = 5000")
        self.lab.know_neighbours()
        self.sender = UdpSender(self.lab.sender, "239.1.1.1", 5000, ttl=5)
        until(lambda: self.stamps() == [1, 1], "copies at both", 3)

    def stamps(self):
        self.sender.send(1)
        return [d.dscp if (d := receiver.receive(0.3)) else None for receiver in self.receivers]


def _each_call_fails(error, new, step=1):
    probe = Probe()
    daemon, stamp, failed = probe.daemon, 1, []
    for when in range(1, 200, step):
        generation = daemon.generation()
        strace = Strace(daemon, when, f"error={error}")
        next_stamp = 2 + when % 50
        daemon.write("10.toml", new(next_stamp))
        verdict = daemon.reload(check=False)
        during = probe.stamps()
        injected = strace.end()
        if verdict.returncode == 0:
            expect_equal(during, [next_stamp] * 2, f"call {when} failed, the reload succeeded: stamps")
            expect_equal(daemon.generation(), generation + 1, f"call {when}: generation after success")
        else:
            failed.append(when)
            # The old policy, until the daemon has tried again by itself.
            expect(during in ([stamp] * 2, [next_stamp] * 2), f"call {when} failed and so did the reload: stamps {during}")
            expect(daemon.generation() in (generation, generation + 1), f"call {when}: generation {daemon.generation()}, was {generation}")
            expect(daemon.reload(check=False).returncode == 0, f"call {when}: the next reload fails too:\n{daemon.log()[-2000:]}")
            expect_equal(probe.stamps(), [next_stamp] * 2, f"call {when}: stamps after the next reload")
        expect_equal(daemon.process.poll(), None, f"call {when}: rudderd is alive")
        if not injected:
            break
        daemon.set({"10.toml": OLD})
        stamp = 1
        expect_equal(probe.stamps(), [1, 1], f"call {when}: stamps back under the old policy")
    print(f"# {(when - 1) // step} calls made to fail with {error}; the reload failed with {len(failed)} of them")
    expect(when > 2, "no bpf() call was made to fail")


def each_call_of_a_reload_fails_with_enomem():
    _each_call_fails("ENOMEM", lambda stamp: POLICY.format(stamp, '"eth0"'))


def each_call_of_a_reload_that_grows_fails_with_enomem():
    _each_call_fails("ENOMEM", larger)


def every_third_call_of_a_reload_that_grows_fails_with_eperm():
    _each_call_fails("EPERM", larger, 3)


def the_daemon_is_killed_at_calls_all_over_a_reload():
    probe = Probe()
    daemon, kills = probe.daemon, 0
    for when in range(1, 200, 3):
        objects = daemon.kernel_objects()
        strace = Strace(daemon, when, "signal=KILL")
        daemon.write("10.toml", larger(2 + when % 50))
        daemon.reload(check=False)
        during = probe.stamps()
        strace.end()
        if daemon.process.poll() is None and not until_dead(daemon):
            break
        kills += 1
        expect(during[0] == during[1] or None in during, f"killed at call {when}: stamps {during}")
        until_freed(objects, f"BPF objects after the kill at call {when}")
        daemon.write("10.toml", OLD)
        daemon.start()
        until(lambda: probe.stamps() == [1, 1], f"copies at both after the kill at call {when}", 3)
    print(f"# killed {kills} times, at every third call")
    expect(kills > 1, "the daemon was never killed")


def until_dead(daemon):
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        if daemon.process.poll() is not None:
            return True
        time.sleep(0.02)
    return False


def _traced_start(lab, number, *inject):
    daemon = Daemon(lab.router, {"10.toml": OLD}, name=f"start{number}", wait=False,
                    wrapper=["strace", "-f", "-o", str(ROOT / "strace"), "-e", "trace=bpf", *inject])
    until(lambda: daemon.process.poll() is not None or any("READY=1" in text for text in daemon.notifications()),
          f"start {number}: READY=1 or an end", 40)
    return daemon, (ROOT / "strace").read_text().splitlines()


def each_call_of_a_start_fails_with_enomem():
    lab = Crossroads()
    daemon, calls = _traced_start(lab, 0)
    daemon.end(signal.SIGTERM)
    # Without BTF the verifier looks at every path of every function anew, for half a minute.
    numbers = [number for number, call in enumerate((c for c in calls if "bpf(" in c), 1) if "BPF_BTF_LOAD" not in call]
    tolerated = seen = 0
    for when in numbers:
        daemon, calls = _traced_start(lab, when, "-e", f"inject=bpf:error=ENOMEM:when={when}")
        injected = any("INJECTED" in call for call in calls)
        if daemon.process.poll() is None:
            tolerated += injected
            daemon.end(signal.SIGTERM)
        else:
            expect(daemon.process.returncode > 0, f"call {when}: ended by signal {-daemon.process.returncode}")
            expect(daemon.log().strip(), f"call {when}: no word about the failure")
        seen += injected
        shown = lab.router.tc("filter", "show", "dev", "eth0", "ingress").stdout + lab.router.exec("bpftool", "net", "show").stdout
        expect("rudder" not in shown, f"call {when}: a hook is left:\n{shown}")
    print(f"# {seen} calls made to fail, {tolerated} tolerated")
    expect(seen > 20, "hardly any bpf() call was made to fail")


if run("sh", "-c", "command -v strace", check=False).returncode != 0:
    print("skipped: needs strace")
    raise SystemExit(77)
main(__doc__,
     each_call_of_a_reload_fails_with_enomem,
     each_call_of_a_reload_that_grows_fails_with_enomem,
     every_third_call_of_a_reload_that_grows_fails_with_eperm,
     the_daemon_is_killed_at_calls_all_over_a_reload,
     each_call_of_a_start_fails_with_enomem)
