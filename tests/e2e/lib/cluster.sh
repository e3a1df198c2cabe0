# shellcheck shell=bash
# Starts and ends the node: one process tree in namespaces of its own (lib/node-init is its
# PID 1), below one cgroup of its own. To end it is to kill one process and remove one cgroup.

# One node for each cache: its sockets' paths must stay short, and two would share the cores anyway.
NODE_STATE=$E2E_CACHE/node
# What Pods run in: native is this machine's kernel; vm-systemd and vm-cgroupfs are a virtual machine with cgroup v2
# (vm.sh), whose kubelet has that cgroup driver.
NODE=native
NODE_CGROUP=dind-injector-e2e-$(cksum <<<"$E2E_CACHE" | cut -d' ' -f1)
NODE_IP=10.89.0.1
POD_RANGE=10.244.0.0/24
CGROUP_ROOT=/sys/fs/cgroup

kubectl() {
    if foreign; then
        command kubectl --kubeconfig "$E2E_KUBECONFIG" "$@"
    else
        # The API server listens in the node's network namespace and nowhere else; and what waits
        # for something on the node ends with it.
        nsenter --target "$(<"$NODE_STATE/pid")" --net --pid \
            "$E2E_BIN/kubectl" --kubeconfig "$NODE_STATE/config/admin.kubeconfig" "$@"
    fi
}

# use_node KIND: what follows is about such a node.
use_node() {
    NODE=$1
    PATIENCE=1
    ! in_vm || PATIENCE=4
}

in_vm() { [[ $NODE == vm-* ]]; }

node_is_up() { [[ -s $NODE_STATE/pid && -e /proc/$(<"$NODE_STATE/pid") ]]; }

# on_node COMMAND…: as a root shell on the node would run it.
on_node() {
    if in_vm; then
        on_vm "$@"
        return
    fi
    nsenter --target "$(<"$NODE_STATE/pid")" --mount --net --pid --uts --ipc --cgroup \
        --wdns="$NODE_STATE" env PATH="$E2E_BIN:$PATH" "$@"
}

# Two runs would end each other's node.
one_run_at_a_time() {
    [[ -z ${RUN_LOCK:-} ]] || return 0
    mkdir -p "$E2E_CACHE"
    exec {RUN_LOCK}>"$E2E_CACHE/lock"
    flock --nonblock "$RUN_LOCK" || die 'another run is going on'
}

# Two nodes would share names, networks and a cgroup. One that was kept is its user's to end; what a killed run left goes.
no_other_node() {
    one_run_at_a_time
    ! node_is_up || [[ ! -e $NODE_STATE/kept ]] || die 'a node was left up (tests/e2e/run down removes it)'
    cluster_down
}

cluster_up() {
    [[ $(id -u) == 0 ]] || die 'a node needs root (or name a cluster: E2E_KUBECONFIG=…)'
    need ip 'tests/e2e/install-deps installs it'
    need iptables 'tests/e2e/install-deps installs it'
    need nft 'tests/e2e/install-deps installs it'
    need openssl 'tests/e2e/install-deps installs it'
    mkdir -p "$NODE_STATE"/{logs,pki,config,cni,plugins,pod-logs,volume-plugins}
    echo "$E2E_BIN" >"$NODE_STATE/binaries"
    echo "$NODE" >"$NODE_STATE/kind"
    make_certificates
    make_configuration
    ! in_vm || make_vm
    make_cgroup
    start_node
    say 'waiting for the node'
    until_true 90 node_answers || node_failed 'the node did not become ready'
    if in_vm && [[ -e $NODE_STATE/failed ]]; then
        why_node_ended >&2
        end_for_another
        cluster_up
        return
    fi
    ! in_vm || connect_vm
}

node_answers() {
    if [[ -e $NODE_STATE/failed ]]; then
        # An emulator that crashes: cluster_up boots another.
        ! in_vm || ((BOOTS_LEFT == 0)) || return 0
        node_failed "$(<"$NODE_STATE/failed")"
    fi
    kubectl wait --for=condition=Ready node/e2e-node --timeout=5s >/dev/null 2>&1 &&
        kubectl get serviceaccount default >/dev/null 2>&1
}

