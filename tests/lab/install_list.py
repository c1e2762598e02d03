#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`meson install` puts everything where a distribution would, and nothing else anywhere."""
import os
import pathlib
import subprocess
import sys
import tempfile

BUILD = os.environ["RUDDER_BUILD"]

# Below the prefix, but for what is absolute.
WANTED = {
    "sbin/rudderd", "bin/rudderstat",
    "lib/systemd/system/rudderd.service", "lib/sysusers.d/rudder.conf", "lib/tmpfiles.d/rudder.conf", "lib/systemd/catalog/rudder.catalog",
    "share/man/man8/rudderd.8", "share/man/man1/rudderstat.1", "share/man/man5/rudder.toml.5",
    "share/doc/rudder/examples/10-ef-other-path.toml", "share/doc/rudder/examples/20-multicast-to-unicast.toml",
    "share/doc/rudder/examples/21-multicast-to-multicast.toml",
    "share/doc/rudder/examples/30-udp-forwarder.toml", "share/doc/rudder/examples/31-udp-relay.toml",
    "share/doc/rudder/examples/32-fan-out.toml",
    "share/doc/rudder/examples/40-source-routing.toml", "share/doc/rudder/examples/41-routing-tables.toml",
    "share/doc/rudder/examples/50-ipv6.toml", "share/doc/rudder/examples/60-vlan.toml",
    "share/doc/rudder/examples/61-fields.toml", "share/doc/rudder/examples/62-blocked.list", "share/doc/rudder/examples/62-list-file.toml",
    "share/doc/rudder/examples/63-vlan-rewrite.toml", "share/doc/rudder/examples/64-header-fields.toml",
    "share/doc/rudder/examples/70-groups.toml", "share/doc/rudder/examples/71-health.toml",
    "share/doc/rudder/examples/75-mirror.toml", "share/doc/rudder/examples/76-limit.toml", "share/doc/rudder/examples/77-heads.toml",
    "share/bash-completion/completions/rudderd", "share/bash-completion/completions/rudderstat",
    "share/zsh/site-functions/_rudderd", "share/zsh/site-functions/_rudderstat",
    "share/fish/vendor_completions.d/rudderd.fish", "share/fish/vendor_completions.d/rudderstat.fish",
    "/etc/rudder/conf.d/README",
}


def main():
    with tempfile.TemporaryDirectory(prefix="rudder-install-") as directory:
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", directory], check=True, stdout=subprocess.DEVNULL)
        root = pathlib.Path(directory)
        prefix = next(root.glob("**/sbin/rudderd")).parents[1]
        found = set()
        for path in root.rglob("*"):
            if path.is_file():
                inside = path.is_relative_to(prefix) and path.relative_to(prefix).parts[0] != "etc"
                found.add(str(path.relative_to(prefix)) if inside else "/" + str(path.relative_to(root)))
        for name in sorted(WANTED - found):
            print(f"missing: {name}")
        for name in sorted(found - WANTED):
            print(f"unexpected: {name}")
        sys.exit(0 if found == WANTED else 1)


main()
