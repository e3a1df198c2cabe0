# shellcheck shell=bash
# For scenarios whose name ends in `-ruled` or `-policy`: from the first of them on the webhook
# reads its policy from a ConfigMap, as the chart sets that up.

POLICY=dind-injector-policy

# mount_policy FILE: called once, before the first of them.
mount_policy() {
    if kubectl --namespace "$WEBHOOK_NS" get deployment dind-injector -o yaml | grep -F -- --config=/policy/ >/dev/null; then
        # Installed so.
        new_policy "$1"
        return
    fi
    kubectl --namespace "$WEBHOOK_NS" create configmap "$POLICY" --from-file=policy.yaml="$1" >/dev/null
    take_down_webhook 2>/dev/null | jq --arg map "$POLICY" '.spec.template.spec |= (
        .volumes += [{name: "policy", configMap: {name: $map}}]
        | .containers[0].volumeMounts += [{name: "policy", mountPath: "/policy"}]
        | .containers[0].args += ["--config=/policy/policy.yaml"])' >"$RESULTS/deployment-with-policy.json"
    put_up_webhook <"$RESULTS/deployment-with-policy.json" ||
        webhook_failed 'the webhook does not start with a policy file'
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

# policy FILE: the webhook's from now on.
policy() {
    new_policy "$1"
    until_true 60 shown policy_in_force "$1" || fail "the webhook does not take $1"
}

# policy_in_force FILE: by the metrics of every replica.
policy_in_force() {
    in_metrics "dind_injector_policy_info{sha256=\"$(sha256sum <"$1" | cut -d' ' -f1)\"} 1"
}
