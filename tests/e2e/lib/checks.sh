# shellcheck shell=bash
# The words a scenario's `check` is written in. `check` runs after pod.yaml was applied, in a
# namespace of its own ($NS); its first failing command fails the scenario.

E2E_TIMEOUT=${E2E_TIMEOUT:-$(patient 120)}

# Why the scenario fails, in one line.
fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# Worth knowing of a scenario that passes, in one line.
note() { printf 'note: %s\n' "$*"; }

# needs_node WHY: for what looks at the node from inside (on_node). In somebody else's cluster the
# scenario ends here, and counts as not run.
needs_node() {
    ! foreign || {
        printf 'not run here: %s\n' "$*"
        exit "$NOT_RUN"
    }
}

# kubectl in the scenario's namespace.
k() { kubectl --namespace "$NS" "$@"; }

# dind_injector …: the program under test, as an admin's command for this cluster.
dind_injector() {
    if foreign; then
        KUBECONFIG=$E2E_KUBECONFIG "$E2E_BINARY" "$@"
    else
        # shellcheck disable=SC2153 # as in cluster.sh
        KUBECONFIG=$NODE_STATE/config/admin.kubeconfig nsenter --target "$(<"$NODE_STATE/pid")" --net "$E2E_BINARY" "$@"
    fi
}

# beside SUFFIX [LABEL…]: a namespace $NS-SUFFIX with these labels alone; it goes with the scenario.
beside() {
    local namespace=$NS-$1
    shift
    kubectl create namespace "$namespace" >/dev/null
    kubectl label namespace "$namespace" "$E2E_LABEL=${SCENARIO_DIR##*/}" "$@" >/dev/null
    until_true 20 kubectl get --namespace "$namespace" serviceaccount default >/dev/null 2>&1 ||
        fail "namespace $namespace has no service account"
}

# judge NAMESPACE FILE: what becomes of a Pod there, by a dry run: $VERDICT in one word, the Pod as
# it would be stored in $STORED, what kubectl says in $SAID.
judge() {
    local said=$RESULTS/$NS.said
    if ! STORED=$(kubectl create --namespace "$1" --dry-run=server -o json -f "$2" 2>"$said"); then
        VERDICT=refused
        ! grep -F 'admission webhook "pods.dind-injector.io" denied the request' "$said" >/dev/null || VERDICT=denied
    elif is_swapped <<<"$STORED"; then
        VERDICT=swapped
    elif grep '^Warning: ' "$said" >/dev/null; then
        VERDICT=warned
    else
        VERDICT=left
    fi
    SAID=$(<"$said")
}

# expect VERDICT NAMESPACE FILE
expect() {
    judge "$2" "$3"
    [[ $VERDICT == "$1" ]] || fail "${3##*/} in $2 is $VERDICT, not $1: $SAID"
}

# Whether the Pod on standard input has a daemon of its own in place of the node's.
is_swapped() {
    jq --exit-status '(.spec.initContainers // [] | any(.name == "dind" and .restartPolicy == "Always"))
        and (.spec.volumes | all(.hostPath.path != "/var/run/docker.sock"))' >/dev/null
}

# said TEXT…: kubectl said each of them.
said() {
    local text
    for text; do
        grep -F -- "$text" <<<"$SAID" >/dev/null || fail "kubectl does not say \"$text\" but: $SAID"
    done
}

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
    local lines
    # By itself, since a log that cannot be read has no such line either.
    lines=$(log "$1") || fail "the log of $1 cannot be read"
    ! grep -E -- "$2" <<<"$lines" || fail "a line of the log of $1 matches: $2"
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

# at_end COMMAND: run when the scenario ends, however it ends; the last one given runs first. One that
# fails fails the scenario, and the others run all the same.
at_end() {
    AT_END="{ $1; } || ENDED_BADLY=1; ${AT_END:-}"
    # shellcheck disable=SC2064 # the commands as they are now
    trap "$AT_END [[ -z \${ENDED_BADLY:-} ]] || exit 1" EXIT
}

# ask_all_the_while: a Pod is asked for again and again, by a dry run, until none_is_lost.
ask_all_the_while() {
    (
        set +e
        while :; do webhook_answers && echo answered || echo lost; done >"$RESULTS/asked"
    ) &
    ASKING=$!
    at_end "kill $ASKING 2>/dev/null || true"
}

# none_is_lost COUNT: after so many more all were reviewed; $ANSWERED says how many.
none_is_lost() {
    local asked
    asked=$(asked)
    until_true 60 were_asked $((asked + $1)) || fail 'no more reviews come'
    kill "$ASKING"
    ! grep -x lost "$RESULTS/asked" >/dev/null || fail "$(grep -cx lost "$RESULTS/asked") reviews were lost"
    # shellcheck disable=SC2034 # for the scenario
    ANSWERED=$(asked)
}

