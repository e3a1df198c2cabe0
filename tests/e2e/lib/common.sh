# shellcheck shell=bash
# What every part of the runner needs: where things live, how it speaks, how it waits.

E2E_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Binaries and images outlive a run, and a checkout: they live outside the tree.
E2E_CACHE=${E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dind-injector-e2e}

# Whether the cluster is somebody else's.
foreign() { [[ -n ${E2E_KUBECONFIG:-} ]]; }

# Who reads this is waiting: each line says how far into the run it was printed.
say() { printf '%4ds  %s\n' "$SECONDS" "$*" >&2; }

# One line, and a status that no caller takes for success.
die() {
    printf 'tests/e2e/run: %s\n' "$*" >&2
    exit 2
}

need() {
    local command=$1 hint=$2
    command -v "$command" >/dev/null || die "$command is missing: $hint"
}

# patient SECONDS: as long as that takes on this node. An emulated processor is slower by a factor.
patient() { echo $(($1 * ${PATIENCE:-1})); }

# until_true SECONDS COMMAND…: polls a condition that nothing can watch for.
until_true() {
    local deadline=$((SECONDS + $(patient "$1")))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}
