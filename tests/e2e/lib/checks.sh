# shellcheck shell=bash
# The words a scenario's `check` is written in. `check` runs after pod.yaml was applied, in a
# namespace of its own ($NS); its first failing command fails the scenario.

E2E_TIMEOUT=${E2E_TIMEOUT:-120}

# Why the scenario fails, in one line.
fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# kubectl in the scenario's namespace.
k() { kubectl --namespace "$NS" "$@"; }

# field KIND/NAME JSONPATH: one value of an object as the API server has it.
field() { k get "$1" -o "jsonpath={$2}"; }

# container_name POD: its first (app) container.
container_name() { field "pod/$1" '.spec.containers[0].name'; }

# ended POD [CONTAINER]: waits until the container has ended, and prints its exit code.
ended() {
    local pod=$1 container=${2:-} status
    container=${container:-$(container_name "$pod")}
    status=".status.containerStatuses[?(@.name==\"$container\")].state.terminated"
    k wait "pod/$pod" --for="jsonpath={$status.reason}" --timeout="${E2E_TIMEOUT}s" >/dev/null ||
        fail "container $container of Pod $pod did not end within ${E2E_TIMEOUT}s"
    field "pod/$pod" "$status.exitCode"
}

# expect_exit CODE POD [CONTAINER]
expect_exit() {
    local expected=$1 code
    shift
    code=$(ended "$@")
    [[ $code == "$expected" ]] || fail "$* ended with status $code, not $expected"
}

# expect_log POD[/CONTAINER] REGEX: some line of its log matches.
expect_log() {
    # Not `grep -q`: it leaves at the first match, and kubectl fails for want of a reader.
    log "$1" | grep -E -- "$2" >/dev/null || fail "no line of the log of $1 matches: $2"
}

# refuse_log POD[/CONTAINER] REGEX: no line of its log matches.
refuse_log() {
    ! log "$1" | grep -E -- "$2" || fail "a line of the log of $1 matches: $2"
}

log() {
    if [[ $1 == */* ]]; then
        k logs "pod/${1%%/*}" --container "${1#*/}"
    else
        k logs "pod/$1" --container "$(container_name "$1")"
    fi
}

ready() {
    k wait "pod/$1" --for=condition=Ready --timeout="${E2E_TIMEOUT}s" >/dev/null ||
        fail "Pod $1 was not ready within ${E2E_TIMEOUT}s"
}
