# shellcheck shell=bash
# Systems that make or change Pods (Argo Workflows, Tekton, GitLab Runner, Istio), with their real controllers. A scenario names the one that it needs
# (`# systems: argo` in its check); it runs only with --systems, since each takes minutes to build.

# system_of SCENARIO: what it needs; nothing for most.
system_of() { sed -n 's/^# systems: //p' "$E2E_DIR/$COLLECTION/$1/check"; }

# ensure_systems SCENARIO…: builds what they need.
ensure_systems() {
    local name system
    one_run_at_a_time
    for name; do
        system=$(system_of "$name")
        [[ -z $system ]] || ensure_module "$system" 'some minutes on two cores, once'
    done
}

# use_system NAME: its programs and files are in the folder $SYSTEM.
use_system() {
    # shellcheck disable=SC2034 # for the scenario
    SYSTEM=$E2E_CACHE/$1-$(module_key "$1")
}

# system_images FUNCTION: on the node, the images that FUNCTION makes of layers (images.sh).
system_images() (
    IMAGE_WORK=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    mkdir "$IMAGE_WORK"/{roots,layers,out}
    archive system
    "$1"
    finish_archive
    import_images "$IMAGE_WORK/out/system.tar"
    rm -rf "$IMAGE_WORK"
)

# beside_node NAME COMMAND…: a process in the node's network until the scenario ends, however it ends; its log is
# $RESULTS/NAME.log.
beside_node() {
    local name=$1
    shift
    KUBECONFIG=$NODE_STATE/config/admin.kubeconfig setpriv --pdeathsig KILL \
        nsenter --target "$(<"$NODE_STATE/pid")" --net "$@" \
        >"$RESULTS/$name.log" 2>&1 {RUN_LOCK}>&- &
    # Argo's controller does not end at SIGTERM.
    at_end "kill -KILL $! 2>/dev/null || true"
}

# node_docker: the node has a Docker daemon at /var/run/docker.sock until the scenario ends, as nodes had it before
# containerd. It is a Pod's; like a node's own it sees the folder /srv, where Pods and containers share files by its path.
node_docker() {
    at_end 'kubectl --namespace kube-system delete pod node-docker --ignore-not-found --now >/dev/null'
    at_end 'on_node rm -f /run/docker.sock'
    # In the node's mount namespace, and as long as that: Pods may still write to it when the scenario ends.
    on_node mount -t tmpfs tmpfs /srv
    kubectl create -f - >/dev/null <<END
apiVersion: v1
kind: Pod
metadata: {name: node-docker, namespace: kube-system}
spec:
  containers:
  - name: dockerd
    image: ${DIND_IMAGE#docker.io/library/}
    args: [dockerd, "--host=unix:///node-run/docker.sock"]
    securityContext: {privileged: true}
    readinessProbe:
      exec: {command: [docker, -H, "unix:///node-run/docker.sock", version]}
      periodSeconds: 1
    volumeMounts:
    - {name: run, mountPath: /node-run}
    - {name: files, mountPath: /srv}
    - {name: storage, mountPath: /var/lib/docker}
  volumes:
  - {name: run, hostPath: {path: /run}}
  - {name: files, hostPath: {path: /srv}}
  - {name: storage, emptyDir: {}}
END
    kubectl --namespace kube-system wait pod/node-docker --for=condition=Ready --timeout="$(patient 60)s" >/dev/null ||
        fail "the node's Docker does not start: $(kubectl --namespace kube-system logs node-docker --tail=5)"
}

# The three ways in which a pipeline is run: for the node's Docker where nothing swaps it, the same where the webhook
# does, and as `convert` writes it. Each in a namespace of its own.
FORMS=(today unchanged afterwards)

# three_forms FILE: makes their namespaces, and converts the file.
three_forms() {
    # Where nothing is enabled, the built-in policy warns.
    beside today
    beside unchanged dind-injector.io/injection=enabled
    beside afterwards dind-injector.io/injection=enabled
    FORM_FILE=$1
    cp "$1" "$(form afterwards)"
    dind_injector convert --write -f "$(form afterwards)" >"$RESULTS/convert.said" 2>&1 ||
        fail "convert: $(<"$RESULTS/convert.said")"
}

# form FORM: the file with what is created there.
form() { [[ $1 == afterwards ]] && echo "$RESULTS/afterwards-${FORM_FILE##*/}" || echo "$FORM_FILE"; }

# of FORM ARGUMENT…: kubectl in its namespace.
of() {
    local namespace=$NS-$1
    shift
    kubectl --namespace "$namespace" "$@"
}

# scanned FORM: what `scan` says of it, as JSON in $RESULTS/FORM.scan.
scanned() {
    dind_injector scan --cluster --config "$E2E_DIR/policy.yaml" --namespace "$NS-$1" -o json >"$RESULTS/$1.scan" || (($? == 1)) ||
        fail "scan of $NS-$1: $(tail -n 3 "$RESULTS/$1.scan")"
}

# agrees FORM NAME: `scan` called swapped what the webhook gave daemons. NAME is a jq filter from a Pod to the name that
# `scan` has for what it is made of.
agrees() {
    local form=$1 told made
    told=$(jq -r '.workloads[] | select(.verdict == "swapped") | .name' "$RESULTS/$form.scan" | sort -u)
    made=$(daemons "$form" "$2" | sed -n 's/ own$//p' | sort -u)
    if [[ $form == afterwards ]]; then
        # Nothing is left to swap: the same Pods have their daemon as annotated.
        [[ -z $told ]] || fail "scan would still swap: $told"
        told=$(jq -r '.workloads[] | select(.verdict == "swapped") | .name' "$RESULTS/unchanged.scan" | sort -u)
    fi
    [[ $told == "$made" ]] || fail "$form: scan says that these are swapped: ${told:-none}; a daemon of their own have: ${made:-none}"
}

# daemons FORM NAME: each of its Pods by that filter, and whose Docker daemon it has: own, node or none.
daemons() {
    of "$1" get pods -o json | jq -r '.items[] | [('"$2"'),
        if .spec.initContainers // [] | any(.name == "dind" and .restartPolicy == "Always") then "own"
        elif .spec.volumes // [] | any(.hostPath.path == "/var/run/docker.sock") then "node"
        else "none" end] | join(" ")'
}
