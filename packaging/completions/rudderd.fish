# SPDX-License-Identifier: Apache-2.0
# fish completion for rudderd(8)

complete -c rudderd -s t -l check -d 'Judge the configuration as a reload would, and exit'
complete -c rudderd -l reload -d 'Ask the running daemon to reload, and print its verdict'
complete -c rudderd -l cleanup -d 'Remove what a killed daemon left in the kernel'
complete -c rudderd -l config-dir -x -a '(__fish_complete_directories)' -d 'Directory with *.toml and *.list files'
complete -c rudderd -l runtime-dir -x -a '(__fish_complete_directories)' -d 'Where the sockets are'
complete -c rudderd -l settings -r -F -d "The daemon's own settings"
complete -c rudderd -l with -r -F -d 'Check SRC in the place of DST (SRC:DST)'
complete -c rudderd -l strict -d 'Warnings fail the check'
complete -c rudderd -l format -x -a 'text json' -d 'How findings are printed'
complete -c rudderd -s V -l version -d 'Print the version'
complete -c rudderd -s h -l help -d 'Print help'
