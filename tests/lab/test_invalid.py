#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An invalid set changes nothing and says why: file, line and column, in the client, the log and the status."""
import os
import re
import shutil
import signal
import subprocess
import time

from harness import RUDDERD, ROOT, expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, send_udp

GOOD = """[[rule]]
name = "ef"
priority = 10
type = "steer"
match = { interface = "eth0", direction = "ingress", dst_ip = "10.20.0.0/16", dscp = "ef" }
action = { via = "eth2", next_hop = "10.10.2.1" }
"""
OTHER = """[[rule]]
name = "other"
priority = 20
type = "drop"
match = { interface = "eth1", dst_ip = "10.99.0.0/16" }
"""

# What is wrong with the file, its text, and the line and column of the finding.
BAD = [
    ("a DSCP that does not exist", GOOD.replace('"ef" }', "64 }"), 5, 86),
    ("an unknown key", GOOD.replace("next_hop", "nexthop"), 6, 26),
    ("not TOML", GOOD + "[[rule\n", 7, None),
    ("a prefix that is none", GOOD.replace("10.20.0.0/16", "10.20.0.0/33"), 5, 63),
    ("no priority", GOOD.replace("priority = 10\n", ""), 1, None),
    ("an unknown type", GOOD.replace('"steer"', '"stear"'), 4, 8),
    ("an ICMP type without the protocol", GOOD.replace('dscp = "ef"', "icmp_type = 8"), 5, None),
    ("a type that is not supported yet", GOOD.replace('"steer"', '"capture"'), 4, None),
    ("a replicate without targets", GOOD.replace('"steer"', '"replicate"').replace('via = "eth2", next_hop = "10.10.2.1"', ""), None, None),
    ("a port without ports", GOOD.replace('dscp = "ef"', 'ip_proto = "icmp", dst_port = 5'), 5, None),
    ("an IPv6 next hop for IPv4 only", GOOD.replace("10.20.0.0/16", "2001:db8::/32"), None, None),
]


def _steers(lab, receiver):
    sent = send_udp(lab.sender, lab.SERVER, 5000, 5, dscp=46)
    expect_equal([d.payload for d in receiver.collect(5)], sent, "EF datagrams at b")


def each_bad_file_is_refused_with_its_place_and_nothing_changes():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10-ef.toml": GOOD, "20-other.toml": OTHER})
    _steers(lab, at_b)
    generation, count = daemon.generation(), 5
    for what, text, line, column in BAD:
        daemon.write("10-ef.toml", text)
        verdict = daemon.reload(check=False)
        printed = verdict.stdout + verdict.stderr
        expect_equal(verdict.returncode, 78, f"{what}: exit status of rudderd --reload")
        place = re.search(r"10-ef\.toml:(\d+):(\d+): error\[(E\d+)\]: ", printed)
        expect(place, f"{what}: no place in:\n{printed}")
        if line:
            expect_equal(int(place[1]), line, f"{what}: line, in:\n{printed}")
        if column:
            expect_equal(int(place[2]), column, f"{what}: column, in:\n{printed}")
        expect("^" in printed, f"{what}: no caret in:\n{printed}")
        expect_equal(daemon.generation(), generation, f"{what}: generation")
        _steers(lab, at_b)
        count += 5
        expect_equal(daemon.packets("ef"), count, f"{what}: packets counted")
        expect(place[3] in daemon.log(), f"{what}: the log does not have {place[3]}")
    daemon.write("10-ef.toml", GOOD.replace("10.20.0.0/16", "10.20.0.0/17"))
    daemon.reload()
    expect_equal(daemon.generation(), generation + 1, "generation after the repair")
    _steers(lab, at_b)


def all_errors_of_the_set_come_in_one_run_and_duplicates_show_both_places():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10-ef.toml": GOOD})
    daemon.write("20-other.toml", OTHER.replace('"other"', '"ef"').replace("10.99.0.0/16", "10.99.0.0.0"))
    verdict = daemon.reload(check=False)
    printed = verdict.stdout + verdict.stderr
    expect_equal(verdict.returncode, 78, "exit status")
    for place in ("20-other.toml:2:", "10-ef.toml:2:", "20-other.toml:5:"):
        expect(place in printed, f"{place} is not in:\n{printed}")


