# SPDX-License-Identifier: Apache-2.0
# bash completion for rudderd(8)

_rudderd() {
    local options="--check --reload --cleanup --config-dir --runtime-dir --settings --with --strict --format --version --help"
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    case $previous in
        --config-dir | --runtime-dir)
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --format)
            mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current")
            return
            ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _rudderd rudderd
