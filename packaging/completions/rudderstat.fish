# SPDX-License-Identifier: Apache-2.0
# fish completion for rudderstat(1)

set -l documents rules stats interfaces maps internals config

complete -c rudderstat -f
complete -c rudderstat -n "not __fish_seen_subcommand_from $documents" -a rules -d 'Rules in the order they are looked at'
complete -c rudderstat -n "not __fish_seen_subcommand_from $documents" -a stats -d 'Packets, bytes and failures'
complete -c rudderstat -n "not __fish_seen_subcommand_from $documents" -a interfaces -d 'Interfaces and the hooks on them'
complete -c rudderstat -n "not __fish_seen_subcommand_from $documents" -a maps -d 'BPF maps, their memory, and the next hops'
complete -c rudderstat -n "not __fish_seen_subcommand_from $documents" -a internals -d 'State, features and limits of the daemon'
complete -c rudderstat -n "not __fish_seen_subcommand_from $documents" -a config -d 'Files of the running set'
complete -c rudderstat -l socket -r -F -d 'Status socket of rudderd'
complete -c rudderstat -l json -d 'Print the document as JSON'
complete -c rudderstat -l no-legend -d 'No column headings and no summary lines'
complete -c rudderstat -n '__fish_seen_subcommand_from stats' -l watch -d 'Show rates again every SECONDS'
complete -c rudderstat -n '__fish_seen_subcommand_from stats' -l count -x -d 'End after N samples'
complete -c rudderstat -l version -d 'Print the version'
complete -c rudderstat -s h -l help -d 'Print help'