node_failed() {
    last_words "${1%% *}" >&2
    die "$1"
}

# last_words [PART]: of that part of the node, or of all.
last_words() {
    local log
    for log in "$NODE_STATE/logs/${1:-}.log" "$NODE_STATE"/logs/{node-init,kube-apiserver,kubelet,"$E2E_RUNTIME"}.log; do
        [[ -e $log ]] || continue
        printf -- '---- last lines of %s\n' "${log##*/}"
        tail -n 15 "$log" | cut -c1-300
        [[ $log == "$NODE_STATE/logs/${1:-}.log" ]] && break
    done
    ! in_vm || vm_log
}

# A node that lost one of its parts ends with all that runs on it.
node_has_ended() { ! foreign && { [[ -e $NODE_STATE/failed ]] || ! node_is_up; }; }

why_node_ended() {
    local reason='its first process was killed'
    [[ ! -e $NODE_STATE/failed ]] || reason=$(<"$NODE_STATE/failed")
    printf 'the node has ended: %s\n' "$reason"
    last_words "${reason%% *}"
}

make_certificates() (
    cd "$NODE_STATE/pki" || exit
    openssl genpkey -algorithm RSA -out service-accounts.pem 2>/dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
        -subj /CN=e2e-ca -keyout ca.key -out ca.crt 2>/dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
        -CA ca.crt -CAkey ca.key -subj /CN=kube-apiserver -keyout apiserver.key -out apiserver.crt \
        -addext 'basicConstraints=critical,CA:false' \
        -addext "subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:10.96.0.1,IP:$NODE_IP,IP:127.0.0.1" \
        2>/dev/null
)

# client NAME USER [GROUP]: a token that the API server knows, and the kubeconfig that holds it.
client() {
    local name=$1 user=$2 group=${3:-} token
    token=$(openssl rand -hex 16)
    printf '%s,%s,%s%s\n' "$token" "$user" "$user" "${group:+,$group}" >>"$NODE_STATE/pki/tokens.csv"
    cat >"$NODE_STATE/config/$name.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters:
- name: e2e
  cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: "$(base64 -w0 "$NODE_STATE/pki/ca.crt")"}
users:
- name: $name
  user: {token: $token}
contexts:
- name: e2e
  context: {cluster: e2e, user: $name}
current-context: e2e
END
}

