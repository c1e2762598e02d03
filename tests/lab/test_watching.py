#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A file written the way Ansible, editors, dpkg or Kubernetes write it is active within a second, and no half file ever is."""
import os
import shutil
import subprocess
import time

from harness import expect, expect_equal, main, until
from lab import Crossroads, Daemon
from traffic import UdpReceiver, UdpSender

RULE = """
[[rule]]
name = "stamp"
priority = 10
type = "steer"
match = {{ interface = "eth0", direction = "ingress", dst_ip = "10.20.0.10", ip_proto = "udp" }}
action = {{ via = "eth2", next_hop = "10.10.2.1", dscp = {} }}
"""


class Probe:
    """A lab with traffic whose DSCP tells which policy treats it."""

    def __init__(self, dscp=1):
        self.lab = Crossroads()
        self.receiver = UdpReceiver(self.lab.b, 5000)
        self.daemon = Daemon(self.lab.router, {"10.toml": RULE.format(dscp)} if dscp is not None else {})
        self.directory = self.daemon.directory
        self.lab.know_neighbours()
        self.sender = UdpSender(self.lab.sender, self.lab.SERVER, 5000)

    def dscp(self):
        self.sender.send(1)
        datagram = self.receiver.receive(0.5)
        return datagram.dscp if datagram else None

    def becomes(self, dscp, seconds=1.0, since=None):
        """Waits until packets carry `dscp`; the time is counted from `since`."""
        start = since or time.monotonic()
        until(lambda: self.dscp() == dscp, f"DSCP {dscp}", 6, 0.005)
        took = time.monotonic() - start
        expect(took < seconds, f"active only after {took * 1000:.0f} ms")
        return took

    def stays(self, dscp, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            expect_equal(self.dscp(), dscp, "DSCP while the policy must stay")
            time.sleep(0.005)


def ansible_renames_a_file_into_place():
    probe = Probe()
    times = []
    for dscp in range(2, 12):
        probe.daemon.write("10.toml", RULE.format(dscp))
        times.append(probe.becomes(dscp))
    print(f"# active {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms after the rename, over {len(times)} renames")


def a_file_is_added_and_removed():
    probe = Probe()
    second = RULE.format(30).replace('"stamp"', '"first"').replace("priority = 10", "priority = 5")
    probe.daemon.write("05.toml", second)
    probe.becomes(30)
    probe.daemon.remove("05.toml")
    probe.becomes(1)


def sed_edits_in_place():
    probe = Probe()
    subprocess.run(["sed", "-i", "s/dscp = 1 /dscp = 2 /", probe.directory / "10.toml"], check=True)
    probe.becomes(2)


def a_shell_writes_into_the_file():
    probe = Probe()
    (probe.directory / "10.toml").write_text(RULE.format(3))
    probe.becomes(3)


def vim_writes_a_backup_and_a_new_file():
    probe = Probe()
    file = probe.directory / "10.toml"
    (probe.directory / ".10.toml.swp").write_bytes(b"b0VIM 9.0")
    (probe.directory / "4913").write_text("")
    (probe.directory / "4913").unlink()
    file.rename(probe.directory / "10.toml~")
    time.sleep(0.05)
    file.write_text(RULE.format(4))
    (probe.directory / "10.toml~").unlink()
    probe.becomes(4)
    (probe.directory / ".10.toml.swp").unlink()


def dpkg_unpacks_and_leaves_its_old_and_new_files():
    probe = Probe()
    new = probe.directory / "10.toml.dpkg-new"
    new.write_text(RULE.format(5))
    os.link(probe.directory / "10.toml", probe.directory / "10.toml.dpkg-tmp")
    new.rename(probe.directory / "10.toml")
    (probe.directory / "10.toml.dpkg-tmp").unlink()
    (probe.directory / "10.toml.dpkg-dist").write_text("not = [ toml")
    probe.becomes(5)
    probe.stays(5, 0.8)


def kubernetes_swaps_its_data_link():
    probe = Probe(None)
    for number, dscp in ((1, 6), (2, 7), (3, 8)):
        data = probe.directory / f"..2026_11_21_{number}"
        data.mkdir()
        (data / "10.toml").write_text(RULE.format(dscp))
        os.symlink(data.name, probe.directory / "..data_tmp")
        (probe.directory / "..data_tmp").rename(probe.directory / "..data")
        if number == 1:
            os.symlink("..data/10.toml", probe.directory / "10.toml")
        else:
            shutil.rmtree(probe.directory / f"..2026_11_21_{number - 1}")
        probe.becomes(dscp)


def a_slow_writer_never_makes_a_half_policy_active():
    probe = Probe()
    text = RULE.format(9) + "# " + "-" * 100 + "\n"
    with open(probe.directory / "10.toml", "w", encoding="utf-8", buffering=1) as file:
        for number in range(0, len(text), 4):
            file.write(text[number:number + 4])
            file.flush()
            expect_equal(probe.dscp(), 1, "DSCP while the file is being written")
            time.sleep(0.01)
        written = time.monotonic()
    probe.becomes(9, since=written)


def a_burst_of_changes_is_one_generation_and_ends_with_the_last():
    probe = Probe()
    before = probe.daemon.generation()
    for dscp in range(2, 62):
        probe.daemon.write("10.toml", RULE.format(dscp))
        time.sleep(0.002)
    probe.becomes(61)
    expect(probe.daemon.generation() - before <= 2, f"{probe.daemon.generation() - before} generations for one burst")


def touching_without_a_change_makes_no_new_generation():
    probe = Probe()
    before = probe.daemon.generation()
    os.utime(probe.directory / "10.toml")
    probe.daemon.write("10.toml", RULE.format(1))
    probe.daemon.reload()
    time.sleep(0.8)
    expect_equal(probe.daemon.generation(), before, "generation")


def a_directory_that_vanishes_keeps_the_policy_and_is_found_again():
    probe = Probe()
    shutil.rmtree(probe.directory)
    probe.stays(1, 1.0)
    probe.directory.mkdir()
    time.sleep(0.1)
    probe.daemon.write("10.toml", RULE.format(12))
    probe.becomes(12, 6)


def the_last_file_removed_keeps_the_policy():
    probe = Probe()
    probe.daemon.remove("10.toml")
    expect(probe.daemon.reload(check=False).returncode == 78, "an empty set was accepted while a policy runs")
    probe.stays(1, 0.8)


def a_file_that_others_may_write_is_refused():
    probe = Probe()
    (probe.directory / "10.toml").write_text(RULE.format(13))
    (probe.directory / "10.toml").chmod(0o666)
    expect_equal(probe.daemon.reload(check=False).returncode, 78, "exit status for a world-writable file")
    expect_equal(probe.dscp(), 1, "DSCP")
    (probe.directory / "10.toml").chmod(0o644)
    probe.becomes(13)


def a_link_out_of_the_directory_is_refused_and_one_to_dev_null_masks():
    probe = Probe()
    outside = probe.directory.parent / "outside.toml"
    outside.write_text(RULE.format(14))
    probe.daemon.remove("10.toml")
    os.symlink(outside, probe.directory / "10.toml")
    expect_equal(probe.daemon.reload(check=False).returncode, 78, "exit status for a link that leads outside")
    (probe.directory / "10.toml").unlink()
    probe.daemon.write("20.toml", RULE.format(15))
    os.symlink("/dev/null", probe.directory / "10.toml")
    probe.daemon.reload()
    expect_equal(probe.dscp(), 15, "DSCP with a masked file")


def a_list_file_is_watched_like_a_policy_file():
    listed = RULE.replace('dst_ip = "10.20.0.10"', 'dst_ip = "@servers"') + '[[set]]\nname = "servers"\nfile = "servers.list"\n'
    probe = Probe(None)
    probe.daemon.set({"servers.list": "# none of ours\n10.99.0.0/16\n", "10.toml": listed.format(1)})
    until(lambda: probe.daemon.generation() > 0, "a generation")
    expect_equal(probe.dscp(), None, "DSCP of what is not in the list")
    probe.daemon.write("servers.list", "10.99.0.0/16\n10.20.0.10/32  # the server\n")
    probe.becomes(1)
    probe.daemon.write("servers.list", "10.20.0.10\n10.20.0.0/33\n")
    refused = probe.daemon.reload(check=False)
    expect_equal(refused.returncode, 78, "exit status for a list with a mistake")
    expect("servers.list:2:1" in refused.stderr + refused.stdout, f"the place of the mistake: {refused.stderr}{refused.stdout}")
    expect_equal(probe.dscp(), 1, "DSCP while the policy before goes on")
    probe.daemon.remove("servers.list")
    expect_equal(probe.daemon.reload(check=False).returncode, 78, "exit status without the list")
    expect_equal(probe.dscp(), 1, "DSCP while the policy before goes on")


main(__doc__,
     ansible_renames_a_file_into_place,
     a_file_is_added_and_removed,
     sed_edits_in_place,
     a_shell_writes_into_the_file,
     vim_writes_a_backup_and_a_new_file,
     dpkg_unpacks_and_leaves_its_old_and_new_files,
     kubernetes_swaps_its_data_link,
     a_slow_writer_never_makes_a_half_policy_active,
     a_burst_of_changes_is_one_generation_and_ends_with_the_last,
     touching_without_a_change_makes_no_new_generation,
     a_directory_that_vanishes_keeps_the_policy_and_is_found_again,
     the_last_file_removed_keeps_the_policy,
     a_file_that_others_may_write_is_refused,
     a_link_out_of_the_directory_is_refused_and_one_to_dev_null_masks,
     a_list_file_is_watched_like_a_policy_file)