def a_slip_of_the_finger_is_answered_with_the_right_word():
    lab = Crossroads()
    daemon = Daemon(lab.router, {"10-ef.toml": GOOD})
    daemon.write("10-ef.toml", GOOD.replace("next_hop", "nexthop"))
    verdict = daemon.reload(check=False)
    expect("next_hop" in verdict.stdout + verdict.stderr, "no did-you-mean for nexthop")


def a_bad_file_found_by_inotify_is_reported_once_and_in_the_status():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10-ef.toml": GOOD})
    generation = daemon.generation()
    daemon.write("10-ef.toml", BAD[0][1])
    until(lambda: "10-ef.toml:5:" in daemon.log(), "the error in the log", 3)
    os.utime(daemon.directory / "10-ef.toml")
    time.sleep(1)
    expect_equal(daemon.log().count("10-ef.toml:5:86"), 1, "reports of the same bad set")
    expect(any("10-ef.toml" in text for text in daemon.notifications() if "STATUS=" in text), f"STATUS: {daemon.notifications()}")
    expect_equal(daemon.generation(), generation, "generation")
    _steers(lab, at_b)


def sighup_reloads_and_a_bad_set_does_not_end_the_daemon():
    lab = Crossroads()
    at_b = UdpReceiver(lab.b, 5000)
    daemon = Daemon(lab.router, {"10-ef.toml": GOOD})
    daemon.write("10-ef.toml", BAD[0][1])
    os.kill(daemon.pid(), signal.SIGHUP)
    _steers(lab, at_b)
    expect_equal(daemon.process.poll(), None, "rudderd is alive")
    daemon.write("10-ef.toml", GOOD.replace("priority = 10", "priority = 12"))
    daemon.reload()
    reloads = "\n".join(daemon.notifications())
    expect("RELOADING=1" in reloads and "MONOTONIC_USEC=" in reloads, f"RELOADING=1 was not sent: {reloads}")


def check_needs_neither_root_nor_daemon():
    directory = ROOT / "check"
    directory.mkdir(mode=0o755)
    (directory / "10-ef.toml").write_text(GOOD)
    program = shutil.copy(RUDDERD, ROOT / "rudderd")  # where nobody may execute it

    def check(*arguments):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
                               program, "--check", *arguments], capture_output=True, text=True, timeout=20, check=False)
    good = check("--config-dir", directory)
    expect_equal(good.returncode, 0, f"exit status for a good set:\n{good.stdout}{good.stderr}")
    (directory / "10-ef.toml").write_text(BAD[1][1])
    bad = check("--config-dir", directory)
    expect_equal(bad.returncode, 78, "exit status for a bad set")
    expect("10-ef.toml:6:26: error[E" in bad.stdout + bad.stderr, f"no place in:\n{bad.stdout}{bad.stderr}")
    (directory / "source").write_text(GOOD.replace("priority = 10", "priority = 13"))
    ansible = check("--config-dir", directory, "--with", f"{directory}/source:{directory}/10-ef.toml")
    expect_equal(ansible.returncode, 0, f"exit status of Ansible's validate:\n{ansible.stdout}{ansible.stderr}")
    (directory / "10-ef.toml").unlink()
    (directory / "10-ef.toml").write_text(GOOD)
    (directory / "source").write_text(BAD[0][1])
    ansible = check("--config-dir", directory, "--with", f"{directory}/source:{directory}/10-ef.toml")
    expect_equal(ansible.returncode, 78, "exit status of Ansible's validate for a bad file")


def no_daemon_to_reload_is_69_and_nonsense_on_the_command_line_64():
    lab = Crossroads()
    expect_equal(lab.router.exec(RUDDERD, "--reload", "--runtime-dir", ROOT, check=False).returncode, 69, "without a daemon")
    expect_equal(lab.router.exec(RUDDERD, "--nonsense", check=False).returncode, 64, "unknown option")


main(__doc__,
     each_bad_file_is_refused_with_its_place_and_nothing_changes,
     all_errors_of_the_set_come_in_one_run_and_duplicates_show_both_places,
     a_slip_of_the_finger_is_answered_with_the_right_word,
     a_bad_file_found_by_inotify_is_reported_once_and_in_the_status,
     sighup_reloads_and_a_bad_set_does_not_end_the_daemon,
     check_needs_neither_root_nor_daemon,
     no_daemon_to_reload_is_69_and_nonsense_on_the_command_line_64)
