# shellcheck shell=bash
# Finds the scenarios, runs them side by side, and reports.

# The status of a scenario that cannot be run in this cluster.
NOT_RUN=77
# The status of one whose node has ended by itself.
NODE_ENDED=78
# How often a run boots another virtual machine in place of one that has ended by itself.
BOOTS_LEFT=3

# run_scenarios NODE… -- [WORD…]: on each of these nodes in turn, those that it is for.
run_scenarios() {
    local nodes=() node passed=0 failed=0 not_run=0 first=1
    while [[ $1 != -- ]]; do
        nodes+=("$1")
        shift
    done
    shift
    local hint='those with a real system, or that take long, run with --systems'
    [[ -z ${APART:-} ]] || hint='--systems: of those with a real system, or that take long'
    [[ -n $(for node in "${nodes[@]}"; do select_scenarios "$node" "$@"; done) ]] ||
        die "no scenario for ${nodes[*]} has a name that contains: $* ($hint)"

    # A trap runs with the redirections of what it interrupts.
    exec {STDOUT}>&1 {STDERR}>&2
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    trap finish EXIT
    # Remains of a killed run that this one removes would count as a change of the machine.
    foreign || no_other_node
    foreign || remember_machine
    RESULTS=$(mktemp -d)
    # First what can take minutes, so that no node waits for it.
    ensure_binary
    for node in "${nodes[@]}"; do
        use_node "$node"
        mapfile -t names < <(select_scenarios "$node" "$@")
        ((${#names[@]})) || continue
        ((first)) || cluster_down
        first=0
        foreign || ensure_systems "${names[@]}"
        bring_up_with_webhook "${names[@]}"
        run_selected
    done
    VERDICT="$passed passed, $failed failed"
    ((not_run == 0)) || VERDICT+=", $not_run not run here"
    ((failed == 0)) || FAILED=1
}

# Most run under the manifests as they are, side by side; then, one by one, those that change the
# webhook or the cluster for everybody. From the first that needs a policy of the tests' own on
# the webhook reads its policy from a ConfigMap, so that this is set up once and never taken back.
run_selected() {
    local name
    say "running ${#names[@]} scenarios on the node ($NODE)"
    run_parallel "$(named_like -v -e '-(alone|ruled|policy)$')"
    run_each "$(named_like -e '-alone$')"
    if [[ -n $(named_like -e '-(ruled|policy)$') ]] && ! node_has_ended; then
        attempt mount_policy "$E2E_DIR/policy.yaml"
        run_parallel "$(named_like -e '-ruled$')"
        run_each "$(named_like -e '-policy$')"
    fi
    local left=()
    for name in "${names[@]}"; do
        case $(cat "$RESULTS/$name.status" 2>/dev/null) in
        0) passed=$((passed + 1)) ;;
        "$NOT_RUN") not_run=$((not_run + 1)) ;;
        "$NODE_ENDED" | '') left+=("$name") ;;
        *) failed=$((failed + 1)) ;;
        esac
        rm -f "$RESULTS/$name.status"
    done
    ((${#left[@]})) || return 0
    if in_vm && ((BOOTS_LEFT > 0)); then
        say "${#left[@]} scenarios are left"
        end_for_another
        rm -rf "$RESULTS/node-ended"
        bring_up_with_webhook "${left[@]}"
        names=("${left[@]}")
        run_selected
    else
        failed=$((failed + ${#left[@]}))
    fi
}

bring_up_with_webhook() {
    bring_up "$@"
    INSTALLED=1
    attempt install_webhook
    [[ -n $NODE_LOST ]] || return 0
    end_for_another
    bring_up_with_webhook "$@"
}

# attempt COMMAND…: $NODE_LOST is not empty where the virtual machine ended under it and another may be booted; any other
# failure ends the run. Not for a condition: `set -e` would not hold in the command.
attempt() {
    local status=0
    NODE_LOST=
    ("$@") &
    wait $! || status=$?
    ((status != 0)) || return 0
    in_vm && node_has_ended && ((BOOTS_LEFT > 0)) || exit "$status"
    why_node_ended >&2
    NODE_LOST=1
}

# end_for_another: an emulator that crashes says nothing about what is tested. Another one is tried, a few times in a run,
# and said so.
end_for_another() {
    BOOTS_LEFT=$((BOOTS_LEFT - 1))
    say 'another machine is booted'
    cluster_down
}

# named_like [-v] -e PATTERN: those of $names that do, or do not.
named_like() { printf '%s\n' "${names[@]}" | grep -E "$@" || true; }

# select_scenarios NODE [WORD…]: those for that node. One that says nothing of nodes is for the native one; `# nodes: …` in its check says which it is for,
# where `vm` is both machines. `# runtimes: …` says which container runtimes it is for, and is missing from most. With
# --systems those that need one, and what else says that it is kept apart (`# apart: why`); without, all others.
select_scenarios() {
    local node=$1 dir name word nodes runtimes apart
    shift
    for dir in "$E2E_DIR/$COLLECTION"/*/; do
        name=$(basename "$dir")
        grep -E '^# (systems|apart): ' "$dir/check" >/dev/null && apart=1 || apart=
        [[ $apart == "${APART:-}" ]] || continue
        nodes=$(sed -n 's/^# nodes: //p' "$dir/check")
        nodes=" ${nodes:-native} "
        [[ ${nodes/ vm / vm-systemd vm-cgroupfs } == *" $node "* ]] || continue
        runtimes=$(sed -n 's/^# runtimes: //p' "$dir/check")
        [[ " ${runtimes:-$E2E_RUNTIME} " == *" $E2E_RUNTIME "* ]] || continue
        (($#)) || echo "$name"
        for word; do
            [[ $name != *"$word"* ]] || { echo "$name" && break; }
        done
    done
}

run_parallel() {
    local name running=0
    for name in $1; do
        if ((running == ${E2E_JOBS:-$(default_jobs)})); then
            wait -n || true
            running=$((running - 1))
        fi
        run_scenario "$name" &
        running=$((running + 1))
    done
    wait
}

# A benchmark alone on the machine; a virtual one has too little to share.
default_jobs() { if in_vm || [[ $COLLECTION == benchmarks ]]; then echo 1; else echo 4; fi; }

run_each() {
    local name
    for name in $1; do
        run_scenario "$name" &
        wait $!
    done
}

# Runs in the background always: a check's `set -e` would not hold inside a condition.
run_scenario() {
    local name=$1 started=$SECONDS status=0
    ! node_ended_under "$name" || return 0
    (check_scenario "$name") >"$RESULTS/$name.log" 2>&1 &
    wait $! || status=$?
    ((status == 0)) || ! node_ended_under "$name" || return 0
    echo "$status" >"$RESULTS/$name.status"
    if ((status == 0)); then
        say "ok    $name ($((SECONDS - started)) s)"
        sed -n 's/^note: /            /p' "$RESULTS/$name.log" >&2
    elif ((status == NOT_RUN)); then
        say "----  $name: $(tail -n 1 "$RESULTS/$name.log")"
    else
        say "FAIL  $name ($((SECONDS - started)) s)"
        {
            sed 's/^/      /' "$RESULTS/$name.log"
            why_it_failed "e2e-$name" 2>&1 | sed 's/^/      /'
        } >&2
    fi
    [[ -n ${E2E_KEEP:-} ]] || kubectl delete namespace --selector "$E2E_LABEL=$name" --wait=false >/dev/null 2>&1 || true
}

# Whether that is why it failed. The first that sees it says why.
node_ended_under() {
    node_has_ended || return 1
    echo "$NODE_ENDED" >"$RESULTS/$1.status"
    if mkdir "$RESULTS/node-ended" 2>/dev/null; then
        say "FAIL  $1"
        why_node_ended 2>&1 | sed 's/^/      /' >&2
    fi
}

check_scenario() {
    set -Eeuo pipefail
    SCENARIO_DIR=$E2E_DIR/$COLLECTION/$1
    NS=e2e-$1
    # To standard error: it also fires where a check reads another command's output.
    trap 'printf "check: line %d: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR
    # shellcheck source=/dev/null
    source "$E2E_DIR/lib/checks.sh"
    # shellcheck source=/dev/null
    source "$E2E_DIR/lib/networks.sh"
    kubectl create namespace "$NS" >/dev/null
    # Where the built-in policy swaps and honors annotations.
    kubectl label namespace "$NS" "$E2E_LABEL=$1" dind-injector.io/injection=enabled >/dev/null
    # Pods are refused until the namespace has its service account.
    until_true 20 kubectl get --namespace "$NS" serviceaccount default >/dev/null 2>&1 ||
        fail "namespace $NS has no service account"
    import_tool_images "$1"
    if [[ -e $SCENARIO_DIR/pod.yaml ]]; then
        APPLIED=$RESULTS/$1.applied
        k apply -f "$SCENARIO_DIR/pod.yaml" >"$APPLIED" 2>&1 || fail "$(<"$APPLIED")"
    fi
    # shellcheck source=/dev/null
    source "$SCENARIO_DIR/check"
}

# The last words of everything that took part.
why_it_failed() {
    local namespace=$1 pod container
    kubectl --namespace "$namespace" get pods -o wide
    kubectl --namespace "$namespace" get events --sort-by=.lastTimestamp \
        -o custom-columns=OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message | tail -n 15
    for pod in $(kubectl --namespace "$namespace" get pods -o name); do
        for container in $(kubectl --namespace "$namespace" get "$pod" \
            -o 'jsonpath={.spec.initContainers[*].name} {.spec.containers[*].name}'); do
            printf -- '---- last lines of %s, %s\n' "$pod" "$container"
            kubectl --namespace "$namespace" logs "$pod" --container "$container" --tail=15
        done
    done
    webhook_log
}

# At any end: of the last scenario, of a build that failed, of the user's patience.
finish() {
    local status=$?
    trap - EXIT INT TERM HUP
    exec 1>&"$STDOUT" 2>&"$STDERR"
    # Whatever fails here, the rest must still be removed.
    set +e
    # Scenarios that still run would report that their node is gone.
    jobs -p | xargs --no-run-if-empty kill 2>/dev/null || true
    if [[ -n ${E2E_KEEP:-} ]]; then
        ! node_is_up || how_to_use
    else
        remove_webhook || status=1
        if [[ -n ${BROUGHT_UP:-} ]]; then
            cluster_down
            compare_machine || status=1
        fi
        rm -rf "${RESULTS:-}"
    fi
    [[ -z ${FAILED:-} ]] || status=1
    [[ -z ${VERDICT:-} ]] || echo "$VERDICT"
    exit "$status"
}

# What of the machine a run could change, in a form that can be compared.
machine_state() {
    ip -brief link | awk '{ print "interface", $1 }'
    ip netns list | sed 's/^/network namespace /'
    awk '{ print "mount", $2 }' /proc/self/mounts
    sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops net.ipv4.ip_forward
    nft list ruleset 2>/dev/null | grep '^table' || true
    find /sys/fs/cgroup -maxdepth 2 -name "$NODE_CGROUP" | sed 's/^/cgroup /'
    # Whatever was started for the node, or beside it, names its folder or its program's. Processes end while this looks at them.
    { grep -lsF "$E2E_CACHE/" /proc/[0-9]*/cmdline || true; } | sed 's/^/process /'
}

remember_machine() { MACHINE_BEFORE=$(machine_state | sort); }

compare_machine() {
    local changed
    # In a trap, `return` alone would return the status from before it.
    changed=$(diff <(printf '%s\n' "$MACHINE_BEFORE") <(machine_state | sort)) && return 0
    say 'left behind on this machine:'
    printf '%s\n' "$changed" >&2
    return 1
}
