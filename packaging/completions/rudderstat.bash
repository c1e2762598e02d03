# SPDX-License-Identifier: Apache-2.0
# bash completion for rudderstat(1)

_rudderstat() {
    local documents="rules stats interfaces maps internals config"
    local options="--socket --json --no-legend --version --help"
    local word document="" current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ " $documents " == *" $word "* ]] && document=$word
    done
    [[ $document == stats ]] && options+=" --watch --count"
    case $previous in
        --socket)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --count) return ;;
    esac
    if [[ $current == -* || -n $document ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$documents" -- "$current")
    fi
}
complete -F _rudderstat rudderstat
