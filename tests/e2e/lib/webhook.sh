# shellcheck shell=bash
# Puts the webhook under test into the cluster, as manifests/ say, in an image made of the binary.

REPO_DIR=$(cd "$E2E_DIR/../.." && pwd)
WEBHOOK_NS=dind-injector
# On every namespace of a run, with the scenario's name: what one left can be told from an installation.
E2E_LABEL=dind-injector-e2e
# What is applied. Where it says CA_BUNDLE, the runner makes the webhook's certificate.
WEBHOOK_MANIFESTS=${E2E_MANIFESTS:-$REPO_DIR/manifests/install.yaml}

install_webhook() {
    say 'installing the webhook'
    # A machine has it in its disk.
    foreign || in_vm || load_webhook_image
    webhook_manifests | kubectl apply -f - >/dev/null || die 'the manifests do not apply'
    kubectl label namespace "$WEBHOOK_NS" "$E2E_LABEL=run" >/dev/null
    kubectl --namespace "$WEBHOOK_NS" rollout status deployment/dind-injector --timeout="$(patient 60)s" >/dev/null ||
        webhook_failed 'the webhook did not become ready'
    # Scenarios ask again, so it stays until the end.
    kubectl create namespace e2e-probe >/dev/null
    kubectl label namespace e2e-probe "$E2E_LABEL=run" dind-injector.io/injection=enabled >/dev/null
    # Ready is not yet called: endpoints, certificates and the namespace's label take a moment.
    until_true 30 webhook_answers || webhook_failed 'the API server does not reach the webhook'
}

webhook_answers() {
    kubectl create --namespace e2e-probe --dry-run=server -o yaml -f - 2>/dev/null <<'END' | grep 'restartPolicy: Always' >/dev/null
apiVersion: v1
kind: Pod
metadata: {name: probe}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    volumeMounts: [{name: socket, mountPath: /var/run/docker.sock}]
  volumes: [{name: socket, hostPath: {path: /var/run/docker.sock}}]
END
}

# The binary that `cargo test` has built already, unless the caller names one.
ensure_binary() {
    if [[ -z ${E2E_BINARY:-} ]]; then
        need cargo 'it builds the binary under test (or name one: E2E_BINARY=…)'
        (cd "$REPO_DIR" && cargo build --quiet --locked) || die 'dind-injector does not build'
        E2E_BINARY=${CARGO_TARGET_DIR:-$REPO_DIR/target}/debug/dind-injector
    fi
    [[ -x $E2E_BINARY ]] || die "E2E_BINARY=$E2E_BINARY cannot be executed"
    E2E_BINARY=$(realpath "$E2E_BINARY")
}

webhook_manifests() {
    if ! grep CA_BUNDLE "$WEBHOOK_MANIFESTS" >/dev/null; then
        cat "$WEBHOOK_MANIFESTS"
        return
    fi
    [[ -e $NODE_STATE/pki/webhook.crt ]] || make_webhook_certificate
    sed "s|CA_BUNDLE|$(base64 -w0 "$NODE_STATE/pki/ca.crt")|" "$WEBHOOK_MANIFESTS"
    echo ---
    kubectl create secret tls dind-injector-tls --namespace "$WEBHOOK_NS" --dry-run=client -o yaml \
        --cert="$NODE_STATE/pki/webhook.crt" --key="$NODE_STATE/pki/webhook.key"
}

make_webhook_certificate() (
    cd "$NODE_STATE/pki" || exit
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -CA ca.crt -CAkey ca.key \
        -subj /CN=dind-injector -keyout webhook.key -out webhook.crt -addext 'basicConstraints=critical,CA:false' \
        -addext 'subjectAltName=DNS:dind-injector.dind-injector.svc' 2>/dev/null
)

load_webhook_image() {
    webhook_image "$NODE_STATE/webhook.tar"
    import_images "$NODE_STATE/webhook.tar"
}

# The binary with the libraries that this build of it links, under the name the manifests give.
webhook_image() {
    local archive=$1 image
    image=$(grep -oE 'image: *"?[^" ]*dind-injector[^" ]*' "$WEBHOOK_MANIFESTS" | sed 's/image: *"\{0,1\}//' | head -n 1)
    IMAGE_WORK=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    mkdir "$IMAGE_WORK"/{roots,layers,out}
    layer webhook webhook_files
    archive webhook
    image "$image" '"Entrypoint": ["/dind-injector"], "User": "65532:65532"' webhook
    finish_archive
    mv "$IMAGE_WORK/out/webhook.tar" "$archive"
    rm -rf "$IMAGE_WORK"
}

webhook_files() {
    with_libraries "$E2E_BINARY"
    # Symbols are most of a development build, and the node unpacks every byte.
    strip -o dind-injector "$E2E_BINARY"
    rm ".$E2E_BINARY"
}

# The webhook's replicas, those that end aside.
replicas() {
    kubectl --namespace "$WEBHOOK_NS" get pods -o json |
        jq -r '.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name'
}

# Ends the replicas and prints their Deployment. Its Pods are left to no controller first, so that
# each is ended once, and at once: an end in order takes 15 seconds, and no order cuts that short.
take_down_webhook() {
    local all=(--namespace "$WEBHOOK_NS")
    kubectl "${all[@]}" get deployment dind-injector -o json |
        jq 'del(.status, .metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.managedFields)'
    kubectl "${all[@]}" delete deployment dind-injector --cascade=orphan >&2
    kubectl "${all[@]}" delete replicasets --all --cascade=orphan >&2
    kubectl "${all[@]}" delete pods --all --now >&2
}

# put_up_webhook: what is on standard input, as that printed it.
put_up_webhook() {
    kubectl create -f - >/dev/null
    kubectl --namespace "$WEBHOOK_NS" rollout status deployment dind-injector --timeout="$(patient 120)s" >/dev/null
}

webhook_failed() {
    webhook_log >&2
    die "$1"
}

webhook_log() {
    local pod
    for pod in $(kubectl --namespace "$WEBHOOK_NS" get pods -o name); do
        printf -- '---- last lines of the webhook, %s\n' "$pod"
        kubectl --namespace "$WEBHOOK_NS" logs "$pod" --tail=10 || true
    done
}

need_cluster() {
    need kubectl 'it speaks to the cluster that E2E_KUBECONFIG names'
    kubectl version >/dev/null 2>&1 || die "no cluster answers at E2E_KUBECONFIG=$E2E_KUBECONFIG"
}

# The scenarios stop the webhook, change its policy and remove it at the end: not with one that is used.
not_installed() {
    kubectl get namespace "$WEBHOOK_NS" >/dev/null 2>&1 || return 0
    left_by_a_run || die "namespace $WEBHOOK_NS is there: the tests would change that installation and remove it"
    die 'an earlier run is still there (tests/e2e/run down removes it)'
}

left_by_a_run() { kubectl get namespaces --selector "$E2E_LABEL" -o name | grep -x "namespace/$WEBHOOK_NS" >/dev/null; }

# A cluster of its own goes as a whole.
remove_webhook() {
    foreign && [[ -n ${INSTALLED:-} ]] || return 0
    remove_remains
}

# Waits until all is gone, so that the next run finds nothing.
remove_remains() {
    say 'removing what was created in the cluster'
    webhook_manifests | kubectl delete --ignore-not-found -f - >/dev/null
    kubectl delete namespace --selector "$E2E_LABEL" >/dev/null
}
