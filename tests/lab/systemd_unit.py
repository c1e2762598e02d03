#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Under a real systemd the unit starts, reloads, reports, restarts after a hang and stops, sandboxed and not as root."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import harness
from bpf_objects import until_freed
from harness import BUILD, Failure, Skip, expect, expect_equal, until
from lab import Namespace
from traffic import UdpReceiver, send_udp

PACKAGES = "systemd,systemd-sysv,dbus,iproute2,procps,libbpf1,libnl-3-200,libnl-route-3-200,libfmt9,libsmartcols1,libnettle8"
ROOT_VARIABLE = "RUDDER_SYSTEMD_ROOT"

GOOD = """[[rule]]
name = "ef"
priority = 10
type = "steer"
match = { interface = "eth0", direction = "ingress", dst_ip = "10.20.0.0/16", dscp = "ef" }
action = { via = "eth1", next_hop = "10.10.1.1" }
"""
MANY = """[[rule]]
name = "drop-{number}"
priority = {priority}
type = "drop"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "10.{number}.99.0/24" }}
"""
BAD = GOOD.replace('"ef" }', "64 }")
JOIN = """[[rule]]
name = "stream"
priority = 90
type = "replicate"
match = { interface = "eth0", dst_ip = ["239.1.1.1", "ff15::1"] }
[rule.action]
join = true
[[rule.action.targets]]
via = "eth1"
"""
PROBED = """[[group]]
name = "ways"
members = [{{ via = "eth1", next_hop = "10.10.1.1" }}, {{ via = "eth1", next_hop = "10.10.1.9" }}]
[group.health]
type = "{type}"
interval = "200ms"
rise = 100
{keys}
[[rule]]
name = "probed"
priority = 95
type = "steer"
match = {{ interface = "eth0", dst_ip = "10.30.0.0/16" }}
action = {{ group = "ways" }}
"""


