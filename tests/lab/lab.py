# SPDX-License-Identifier: Apache-2.0
"""A lab of network namespaces around a running rudderd, for tests that judge at the receiver."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

from harness import ROOT, RUDDERD, RUDDERSTAT, Failure, expect, run, until

ATTACHMENT = os.environ.get("RUDDER_ATTACHMENT", "auto")  # "cls_bpf": as on kernels before 6.6
_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


class Namespace:
    """One host: a network namespace. Everything is done in it, from outside."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        for key in ("ipv4.conf.all.rp_filter", "ipv4.conf.default.rp_filter", "ipv6.conf.default.accept_dad",
                    "ipv6.conf.default.accept_ra", "ipv4.conf.all.send_redirects", "ipv4.conf.default.send_redirects"):
            self.sysctl(key, 0)

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace; sockets opened here stay in it."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(home)

    @staticmethod
    def _enter(file):
        if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def exec(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def ip(self, *words, **options):
        return run("ip", "-n", self.name, *words, **options)

    def tc(self, *words, **options):
        return run("tc", "-n", self.name, *words, **options)

    def sysctl(self, key, value):
        path = "/proc/sys/net/" + key.replace(".", "/")
        with self.entered(), open(path, "w") as file:
            file.write(str(value))

    def up(self, device, *addresses):
        for address in addresses:
            nodad = ("nodad",) if ":" in address else ()
            self.ip("address", "add", address, "dev", device, *nodad)
        self.ip("link", "set", device, "up")

    def mac(self, device):
        return json.loads(self.ip("-j", "link", "show", device).stdout)[0]["address"]

    def index(self, device):
        return json.loads(self.ip("-j", "link", "show", device).stdout)[0]["ifindex"]

    def offloads(self, device, state):
        self.exec("ethtool", "-K", device, *sum(([f, state] for f in ("tx", "rx", "sg", "tso", "gso", "gro")), []), check=False)

    def counter(self, name):
        """One number of /proc/net/snmp or snmp6, such as "Udp.InErrors" or "Udp6InErrors"."""
        with self.entered():
            if "." in name:
                protocol, field = name.split(".")
                lines = [line.split() for line in open("/proc/thread-self/net/snmp") if line.startswith(protocol + ":")]
                return int(lines[1][lines[0].index(field)])
            return next(int(l.split()[1]) for l in open("/proc/thread-self/net/snmp6") if l.split()[0] == name)

    def udp_errors(self):
        return sum(self.counter(n) for n in ("Udp.InErrors", "Udp.InCsumErrors", "Udp6InErrors", "Udp6InCsumErrors"))


def veth(left, left_device, right, right_device, *options):
    run("ip", "link", "add", left_device, "netns", left.name, *options, "type", "veth",
        "peer", "name", right_device, "netns", right.name)


class Crossroads:
    """The lab most tests use: `sender` - `router` - hosts `a`, `b`, `c` (as many as asked for).

    Router: eth0 towards the sender, ethN towards the Nth host. Network N is 10.10.N.0/24 and 2001:db8:N::/64;
    the router is .254 and ::fe, the host at the other end .1 and ::1 (the sender .2 and ::2, the router's eth0 .1 and ::1).
    The server 10.20.0.10 and 2001:db8:20::10 lives on every host; the kernel's routes lead to host a.
    """

    SERVER, SERVER6 = "10.20.0.10", "2001:db8:20::10"
    SENDER, SENDER6 = "10.10.0.2", "2001:db8:0::2"

    def __init__(self, hosts=3):
        self.router, self.sender = Namespace("router"), Namespace("sender")
        for key in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            self.router.sysctl(key, 1)
        veth(self.router, "eth0", self.sender, "eth0")
        self.router.up("eth0", "10.10.0.1/24", "2001:db8:0::1/64")
        self.sender.up("eth0", "10.10.0.2/24", "2001:db8:0::2/64")
        self.sender.ip("route", "add", "default", "via", "10.10.0.1")
        self.sender.ip("route", "add", "default", "via", "2001:db8:0::1")
        self.sender.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        self.hosts = [self._host(number) for number in range(1, hosts + 1)]
        self.router.ip("route", "add", "10.20.0.0/16", "via", "10.10.1.1")
        self.router.ip("route", "add", "2001:db8:20::/48", "via", "2001:db8:1::1")

    def _host(self, number):
        host = Namespace("abcdefgh"[number - 1])
        veth(self.router, f"eth{number}", host, "eth0")
        self.router.up(f"eth{number}", f"10.10.{number}.254/24", f"2001:db8:{number}::fe/64")
        host.up("eth0", f"10.10.{number}.1/24", f"2001:db8:{number}::1/64")
        host.up("lo", f"{self.SERVER}/32", f"{self.SERVER6}/128")
        host.ip("route", "add", "default", "via", f"10.10.{number}.254")
        host.ip("route", "add", "default", "via", f"2001:db8:{number}::fe")
        return host

    @property
    def a(self):
        return self.hosts[0]

    @property
    def b(self):
        return self.hosts[1]

    @property
    def c(self):
        return self.hosts[2]

    def know_neighbours(self):
        """Fills the neighbour tables by a ping to every host, so that a test need not wait for them."""
        for number in range(1, len(self.hosts) + 1):
            self.router.exec("ping", "-c1", "-W1", f"10.10.{number}.1", check=False)
            self.router.exec("ping", "-c1", "-W1", f"2001:db8:{number}::1", check=False)


class Daemon:
    """A running rudderd with a configuration directory and a runtime directory of its own."""

    def __init__(self, namespace, files=None, name="rudderd", arguments=(), wrapper=(), wait=True, settings=""):
        self.namespace, self.name = namespace, name
        self.arguments = list(arguments)
        self.wrapper = list(wrapper)
        self.directory = ROOT / name / "conf.d"
        self.runtime = ROOT / name / "run"
        self.settings = ROOT / name / "rudder.toml"
        self.log_path = ROOT / name / "log"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.runtime.mkdir(exist_ok=True)
        self.settings.write_text(f'attachment = "{ATTACHMENT}"\n{settings}\n')
        for file, text in (files or {}).items():
            (self.directory / file).write_text(text)
        self.process = None
        self.status = []
        self.start(wait)

    def start(self, wait=True):
        path = ROOT / self.name / "notify"
        path.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(path))
        self.status = []
        threading.Thread(target=self._listen, args=(self.notify, self.status), daemon=True).start()
        command = ["ip", "netns", "exec", self.namespace.name, *self.wrapper, RUDDERD, "--config-dir", str(self.directory),
                   "--runtime-dir", str(self.runtime), "--settings", str(self.settings), *self.arguments]
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, "NOTIFY_SOCKET": str(path)})
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=30):
        def ready():
            expect(self.process.poll() is None, f"rudderd ended with {self.process.returncode} before it was ready:\n{self.log()}")
            return any("READY=1" in text for text in self.notifications())
        until(ready, lambda: f"READY=1 from rudderd\n{self.log()}", seconds)

    @staticmethod
    def _listen(notify, status):
        while text := notify.recv(65536):
            status.append(text.decode())

    def notifications(self):
        """What the daemon has told the service manager since it was started."""
        return list(self.status)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def write(self, file, text):
        """As Ansible does it: a temporary file beside it, then a rename."""
        temporary = self.directory / f".ansible_tmp{os.getpid()}{file}"
        temporary.write_text(text)
        temporary.rename(self.directory / file)

    def remove(self, file):
        (self.directory / file).unlink()

    def reload(self, check=True):
        return self.namespace.exec(RUDDERD, "--reload", "--runtime-dir", self.runtime, check=check)

    def set(self, files):
        """Makes `files` the whole configuration and has it loaded."""
        for old in self.directory.glob("*.toml"):
            if old.name not in files:
                old.unlink()
        for file, text in files.items():
            self.write(file, text)
        return self.reload()

    def stat(self, *words):
        """What rudderstat says, as parsed JSON."""
        return json.loads(self.namespace.exec(RUDDERSTAT, "--socket", self.runtime / "io.rudder.Status", *words, "--json").stdout)

    def stat_text(self, *words):
        return self.namespace.exec(RUDDERSTAT, "--socket", self.runtime / "io.rudder.Status", *words).stdout

    def generation(self):
        return find_key(self.stat("internals"), "generation")

    def rule(self, name):
        """One rule's entry in `rudderstat rules`."""
        return next(r for r in find_key(self.stat("rules"), "rules") if r["name"] == name)

    def packets(self, name):
        """How often a rule matched."""
        return next(find_key(r, "packets") for r in find_key(self.stat("stats"), "rules") if r["name"] == name)

    def pid(self):
        """Of rudderd itself, also below a wrapper such as strace."""
        if not self.wrapper or self.wrapper[0] == "setpriv":  # setpriv becomes the program
            return self.process.pid
        for child in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            return int(child)
        raise Failure("the wrapper runs no rudderd")

    def kernel_objects(self):
        """Ids of the BPF objects the daemon holds: {("prog", 12), ("map", 7), ("link", 3)}."""
        found = set()
        for info in pathlib.Path(f"/proc/{self.pid()}/fdinfo").iterdir():
            with contextlib.suppress(OSError):
                for kind, number in re.findall(r"^(prog|map|link)_id:\s+(\d+)$", info.read_text(), re.M):
                    found.add((kind, int(number)))
        return found

    def end(self, number=signal.SIGTERM, seconds=10):
        """Sends the signal and returns the exit status (negative: ended by that signal)."""
        if self.process.poll() is None:
            os.kill(self.pid(), number)
        return self.process.wait(seconds)

    def kill(self):
        return self.end(signal.SIGKILL)


def find_key(document, key):
    """The first value of `key` anywhere in a JSON document, breadth first."""
    level = [document]
    while level:
        for node in level:
            if isinstance(node, dict) and key in node:
                return node[key]
        level = [c for n in level for c in (n.values() if isinstance(n, dict) else n if isinstance(n, list) else ())]
    raise Failure(f"no {key!r} in {json.dumps(document)[:500]}")
