# shellcheck shell=bash
# The node's container runtime: containerd, or CRI-O (E2E_RUNTIME=crio). What differs between them is here, in functions
# that begin with the name of one of them; `runtime WORD …` calls that of the one that is used:
#
#   socket                       where the kubelet finds it
#   programs                     what of $E2E_BIN a virtual machine must have for it
#   storage                      where it has images there
#   configure_native             leaves what starts it in $NODE_STATE/config/runtime: its name, then a command, one word a line
#   configure_vm FOLDER SYSTEMD  leaves what its unit wants in FOLDER; SYSTEMD says whether systemd makes the cgroups
#   import ARCHIVE               onto the node that is up
#   import_here FOLDER ARCHIVE…  prints the commands that put them into FOLDER as such a storage, without a node
#   kill ID                      ends a container's first process at once

E2E_RUNTIME=${E2E_RUNTIME:-containerd}
case $E2E_RUNTIME in
containerd) ;;
crio) MODULES+=(crio) ;;
*) die "E2E_RUNTIME=$E2E_RUNTIME: containerd or crio" ;;
esac

runtime() { "${E2E_RUNTIME}_$1" "${@:2}"; }

import_images() {
    local said
    said=$(runtime import "$1" 2>&1) || die "$1 cannot be imported: $said"
}

containerd_socket() { echo /run/containerd/containerd.sock; }
containerd_programs() { printf '%s\n' containerd containerd-shim-runc-v2 ctr; }
containerd_storage() { echo /var/lib/containerd; }

containerd_configure_native() {
    {
        # Where CAP_SYS_RESOURCE is missing, no process can be made less likely to be killed.
        containerd_configuration "$NODE_STATE/containerd" "$E2E_BIN/runc" "$NODE_STATE/plugins" "$NODE_STATE/cni" \
            'restrict_oom_score_adj = true'
        runtime_handler runc false
    } >"$NODE_STATE/config/containerd.toml"
    printf '%s\n' containerd containerd --config "$NODE_STATE/config/containerd.toml" >"$NODE_STATE/config/runtime"
}

containerd_configure_vm() {
    {
        containerd_configuration /var/lib/containerd /opt/e2e/bin/runc /opt/e2e/bin/cni /opt/e2e/config
        runtime_handler runc "$2"
        # What a RuntimeClass of this name finds on a node that an admin has set up for it.
        runtime_handler dind-injector-userns "$2" 'cgroup_writable = true'
    } >"$1/containerd.toml"
}

# containerd_configuration ROOT RUNC PLUGINS CNI_CONFIGURATION [LINE]: what every node has, and a line of its runtime's.
containerd_configuration() {
    local version=3 images='[plugins."io.containerd.cri.v1.images"]' cni="bin_dirs = [\"$3\"]"
    local sandbox="[plugins.\"io.containerd.cri.v1.images\".pinned_images]
sandbox"
    CRI_RUNTIME=io.containerd.cri.v1.runtime
    RUNC=$2
    if [[ ${E2E_CONTAINERD:-2} == 1.* ]]; then
        CRI_RUNTIME=io.containerd.grpc.v1.cri
        version=2 images="[plugins.\"$CRI_RUNTIME\".containerd]" cni="bin_dir = \"$3\"" sandbox=sandbox_image
    fi
    cat <<END
version = $version
root = "$1"
state = "/run/containerd"

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."$CRI_RUNTIME"]
${5:-}
$sandbox = "$PAUSE_IMAGE"

$images
snapshotter = "overlayfs"

[plugins."$CRI_RUNTIME".cni]
$cni
conf_dir = "$4"
END
}

# runtime_handler NAME SYSTEMD [LINE]: one of them, whose cgroups systemd makes or not.
runtime_handler() {
    cat <<END

[plugins."$CRI_RUNTIME".containerd.runtimes.$1]
runtime_type = "io.containerd.runc.v2"
${3:-}
[plugins."$CRI_RUNTIME".containerd.runtimes.$1.options]
BinaryName = "$RUNC"
SystemdCgroup = $2
END
}

containerd_import() { on_node ctr --namespace k8s.io images import - <"$1"; }

containerd_import_here() {
    cat <<END
mkdir /run/containerd
cat >/run/containerd.toml <<TOML
version = 3
root = "$1"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri"]
TOML
containerd --config /run/containerd.toml &
for ((look = 0; look < 300; look++)); do
    ! ctr version || break
    sleep 0.1
done
$(printf 'ctr --namespace k8s.io images import "%s"\n' "${@:2}")
kill %1
wait %1 || true
END
}

containerd_kill() { on_node ctr --namespace k8s.io task kill --signal SIGKILL "$1"; }

crio_socket() { echo /run/crio/crio.sock; }
crio_programs() { printf '%s\n' crio copyimg conmon pinns crun crio-libraries; }
crio_storage() { echo /var/lib/containers/storage; }

crio_configure_native() {
    crio_configuration "$NODE_STATE/config" "$NODE_STATE/crio" "$E2E_BIN" "$NODE_STATE/cni" cgroupfs "$NODE_STATE/plugins"
    printf '%s\n' crio env "HOME=$NODE_STATE/config" crio --config "$NODE_STATE/config/crio.conf" --config-dir '' \
        >"$NODE_STATE/config/runtime"
}