make_configuration() {
    client admin admin system:masters
    client kube-controller-manager system:kube-controller-manager
    client kube-scheduler system:kube-scheduler
    client kube-proxy system:kube-proxy
    client kubelet system:node:e2e-node system:nodes

    in_vm || runtime configure_native

    ln -s "$E2E_BIN"/cni/* "$E2E_DIR"/cni/* "$NODE_STATE/plugins/"
    # 1450 as on a VXLAN overlay: whatever assumes 1500 shows. Only the native node has other networks besides.
    cat >"$NODE_STATE/cni/10-pods.conflist" <<END
{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [{
    "type": "$(in_vm && echo bridge || echo by-namespace)", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "mtu": 1450,
    "ipam": {
      "type": "host-local", "dataDir": "/run/cni",
      "ranges": [[{"subnet": "$POD_RANGE"}]], "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
END

    {
        kubelet_configuration cgroupfs
        cat <<END
failCgroupV1: false
enforceNodeAllocatable: []
oomScoreAdj: 0
podLogsDir: $NODE_STATE/pod-logs
volumePluginDir: $NODE_STATE/volume-plugins
END
    } >"$NODE_STATE/config/kubelet.yaml"

    # It is behind a gate before 1.31.
    local gates='{}'
    [[ ${E2E_KUBERNETES:-} != 1.30.* ]] || gates='{NFTablesProxyMode: true}'
    # The connection tracking table's size is the machine's, not this network namespace's.
    cat >"$NODE_STATE/config/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
featureGates: $gates
clientConnection: {kubeconfig: "$NODE_STATE/config/kube-proxy.kubeconfig"}
hostnameOverride: e2e-node
clusterCIDR: $POD_RANGE
# It is not on the way back of what one Pod sends to another in the machine.
nftables: {masqueradeAll: $(in_vm && echo true || echo false)}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
}

# kubelet_configuration CGROUP_DRIVER: what every node has. Eviction and image GC look at the whole machine's disk and
# memory, which are not the node's to judge.
kubelet_configuration() {
    cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$(runtime socket)
cgroupDriver: $1
makeIPTablesUtilChains: false
failSwapOn: false
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
END
}

# The hierarchies of cgroup v1, or the only one of v2.
cgroup_hierarchies() {
    if [[ -e $CGROUP_ROOT/cgroup.controllers ]]; then
        echo "$CGROUP_ROOT"
    else
        awk '$3 == "cgroup" && $2 ~ "^/sys/fs/cgroup/" { print $2 }' /proc/self/mounts
    fi
}

make_cgroup() {
    local hierarchy group
    if [[ -e $CGROUP_ROOT/cgroup.controllers ]]; then
        echo 2 >"$NODE_STATE/cgroup-version"
    else
        echo 1 >"$NODE_STATE/cgroup-version"
        # One without a controller has a name, as systemd's own.
        awk '$3 == "cgroup" && $2 ~ "^/sys/fs/cgroup/" {
            folder = $2; sub(".*/", "", folder)
            print folder, match($4, "name=[^,]*") ? "none," substr($4, RSTART, RLENGTH) : folder
        }' /proc/self/mounts >"$NODE_STATE/cgroup-hierarchies"
    fi
    for hierarchy in $(cgroup_hierarchies); do
        group=$hierarchy/$NODE_CGROUP
        mkdir "$group"
        # On v1 a cpuset is empty when new, and no process may join it.
        if [[ -e $group/cpuset.cpus && $hierarchy != "$CGROUP_ROOT" ]]; then
            cat "$hierarchy/cpuset.cpus" >"$group/cpuset.cpus"
            cat "$hierarchy/cpuset.mems" >"$group/cpuset.mems"
        fi
    done
}

start_node() {
    (
        for hierarchy in $(cgroup_hierarchies); do
            echo "$BASHPID" >"$hierarchy/$NODE_CGROUP/cgroup.procs"
        done
        exec {RUN_LOCK}>&-
        # A session of its own: Ctrl-C goes to the runner, whose trap ends the node in order.
        # A runner that is killed takes the node with it, unless the node is to be kept.
        leash=(setpriv --pdeathsig KILL)
        [[ -z ${E2E_KEEP:-} ]] || leash=()
        exec setsid "${leash[@]}" unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child --mount-proc \
            "$E2E_DIR/lib/node-init" "$E2E_BIN" "$NODE_STATE" "$NODE" \
            >"$NODE_STATE/logs/node-init.log" 2>&1 </dev/null
    ) &
    local unshare=$!
    disown "$unshare"
    until_true 10 note_child "$unshare" || node_failed 'node-init did not start'
}

note_child() { pgrep --parent "$1" --full lib/node-init >"$NODE_STATE/pid"; }

# Idempotent, and needs nothing but what is on disk: it also ends the node of a run that was killed.
cluster_down() {
    local pid
    if [[ -s $NODE_STATE/pid ]]; then
        pid=$(<"$NODE_STATE/pid")
        # The number may be somebody else's by now.
        if grep -qz "lib/node-init" "/proc/$pid/cmdline" 2>/dev/null; then
            kill -KILL "$pid"
            until_true 20 is_gone "$pid" || die "the node (process $pid) does not end"
        fi
    fi
    until_true 20 remove_cgroup || die "cgroup $NODE_CGROUP cannot be removed"
    rm -rf --one-file-system "$NODE_STATE"
}

is_gone() { [[ ! -e /proc/$1 ]]; }

# Deepest first; a group goes only when its last process has gone.
remove_cgroup() {
    local hierarchy left=0
    for hierarchy in $(cgroup_hierarchies); do
        [[ -d $hierarchy/$NODE_CGROUP ]] || continue
        find "$hierarchy/$NODE_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [[ ! -d $hierarchy/$NODE_CGROUP ]] || left=1
    done
    return $left
}
