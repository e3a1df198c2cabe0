# shellcheck shell=bash
# Words for scenarios that change the webhook's policy. It is everybody's: their names end in `-alone`.

POLICY=dind-injector-policy

# with_policy FILE: until the scenario ends, the webhook's policy is mounted, as the chart does it.
with_policy() {
    local template=/spec/template/spec
    local container=$template/containers/0
    at_end without_policy
    kubectl --namespace "$WEBHOOK_NS" create configmap "$POLICY" --from-file=policy.yaml="$1" >/dev/null
    kubectl --namespace "$WEBHOOK_NS" patch deployment dind-injector --type=json -p "[
        {\"op\": \"add\", \"path\": \"$container/args/-\", \"value\": \"--config=/policy/policy.yaml\"},
        {\"op\": \"add\", \"path\": \"$container/volumeMounts\",
         \"value\": [{\"name\": \"policy\", \"mountPath\": \"/policy\"}]},
        {\"op\": \"add\", \"path\": \"$template/volumes\",
         \"value\": [{\"name\": \"policy\", \"configMap\": {\"name\": \"$POLICY\"}}]}
    ]" >/dev/null
    rolled_out
    until_true 30 policy_in_force "$1" || fail "the webhook does not use $1"
}

without_policy() {
    kubectl --namespace "$WEBHOOK_NS" rollout undo deployment dind-injector >/dev/null
    rolled_out
    kubectl --namespace "$WEBHOOK_NS" delete configmap "$POLICY" >/dev/null
    until_true 30 webhook_answers
}

# Every replica is of the newest version. An older one would serve on for a moment, by what it has.
rolled_out() {
    local old
    kubectl --namespace "$WEBHOOK_NS" rollout status deployment dind-injector --timeout=120s >/dev/null ||
        fail 'the webhook was not replaced'
    old=$(kubectl --namespace "$WEBHOOK_NS" get pods -o json |
        jq -r '.items[] | select(.metadata.deletionTimestamp) | .metadata.name')
    # shellcheck disable=SC2086 # one word for each
    [[ -z $old ]] || kubectl --namespace "$WEBHOOK_NS" delete pod --now --ignore-not-found $old >/dev/null
}

# new_policy FILE: what the ConfigMap holds from now on.
new_policy() {
    kubectl --namespace "$WEBHOOK_NS" create configmap "$POLICY" --from-file=policy.yaml="$1" \
        --dry-run=client -o yaml | kubectl --namespace "$WEBHOOK_NS" replace -f - >/dev/null
}

# shown COMMAND…: whether it is true of the replicas once they have seen the ConfigMap. The kubelet
# would show it to them within a minute or two; a change of its Pod has it look at once.
shown() {
    kubectl --namespace "$WEBHOOK_NS" annotate pods --all --overwrite "e2e-look=$RANDOM" >/dev/null
    "$@"
}

# switch_policy FILE
switch_policy() {
    new_policy "$1"
    until_true 60 shown policy_in_force "$1" || fail "the webhook does not take $1"
}

# policy_in_force FILE: by the metrics of every replica.
policy_in_force() {
    in_metrics "dind_injector_policy_info{sha256=\"$(sha256sum <"$1" | cut -d' ' -f1)\"} 1"
}