class Machine:
    """A container with systemd as process 1 and a network namespace of its own."""

    def __init__(self, root):
        self.root, self.name = pathlib.Path(root), "rudder-lab"
        self.bpffs = harness.ROOT / "bpffs"
        self.bpffs.mkdir()
        harness.run("mount", "-t", "bpf", "-o", "mode=700", "bpf", self.bpffs)
        self.console = open(harness.ROOT / "console", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", str(self.root), "-M", self.name, "--register=no", "--keep-unit", "--capability=all",
             "--private-network", "--console=pipe", "--kill-signal=SIGRTMIN+3", "--link-journal=no", "--resolv-conf=off",
             "--timezone=off", "--system-call-filter=bpf perf_event_open", f"--bind={self.bpffs}:/sys/fs/bpf", "-b"],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}, stdin=subprocess.DEVNULL, stdout=self.console,
            stderr=self.console, start_new_session=True)
        self.leader = self._find_leader()

    def _find_leader(self):
        def children(pid):
            with contextlib.suppress(OSError):
                return [int(word) for task in os.listdir(f"/proc/{pid}/task")
                        for word in open(f"/proc/{pid}/task/{task}/children", encoding="ascii").read().split()]
            return []

        def leader():
            if self.process.poll() is not None:
                raise Skip("systemd-nspawn does not boot here: " + open(self.console.name, encoding="utf-8").read()[-500:])
            for child in children(self.process.pid):
                with contextlib.suppress(OSError):
                    if open(f"/proc/{child}/comm", encoding="ascii").read().strip() in ("systemd", "init"):
                        return child
            return None
        until(lambda: leader() is not None, "systemd in the container", 20)
        return leader()

    def wait_booted(self):
        until(lambda: self.do("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"),
              "a booted container", 40, 0.2)

    def do(self, *command, check=True, **options):
        return harness.run("nsenter", "-t", self.leader, "-a", *command, check=check, **options)

    def systemctl(self, *words, check=True):
        return self.do("systemctl", "--no-pager", *words, check=check)

    def show(self, unit, field):
        return self.systemctl("show", "-P", field, unit).stdout.strip()

    def journal(self, **fields):
        """Entries of the journal with these fields, as dictionaries."""
        self.do("journalctl", "--sync", check=False)
        words = [f"{name}={value}" for name, value in fields.items()]
        return [json.loads(line) for line in self.do("journalctl", "-o", "json", "--no-pager", *words).stdout.splitlines()]

    def program(self, name):
        """Where "sbin/rudderd" was installed to."""
        return next(path for path in (f"/usr/local/{name}", f"/usr/{name}") if (self.root / path[1:]).exists())

    def write(self, text, name="10.toml"):
        directory = self.root / "etc/rudder/conf.d"
        temporary = directory / f".ansible_tmp{name}"
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(directory / name)

    def poweroff(self):
        if self.process.poll() is None:
            self.do("systemctl", "poweroff", check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()


class Network:
    """The container's eth0 towards a sender, its eth1 towards a receiver."""

    def __init__(self, machine):
        self.machine = machine
        self.sender, self.receiver = Namespace("sender"), Namespace("receiver")
        for number, host in enumerate((self.sender, self.receiver)):
            harness.run("ip", "link", "add", f"eth{number}", "netns", machine.leader, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            machine.do("ip", "address", "add", f"10.10.{number}.254/24", "dev", f"eth{number}")
            machine.do("ip", "link", "set", f"eth{number}", "up")
            host.up("eth0", f"10.10.{number}.1/24")
            host.ip("route", "add", "default", "via", f"10.10.{number}.254")
        self.receiver.up("lo", "10.20.0.10/32")
        self.socket = UdpReceiver(self.receiver, 5000)

    def steers(self):
        sent = send_udp(self.sender, "10.20.0.10", 5000, 5, dscp=46)
        return [d.payload for d in self.socket.collect(5, 1)] == sent


@contextlib.contextmanager
def made_root():
    """A Debian with systemd and rudder installed into it, for as long as this lasts. Needs the network, for apt."""
    root = tempfile.mkdtemp(prefix="systemd-root-", dir=BUILD)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        os.chmod(root, 0o755)
        if ready := os.environ.get(ROOT_VARIABLE):
            harness.run("cp", "-a", f"{ready}/.", root, timeout=120)
        else:
            done = harness.run("mmdebstrap", "-q", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root, check=False, timeout=400)
            if done.returncode != 0:
                raise Skip("mmdebstrap cannot make a Debian here: " + done.stderr[-300:])
        harness.run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
        (pathlib.Path(root) / "etc/systemd/system/systemd-firstboot.service").symlink_to("/dev/null")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def verify_files(root):
    """The unit is right by systemd's own checks, and its sandbox holds what it promises."""
    unit = next(pathlib.Path(root).glob("**/lib/systemd/system/rudderd.service"))
    found = harness.run("systemd-analyze", f"--root={root}", "verify", "--man=no", "rudderd.service", check=False)
    complaints = [line for line in found.stderr.splitlines() if "rudder" in line]
    expect_equal(complaints, [], "complaints of systemd-analyze verify")
    harness.run("systemd-analyze", "security", "--offline=true", "--threshold=19", unit)
    print("ok - the unit passes systemd-analyze verify and security", flush=True)


def starts(machine):
    machine.do("systemd-sysusers")
    machine.do("systemd-tmpfiles", "--create", check=False)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "rudderd")
    expect_equal(machine.show("rudderd", "ActiveState"), "active", "ActiveState with an empty directory")
    machine.write(GOOD)
    machine.systemctl("reload", "rudderd")


def runs_as_user_rudder_with_few_capabilities(machine):
    pid = machine.show("rudderd", "MainPID")
    status = dict(line.split(":\t", 1) for line in machine.do("cat", f"/proc/{pid}/status").stdout.splitlines() if ":\t" in line)
    user = machine.do("id", "-u", "rudder").stdout.strip()
    expect_equal(status["Uid"].split()[0], user, "user of rudderd")
    three = 1 << 12 | 1 << 38 | 1 << 39  # CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF
    expect_equal(status["CapEff"].strip(), f"{three:016x}", "effective capabilities")
    with_net_raw = f"{three | 1 << 13:016x}"
    expect_equal({status[name].strip() for name in ("CapPrm", "CapBnd")}, {with_net_raw}, "capabilities")
    expect_equal((status["NoNewPrivs"].strip(), status["Seccomp"].strip()), ("1", "2"), "NoNewPrivs, Seccomp")


def reload_answers_for_good_and_bad_sets(machine, network):
    expect(network.steers(), "the good set does not steer")
    machine.write(BAD)
    answer = machine.systemctl("reload", "rudderd", check=False)
    expect(answer.returncode != 0, "systemctl reload succeeded with a bad set")
    expect_equal(machine.show("rudderd", "ActiveState"), "active", "ActiveState after a bad set")
    text = machine.show("rudderd", "StatusText")
    expect("10.toml" in text, f"StatusText does not name the file: {text!r}")
    expect(network.steers(), "the old policy does not steer after a bad set")
    machine.write(GOOD.replace("priority = 10", "priority = 11"))
    machine.systemctl("reload", "rudderd")
    text = machine.show("rudderd", "StatusText")
    expect("10.toml" not in text and text, f"StatusText after the repair: {text!r}")
    expect(network.steers(), "the repaired set does not steer")


def the_journal_holds_the_fields(machine):
    added = machine.journal(RUDDER_EVENT="rule-added", RUDDER_RULE="ef")
    expect(added, "no entry for the added rule")
    for field in ("RUDDER_FILE", "RUDDER_LINE", "RUDDER_GENERATION", "MESSAGE_ID", "PRIORITY"):
        expect(field in added[0], f"the entry has no {field}: {added[0]}")
    expect(added[0]["RUDDER_FILE"].endswith("/10.toml"), "RUDDER_FILE")
    expect(machine.journal(RUDDER_EVENT="rule-changed", RUDDER_RULE="ef"), "no entry for the changed rule")
    published = machine.journal(RUDDER_EVENT="published")
    expect(len(published) >= 2 and all(len(e.get("RUDDER_CONFIG_SHA256", "")) == 64 for e in published if e.get("RUDDER_GENERATION") != "1"),
           f"summaries of generations: {published}")
    findings = machine.journal(RUDDER_EVENT="diagnostic")
    expect(findings and findings[0]["RUDDER_FILE"].endswith("/10.toml") and findings[0]["RUDDER_LINE"] == "5",
           f"the finding's place: {findings}")


def a_stopped_journal_holds_nothing_up(machine, network):
    machine.systemctl("kill", "-s", "STOP", "systemd-journald")
    try:
        for priority in range(1000, 7000, 1000):
            machine.write(GOOD + "".join(MANY.format(number=number, priority=priority + number) for number in range(250)))
            machine.do(machine.program("sbin/rudderd"), "--reload", timeout=5)
        expect(network.steers(), "the policy does not steer while the journal is stopped")
        until(lambda: "audit degraded" in machine.show("rudderd", "StatusText"), "StatusText with the state of the log")
    finally:
        machine.systemctl("kill", "-s", "CONT", "systemd-journald")
    until(lambda: "audit degraded" not in machine.show("rudderd", "StatusText"), "StatusText without the state of the log", 20)
    entries = machine.journal(_PID=machine.show("rudderd", "MainPID"), SYSLOG_IDENTIFIER="rudderd")
    numbers = [int(entry["RUDDER_SEQUENCE"]) for entry in entries if "RUDDER_SEQUENCE" in entry]
    expect(len(numbers) > 1500, f"{len(numbers)} entries")
    expect_equal(numbers, list(range(1, len(numbers) + 1)), "RUDDER_SEQUENCE of all entries")
    machine.write(GOOD)
    machine.systemctl("reload", "rudderd")


def anybody_may_read_the_status(machine):
    program = machine.program("bin/rudderstat")
    shown = machine.do("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "rules", "--json")
    expect("ef" in shown.stdout, "rudderstat rules as nobody")
    reload = machine.do("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", machine.program("sbin/rudderd"), "--reload", check=False)
    expect(reload.returncode in (69, 77), f"nobody may reload: exit {reload.returncode}")


def inotify_works_in_the_sandbox(machine, network):
    before = len(machine.journal(RUDDER_EVENT="published"))
    machine.write(GOOD.replace("priority = 10", "priority = 12"))
    until(lambda: len(machine.journal(RUDDER_EVENT="published")) > before, "a generation after a rename", 3)
    expect(network.steers(), "the policy does not steer")


def multicast_groups_are_joined_in_the_sandbox(machine):
    machine.write(JOIN, "90.toml")
    machine.systemctl("reload", "rudderd")
    shown = machine.do("ip", "maddress", "show", "dev", "eth0").stdout
    expect("239.1.1.1" in shown and "ff15::1" in shown, f"groups of eth0:\n{shown}")
    (machine.root / "etc/rudder/conf.d/90.toml").unlink()
    machine.systemctl("reload", "rudderd")
    expect("239.1.1.1" not in machine.do("ip", "maddress", "show", "dev", "eth0").stdout, "the group was not left")


def members_are_probed_in_the_sandbox(machine):
    """Raw sockets and ping sockets; a restart keeps what is known."""
    def healths():
        rules = json.loads(machine.do(machine.program("bin/rudderstat"), "rules", "--json").stdout)["rules"]
        return [m["probe"]["health"] for m in next(r for r in rules if r["name"] == "probed")["targets"][0]["members"]]
    for kind, keys, group_range in (("icmp", "", "1 0"), ("icmp", "", "0 2147483647"), ("tcp", "port = 22\nfall = 2", "1 0")):
        machine.do("sh", "-c", f"echo {group_range} > /proc/sys/net/ipv4/ping_group_range")
        machine.write(PROBED.format(type=kind, keys=keys), "95.toml")
        machine.systemctl("reload", "rudderd")
        wanted = ["dead", "dead"] if kind == "tcp" else ["up", "dead"]  # nothing listens there
        until(lambda: healths() == wanted, lambda: f"{kind}, {group_range}: {healths()}", 10)
        pid = machine.show("rudderd", "MainPID")
        effective = machine.do("grep", "CapEff", f"/proc/{pid}/status").stdout.split()[1]
        expect_equal(int(effective, 16) >> 13 & 1, 0, "CAP_NET_RAW is effective beyond the opening of a socket")
    machine.systemctl("restart", "rudderd")
    expect_equal(healths(), ["dead", "dead"], "health after a restart")
    text = machine.show("rudderd", "StatusText")
    expect("2 of 2 probed members dead" in text, f"StatusText: {text!r}")
    dead = machine.journal(RUDDER_EVENT="member-dead", RUDDER_GROUP="ways")
    expect(dead and dead[0]["RUDDER_ADDRESS"] == "10.10.1.9" and dead[0]["RUDDER_INTERFACE"] == "eth1" and dead[0]["RUDDER_REASON"],
           f"entries of deaths: {dead}")
    (machine.root / "etc/rudder/conf.d/95.toml").unlink()
    machine.systemctl("reload", "rudderd")
    expect("probed" not in machine.show("rudderd", "StatusText"), "StatusText without probes")


def a_killed_daemon_comes_back(machine, network):
    pid = machine.show("rudderd", "MainPID")
    machine.systemctl("kill", "-s", "KILL", "rudderd")
    until(lambda: machine.show("rudderd", "MainPID") not in ("0", pid) and machine.show("rudderd", "ActiveState") == "active", "a new daemon", 10)
    until(network.steers, "steering after kill -9", 3)


def a_hanging_daemon_is_replaced(machine, network):
    directory = machine.root / "etc/systemd/system/rudderd.service.d"
    directory.mkdir(exist_ok=True)
    (directory / "watchdog.conf").write_text("[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n", encoding="ascii")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "rudderd")
    time.sleep(3)
    pid = machine.show("rudderd", "MainPID")
    expect_equal(machine.show("rudderd", "NRestarts"), "0", "restarts while the daemon answers its watchdog")
    machine.systemctl("kill", "-s", "STOP", "rudderd")
    until(lambda: machine.show("rudderd", "MainPID") not in ("0", pid) and machine.show("rudderd", "ActiveState") == "active",
          "a new daemon after the watchdog", 15, 0.2)
    until(network.steers, "steering after the watchdog", 3)


def stop_leaves_nothing(machine, network):
    leader_pid = machine.show("rudderd", "MainPID")
    ids = machine.do("sh", "-c", f"cat /proc/{leader_pid}/fdinfo/*").stdout
    objects = {(line.split("_id:")[0], int(line.split("_id:")[1])) for line in ids.splitlines()
               if line.startswith(("prog_id:", "map_id:", "link_id:"))}
    expect(objects, "the daemon holds no BPF objects")
    machine.systemctl("stop", "rudderd")
    expect_equal(machine.show("rudderd", "Result"), "success", "Result after stop")
    until_freed(objects, "BPF objects after stop")
    expect(not network.steers(), "packets are still steered")


def an_invalid_set_at_start_fails_without_a_restart_loop(machine):
    machine.write(BAD)
    machine.systemctl("start", "rudderd", check=False)
    time.sleep(1.5)
    expect_equal((machine.show("rudderd", "ActiveState"), machine.show("rudderd", "ExecMainStatus")), ("failed", "78"), "state")
    machine.systemctl("reset-failed", "rudderd")
    machine.write(GOOD)
    machine.systemctl("start", "rudderd")


def inside(root):
    """All steps, in namespaces of our own."""
    harness.enter()
    verify_files(root)
    machine = Machine(root)
    try:
        machine.wait_booted()
        network = Network(machine)
        for step in (starts, runs_as_user_rudder_with_few_capabilities, reload_answers_for_good_and_bad_sets, the_journal_holds_the_fields,
                     a_stopped_journal_holds_nothing_up, anybody_may_read_the_status, inotify_works_in_the_sandbox,
                     multicast_groups_are_joined_in_the_sandbox, members_are_probed_in_the_sandbox,
                     a_killed_daemon_comes_back, a_hanging_daemon_is_replaced, stop_leaves_nothing, an_invalid_set_at_start_fails_without_a_restart_loop):
            arguments = (machine, network) if step.__code__.co_argcount == 2 else (machine,)
            step(*arguments)
            print(f"ok - {step.__name__.replace('_', ' ')}", flush=True)
    except Failure:
        if machine.process.poll() is None:
            print(machine.do("journalctl", "--no-pager", "-u", "rudderd", "-n", "60", check=False).stdout)
        raise
    finally:
        machine.poweroff()


def main():
    try:
        if len(sys.argv) == 2:
            return inside(sys.argv[1])
        print(__doc__, flush=True)
        harness.need_root()
        for tool in ("systemd-nspawn", "mmdebstrap", "nsenter"):
            if shutil.which(tool) is None:
                raise Skip(f"needs {tool}")
        with made_root() as root:
            return subprocess.run([sys.executable, "-B", __file__, root], check=False).returncode
    except Skip as reason:
        print(f"skipped: {reason}")
        return 77


sys.exit(main())
