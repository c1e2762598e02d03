# SPDX-License-Identifier: Apache-2.0
"""Tests that run in network namespaces: what is tested, how it is judged, and that nothing stays behind.

A test script calls `harness.main(__doc__, test...)`. It is then executed again inside mount, network and
process namespaces of its own with an empty /run: whatever it makes, however it ends, goes away with it.
Exit codes: 0 passed, 1 failed, 77 skipped (with the reason; never for want of root when RUDDER_NO_SKIP is set).
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

BUILD = pathlib.Path(os.environ.get("RUDDER_BUILD", pathlib.Path(__file__).parents[2] / "build/gcc"))
RUDDERD = os.environ.get("RUDDERD", str(BUILD / "src/rudderd"))
RUDDERSTAT = os.environ.get("RUDDERSTAT", str(BUILD / "src/rudderstat"))
ROOT = pathlib.Path("/run/lab")
MARKER = "RUDDER_LAB_INSIDE"


class Failure(AssertionError):
    """The product did not do what the specification says."""


class Skip(Exception):
    """This machine lacks something the test needs."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def expect_equal(found, wanted, text):
    expect(found == wanted, f"{text}: found {found!r}, wanted {wanted!r}")


def until(condition, text, seconds=5.0, every=0.02):
    """Waits until `condition()` is true and returns how long it took, in seconds. `text` may be a function that makes it."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start >= seconds:
            raise Failure(f"{text() if callable(text) else text}: not within {seconds} s")
        time.sleep(every)
    return time.monotonic() - start


def run(*command, check=True, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("timeout", 60)
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, **options)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(str(w) for w in command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def proves(subject, judge, *places):
    """Marks a test that proves these rows of the conformance table (tests/conformance/rows.py)."""
    def mark(test):
        test.rows = getattr(test, "rows", []) + [f"{subject}/{place}/{judge}" for place in places]
        return test
    return mark


def _record(test, outcome):
    """Notes what became of the rows that a test is for: a number of packets, or "cannot"."""
    directory = os.environ.get("RUDDER_CONFORMANCE")
    if directory and getattr(test, "rows", None):
        with open(pathlib.Path(directory) / "lab", "a", encoding="utf-8") as file:
            file.write("".join(f"{row}\t{outcome}\n" for row in test.rows))


def _outside(script):
    os.environ[MARKER] = "1"
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
               "--propagation", "private", "--", sys.executable, "-B", *script]
    os.execvp(command[0], command)


def _skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def need_root():
    if os.geteuid() == 0:
        return
    if os.environ.get("RUDDER_NO_SKIP"):
        print("needs root, and may not skip here")
        sys.exit(1)
    _skip("needs root")


def enter():
    """Returns inside namespaces of our own; outside of them it does not return."""
    if os.environ.get(MARKER):
        run("mount", "-t", "tmpfs", "-o", "mode=755", "rudder-lab", "/run")
        os.umask(0o022)
        ROOT.mkdir(parents=True)
        pathlib.Path("/run/netns").mkdir()
        return
    need_root()
    for tool in ("unshare", "ip", "tc", "ethtool", "bpftool"):
        if run("sh", "-c", f"command -v {tool}", check=False).returncode != 0:
            _skip(f"needs {tool}")
    if not os.access(RUDDERD, os.X_OK):
        print(f"no daemon at {RUDDERD}")
        sys.exit(1)
    _outside([os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def main(description, *tests):
    """Runs the test functions in order; each gets nothing and fails by raising."""
    enter()
    print(description.strip().splitlines()[0], flush=True)
    selected = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    failed = skipped = 0
    for number, test in enumerate(selected, 1):
        sentence = test.__name__.replace("_", " ")
        start = time.monotonic()
        try:
            test()
            _record(test, 1)
            print(f"ok {number} - {sentence} ({time.monotonic() - start:.1f} s)", flush=True)
        except Skip as reason:
            skipped += 1
            _record(test, "cannot")
            print(f"ok {number} - {sentence} # SKIP {reason}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {sentence}\n{traceback.format_exc()}", flush=True)
            show_logs()
        clear()
    if failed:
        sys.exit(1)
    sys.exit(77 if skipped == len(selected) else 0)


def show_logs():
    for log in ROOT.glob("*/log"):
        print(f"--- {log.parent.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-40:]), flush=True)


def clear():
    """Ends what the test started and takes its namespaces down, before the next one begins."""
    mine = os.getpid()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in (1, mine):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0):
            pass
    for name in os.listdir("/run/netns"):
        run("ip", "netns", "delete", name, check=False)
    run("rm", "-rf", ROOT)
    ROOT.mkdir()