crio_configure_vm() {
    local manager=cgroupfs
    [[ $2 == false ]] || manager=systemd
    crio_configuration "$1" "$(crio_storage)" /opt/e2e/bin /opt/e2e/config $manager /opt/e2e/bin/cni
    {
        # As manifests/userns/crio.conf.
        crio_handler dind-injector-userns "$1" /opt/e2e/bin $manager crun
        echo 'allowed_annotations = ["io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw"]'
    } >>"$1/crio.conf"
}

# crio_configuration FOLDER ROOT BINARIES CNI_CONFIGURATION CGROUP_MANAGER PLUGINS: what every node has. Whose signatures it wants,
# and what short names stand for, it looks up in its $HOME before /etc.
crio_configuration() {
    mkdir -p "$1/.config/containers"
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$1/.config/containers/policy.json"
    printf '%s\n' 'unqualified-search-registries = ["docker.io"]' 'short-name-mode = "disabled"' \
        >"$1/.config/containers/registries.conf"
    cat >"$1/crio.conf" <<END
[crio]
root = "$2"
runroot = "/run/containers/storage"
storage_driver = "overlay"
clean_shutdown_file = "/run/crio/clean.shutdown"
# It would take the images that it finds for those of another version.
internal_wipe = false

[crio.api]
listen = "$(crio_socket)"

[crio.runtime]
cgroup_manager = "$5"
default_runtime = "crun"
pinns_path = "$3/pinns"
hooks_dir = []
irqbalance_config_restore_file = "disable"

$(crio_handler crun "$1" "$3" "$5")

$(crio_handler runc "$1" "$3" "$5")

[crio.image]
pause_image = "$PAUSE_IMAGE"

[crio.network]
network_dir = "$4"
plugin_dirs = ["$6"]

[crio.nri]
enable_nri = false
END
}

# crio_handler NAME FOLDER BINARIES CGROUP_MANAGER [PROGRAM]: PROGRAM is NAME where none is given.
crio_handler() {
    local monitors=pod name=${5:-$1} program
    program=$3/$name
    [[ $4 != systemd ]] || monitors=system.slice
    in_vm || program=$(undemanding "$name" "$2" "$3")
    cat <<END
[crio.runtime.runtimes.$1]
runtime_path = "$program"
runtime_root = "/run/$name"
monitor_path = "$3/conmon"
monitor_cgroup = "$monitors"
monitor_env = ["PATH=$3:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
END
}

# undemanding NAME FOLDER BINARIES: the path of what starts NAME on this machine, which may lack what CRI-O asks for in any
# case: CAP_SYS_RESOURCE, without which no process can be made less likely to be killed either; and, with cgroup v1, a
# hierarchy for huge pages.
undemanding() {
    local lacked=null
    ((0x$(sed -n 's/^CapBnd:\t//p' /proc/self/status) >> 24 & 1)) || lacked='"CAP_SYS_RESOURCE"'
    cat >"$2/lacking.jq" <<END
def process: if $lacked == null then . else
    (.oomScoreAdj | numbers) |= ([., 0] | max)
    | (.capabilities | objects) |= map_values(map(select(. != $lacked)))
end;
if has("process") then .process |= process | del(.linux.resources.hugepageLimits) else process end
END
    cat >"$2/$1" <<END
#!/bin/sh
before=''
for word; do
    case \$before in
    --bundle) file=\$word/config.json ;;
    --process) file=\$word ;;
    *) file='' ;;
    esac
    before=\$word
    [ -z "\$file" ] || { jq --from-file "$2/lacking.jq" "\$file" >"\$file.new" && mv "\$file.new" "\$file"; } || exit
done
exec "$3/$1" "\$@"
END
    chmod +x "$2/$1"
    echo "$2/$1"
}

# By the program with which CRI-O's own tests copy images. It keeps notes in /var/lib/containers, which is not to be the
# machine's.
crio_import() {
    if in_vm; then
        on_node sh -c 'cat >/var/tmp/import.tar' <"$1"
        crio_copies "$(crio_storage)" "$1" /var/tmp/import.tar | on_node env HOME=/opt/e2e/config bash -euo pipefail
        on_node rm /var/tmp/import.tar
    else
        crio_import_here "$NODE_STATE/crio" "$1" | on_node unshare --mount bash -euo pipefail
    fi
}

crio_import_here() {
    local archive config=$NODE_STATE/config
    ! in_vm || config=$NODE_STATE/vm/config
    printf 'export HOME="%s"\nmount -t tmpfs tmpfs /var/lib\n' "$config"
    for archive in "${@:2}"; do
        crio_copies "$1" "$archive"
    done
}

# crio_copies FOLDER ARCHIVE [WHERE]: the commands for all its images, which find it at that path.
crio_copies() {
    local name
    tar -xOf "$2" manifest.json | jq -r '.[].RepoTags[]' | while read -r name; do
        [[ $name == */*/* ]] || name=docker.io/library/$name
        printf 'copyimg --root "%s" --runroot /run/containers/storage --storage-driver overlay --import-from "docker-archive:%s:%s" --image-name "%s"\n' \
            "$1" "${3:-$2}" "$name" "$name"
    done
}

# One of the two has it.
crio_kill() { on_node sh -c "crun --root /run/crun kill $1 KILL || runc --root /run/runc kill $1 KILL"; }