asked() { wc -l <"$RESULTS/asked"; }
were_asked() { (($(asked) >= $1)); }

# For scenarios whose name ends in `-alone`: the API server calls no webhook until the end.
without_webhook() {
    kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations dind-injector -o json |
        jq 'del(.items[].metadata | .uid, .resourceVersion, .creationTimestamp, .managedFields)' \
            >"$RESULTS/webhook-configuration.json"
    kubectl delete mutatingwebhookconfigurations,validatingwebhookconfigurations dind-injector >/dev/null
    at_end "kubectl create -f '$RESULTS/webhook-configuration.json' >/dev/null && until_true 30 webhook_answers"
    until_true 30 webhook_is_gone || fail 'the webhook is still called'
}

webhook_is_gone() { ! webhook_answers; }

# Likewise: no replica runs until the end.
stop_webhook() {
    at_end start_webhook
    take_down_webhook >"$RESULTS/deployment.json"
    until_true 30 webhook_is_gone || fail 'the webhook is still called'
}

start_webhook() {
    put_up_webhook <"$RESULTS/deployment.json"
    until_true 30 webhook_answers
}

# The backstop's policy is there until the scenario ends. It refuses only in namespaces with its label.
with_backstop() {
    at_end "kubectl delete -f '$REPO_DIR/manifests/backstop.yaml' >/dev/null"
    kubectl create -f "$REPO_DIR/manifests/backstop.yaml" >/dev/null
    beside backstop dind-injector.io/backstop=enabled
    # The API server takes a moment to have it compiled.
    until_true 30 backstop_refuses || fail 'the backstop refuses nothing'
}

backstop_refuses() {
    judge "$NS-backstop" "$E2E_DIR/scenarios/41-presets-policy/socket.yaml"
    [[ $VERDICT == refused ]]
}

# metrics POD: what a scrape of one replica shows.
metrics() { kubectl get --raw "/api/v1/namespaces/$WEBHOOK_NS/pods/$1:9090/proxy/metrics"; }

# in_metrics LINE: every replica shows it.
in_metrics() {
    local replica
    for replica in $(replicas); do
        metrics "$replica" | grep -Fx -- "$1" >/dev/null || return 1
    done
}

# How many reviews the webhook has answered, by its own count.
reviews() {
    local replica
    for replica in $(replicas); do
        metrics "$replica"
    done | awk '/^dind_injector_reviews_total/ { sum += $NF } END { print sum + 0 }'
}

# daemon_start POD: how long its sidecar took from its first line to an open socket, in seconds.
daemon_start() {
    k logs "pod/$1" --container dind --timestamps | awk '
        function seconds(stamp) { split(substr(stamp, 12), part, "[:Z]"); return part[1] * 3600 + part[2] * 60 + part[3] }
        NR == 1 { first = seconds($1) }
        /API listen on/ { last = seconds($1) }
        END { if (last == "") exit 1; printf "%.1f", last - first }'
}

# checked ARGUMENT…: what `dind-injector check` says with these, in $CHECKED; its status is $STATUS.
checked() {
    STATUS=0
    CHECKED=$(dind_injector check "$@" -o json) || STATUS=$?
}

# told NAME OUTCOME TEXT: that check ended so (ok, warning, failed, could-not-ask), and what it found has the text.
told() {
    jq --exit-status --arg name "$1" --arg outcome "$2" --arg text "$3" \
        '.checks[] | select(.name == $name) | .outcome == $outcome and (.found | contains($text))' <<<"$CHECKED" >/dev/null ||
        fail "$1 is not $2 with \"$3\" but: $(jq -c --arg name "$1" '.checks[] | select(.name == $name)' <<<"$CHECKED")"
}

# all_green: no check of the last ones is anything but ok.
all_green() {
    [[ $STATUS == 0 ]] && jq --exit-status 'all(.checks[]; .outcome == "ok")' <<<"$CHECKED" >/dev/null ||
        fail "not all green (status $STATUS): $(jq -c '.checks[] | select(.outcome != "ok")' <<<"$CHECKED")"
}

# limited RULE: a kubeconfig, in $LIMITED, of an account that may do no more than a ClusterRole of these rules (JSON).
limited() {
    local account=limited-$RANDOM
    LIMITED=$RESULTS/$NS-$account.kubeconfig
    k create serviceaccount "$account" >/dev/null
    at_end "kubectl delete --ignore-not-found clusterrole,clusterrolebinding '$NS-$account' >/dev/null"
    jq -n --arg name "$NS-$account" --argjson rules "$1" '{apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole",
        metadata: {name: $name}, rules: $rules}' | kubectl create -f - >/dev/null
    kubectl create clusterrolebinding "$NS-$account" --clusterrole="$NS-$account" --serviceaccount="$NS:$account" >/dev/null
    kubectl config view --raw -o json |
        jq --arg token "$(k create token "$account")" '.users[].user = {token: $token}' >"$LIMITED"
}
