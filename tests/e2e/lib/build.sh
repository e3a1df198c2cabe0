# shellcheck shell=bash
# Builds the node's programs from the Go modules in cluster/, each once for every state of it.

MODULES=("kubernetes${E2E_KUBERNETES:+-$E2E_KUBERNETES}" runtime docker cert-manager registry)
# Its daemon takes the place of docker's; the client stays.
[[ -z ${E2E_ENGINE:-} ]] || MODULES+=("engine-$E2E_ENGINE")
# In the place of the runtime's.
[[ -z ${E2E_CONTAINERD:-} ]] || MODULES+=("containerd-$E2E_CONTAINERD")

# Leaves the programs in $E2E_BIN, building those whose state has never been built.
ensure_binaries() {
    need go 'the node is built from Go modules (or name a cluster: E2E_KUBECONFIG=…)'
    need gcc 'runc enters namespaces in C (tests/e2e/install-deps installs it)'
    need pkg-config 'tests/e2e/install-deps installs it'
    local module key='' built=()
    mkdir -p "$E2E_CACHE"
    rm -rf "$E2E_CACHE"/building.*
    for module in "${MODULES[@]}"; do
        ensure_module "$module" 'all of them take 15 to 20 minutes on two cores, once'
        key+=$BUILT
        built+=("$BUILT")
    done
    E2E_BIN=$E2E_CACHE/bin-$(sha256sum <<<"$key" | cut -c1-16)
    [[ -d $E2E_BIN ]] && return
    rm -rf "$E2E_CACHE"/bin-*
    BUILD_OUT=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    for module in "${built[@]}"; do
        cp -alf "$module/." "$BUILD_OUT"
    done
    mv "$BUILD_OUT" "$E2E_BIN"
}

# ensure_module MODULE HOW_LONG: what it makes is in the folder $BUILT.
ensure_module() {
    BUILT=$E2E_CACHE/$1-$(module_key "$1")
    [[ -d $BUILT ]] && return
    say "building cluster/$1 ($2)"
    # Built aside and renamed: an interrupted build must not look like a finished one.
    BUILD_OUT=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    # In the background: `set -e` would not hold inside a condition.
    "build_${1%%-[0-9]*}" "$1" &
    wait $! || die "cluster/$1 does not build"
    # Of an earlier state of it; a module's other versions have longer names.
    rm -rf "$E2E_CACHE/$1"-????????????????
    mv "$BUILD_OUT" "$BUILT"
}

# source_of MODULE: the folder of its go.mod. Another version of Kubernetes or containerd has one that is made for its build.
source_of() {
    if [[ $1 == kubernetes-* || $1 == containerd-* ]]; then echo "$BUILD_OUT/source"; else echo "$E2E_DIR/cluster/$1"; fi
}

# A cached build is used only for the very sources, versions, flags and compiler that made it.
module_key() {
    {
        go version
        declare -f go_build "build_${1%%-[0-9]*}"
        [[ $1 != engine-* && $1 != crio ]] || declare -f debian_engine debian_programs debian_root extract_debian
        if [[ $1 == kubernetes-* ]]; then
            declare -f derive_kubernetes
            cat "$E2E_DIR/cluster/kubernetes/main.go"
        elif [[ $1 == containerd-* ]]; then
            declare -f derive_containerd
        else
            find "$E2E_DIR/cluster/$1" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat
        fi
    } | sha256sum | cut -c1-16
}

# module_version MODULE PATH: the version that MODULE's go.mod pins, as v1.2.3.
module_version() {
    local version
    version=$(cd "$(source_of "$1")" && go list -m -f '{{.Version}}' "$2")
    printf '%s' "${version%+incompatible}"
}

# go_build MODULE PACKAGE NAME [LDFLAGS [TAGS]]: stripped, without paths of this machine, and with
# Go's own look-ups of hosts and users, which need no C library.
go_build() {
    local module=$1 package=$2 name=$3 ldflags=${4:-} tags=${5:-}
    say "building $name"
    (cd "$(source_of "$module")" &&
        nice -n 5 go build -trimpath -buildvcs=false -tags "netgo,osusergo,$tags" -ldflags "-s -w $ldflags" \
            -o "$BUILD_OUT/$name" "$package") || die "$name does not build (module tests/e2e/cluster/$module)"
}

build_kubernetes() {
    local module=$1 release version=k8s.io/component-base/version program
    [[ $module == kubernetes ]] || derive_kubernetes "${module#kubernetes-}"
    release=$(module_version "$module" k8s.io/kubernetes)
    CGO_ENABLED=0 go_build "$module" . node \
        "-X $version.gitVersion=$release -X $version.gitMajor=1 -X $version.gitMinor=$(cut -d. -f2 <<<"$release")"
    for program in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
        ln -s node "$BUILD_OUT/$program"
    done
    rm -rf "$BUILD_OUT/source"
}

# derive_kubernetes 1.N.P: cluster/kubernetes of that version, as far as Go's module proxy has it: what it needs is
# found when it is built. Its staging modules are v0.N.P outside of its repository.
derive_kubernetes() {
    local version=$1 replaced
    say "finding what Kubernetes $version needs"
    mkdir "$BUILD_OUT/source"
    cp "$E2E_DIR/cluster/kubernetes/main.go" "$BUILD_OUT/source/"
    (($(cut -d. -f2 <<<"$version") >= 34)) ||
        sed -i 's/NewKubeletCommand(context.Background())/NewKubeletCommand()/; /"context"/d' "$BUILD_OUT/source/main.go"
    (
        cd "$BUILD_OUT/source" || exit
        mapfile -t replaced < <(go mod download -json "k8s.io/kubernetes@v$version" | jq -r .GoMod | xargs cat |
            sed -n "s|^\s*\(k8s.io/[a-z0-9-]*\) => ./staging/.*|-replace=\1=\1@v0.${version#1.}|p")
        ((${#replaced[@]})) || die "the module proxy has no Kubernetes $version"
        go mod init dind-injector.io/e2e/kubernetes
        go mod edit -require="k8s.io/kubernetes@v$version" "${replaced[@]}"
        go mod tidy
    ) >"$BUILD_OUT/derive.log" 2>&1 || die "Kubernetes $version cannot be resolved: $(tail -n 3 "$BUILD_OUT/derive.log")"
    rm "$BUILD_OUT/derive.log"
}

build_runtime() {
    local containerd=github.com/containerd/containerd/v2/cmd cni=github.com/containernetworking/plugins/plugins
    export CGO_ENABLED=0
    go_build runtime $containerd/containerd containerd
    go_build runtime $containerd/ctr ctr
    go_build runtime $containerd/containerd-shim-runc-v2 containerd-shim-runc-v2
    mkdir "$BUILD_OUT/cni"
    go_build runtime $cni/main/bridge cni/bridge
    go_build runtime $cni/main/loopback cni/loopback
    go_build runtime $cni/ipam/host-local cni/host-local
    # runc enters namespaces in C and filters system calls with libseccomp (dockerd insists on it).
    # Static, since it also runs in the dind image, which has no libraries for it.
    CGO_ENABLED=1 go_build runtime github.com/opencontainers/runc runc \
        "-linkmode external -extldflags -static -X main.version=$(module_version runtime github.com/opencontainers/runc)" \
        seccomp
}

# Another version of containerd.
build_containerd() {
    local module=$1 program
    derive_containerd "${module#containerd-}"
    export CGO_ENABLED=0
    for program in $(cd "$BUILD_OUT/source" && go list -f '{{.ImportPath}}' tool); do
        go_build "$module" "$program" "${program##*/}"
    done
    rm -rf "$BUILD_OUT/source"
}

# derive_containerd N.N.N: a go.mod with that version, and what it needs.
derive_containerd() {
    local version=$1 path=github.com/containerd/containerd
    [[ $version == 1.* ]] || path+=/v2
    say "finding what containerd $version needs"
    mkdir "$BUILD_OUT/source"
    (
        cd "$BUILD_OUT/source" || exit
        go mod init dind-injector.io/e2e/containerd
        go get -tool "$path"/cmd/{containerd,ctr,containerd-shim-runc-v2}@"v$version"
    ) >"$BUILD_OUT/derive.log" 2>&1 || die "containerd $version cannot be resolved: $(tail -n 3 "$BUILD_OUT/derive.log")"
    rm "$BUILD_OUT/derive.log"
}

build_docker() {
    local docker compose buildx
    export CGO_ENABLED=0
    docker=$(module_version docker github.com/docker/docker)
    compose=$(module_version docker github.com/docker/compose/v2)
    buildx=$(module_version docker github.com/docker/buildx)
    go_build docker github.com/docker/docker/cmd/dockerd dockerd \
        "-X github.com/docker/docker/dockerversion.Version=${docker#v}"
    go_build docker github.com/docker/docker/cmd/docker-proxy docker-proxy
    go_build docker github.com/docker/cli/cmd/docker docker \
        "-X github.com/docker/cli/cli/version.Version=${docker#v}"
    go_build docker github.com/docker/compose/v2/cmd docker-compose \
        "-X github.com/docker/compose/v2/internal.Version=$compose"
    go_build docker github.com/docker/buildx/cmd/buildx docker-buildx \
        "-X github.com/docker/buildx/version.Version=$buildx"
    # The wrapper that the official image starts dockerd with, as it is.
    install -m 755 "$(cd "$E2E_DIR/cluster/docker" && go list -m -f '{{.Dir}}' github.com/docker/docker)/hack/dind" \
        "$BUILD_OUT/dind"
}

# An Engine of another major version than docker's, for the daemon alone: of modules, or Debian's.
build_engine() {
    local module=$1 engine=github.com/moby/moby/v2
    if [[ -e $(source_of "$module")/debian ]]; then
        debian_engine "$(<"$(source_of "$module")/debian")" "${module#engine-}"
        return
    fi
    export CGO_ENABLED=0
    go_build "$module" $engine/cmd/dockerd dockerd "-X $engine/dockerversion.Version=${module#engine-}.0-e2e"
    go_build "$module" $engine/cmd/docker-proxy docker-proxy
    install -m 755 "$(cd "$(source_of "$module")" && go list -m -f '{{.Dir}}' $engine)/hack/dind" "$BUILD_OUT/dind"
}

# debian_engine SUITE VERSION: the daemon of that suite, with its libraries.
debian_engine() {
    local suite=$1 version=$2 root=$BUILD_OUT/root found
    need mmdebstrap 'tests/e2e/install-deps engine installs it'
    need patchelf 'tests/e2e/install-deps engine installs it'
    say "fetching dockerd of Debian $suite"
    extract_debian "$suite" docker.io "$root"
    found=$(zcat "$root/usr/share/doc/docker.io/changelog.Debian.gz" | head -n 1)
    [[ $found == "docker.io ($version."* ]] || die "Debian $suite has $found"
    debian_programs "$root" dockerd-libraries /usr/local/lib/dockerd dockerd docker-proxy
    install -m 755 "$(cd "$E2E_DIR/cluster/docker" && go list -m -f '{{.Dir}}' github.com/docker/docker)/hack/dind" \
        "$BUILD_OUT/dind"
    rm -rf "$root"
}

# CRI-O, what it starts, and with what its tests copy images.
build_crio() {
    local crio=github.com/cri-o/cri-o root=$BUILD_OUT/root static='-linkmode external -extldflags -static'
    local tags=seccomp,apparmor,containers_image_openpgp,containers_image_ostree_stub,exclude_graphdriver_btrfs,btrfs_noversion
    need mmdebstrap 'tests/e2e/install-deps crio installs it'
    need patchelf 'tests/e2e/install-deps crio installs it'
    export CGO_ENABLED=1
    go_build crio $crio/cmd/crio crio "$static" "$tags"
    go_build crio $crio/test/copyimg copyimg "$static" "$tags"
    gcc -std=c99 -Os -static -s -o "$BUILD_OUT/pinns" "$(cd "$(source_of crio)" && go list -m -f '{{.Dir}}' $crio)"/pinns/src/*.c
    say "fetching conmon and crun of Debian $CRIO_SUITE"
    extract_debian "$CRIO_SUITE" conmon,crun "$root"
    debian_programs "$root" crio-libraries /run/e2e-bin/crio-libraries conmon crun
    rm -rf "$root"
}
# C programs, which Go's module proxy does not have.
CRIO_SUITE=trixie

build_cert-manager() {
    CGO_ENABLED=0 go_build cert-manager . cert-manager
    cp -R --no-preserve=mode "$(cd "$E2E_DIR/cluster/cert-manager" &&
        go list -m -f '{{.Dir}}' github.com/cert-manager/cert-manager)/deploy/crds" "$BUILD_OUT/cert-manager-crds"
    rm "$BUILD_OUT/cert-manager-crds/README.md"
}

build_registry() {
    CGO_ENABLED=0 go_build registry github.com/distribution/distribution/v3/cmd/registry registry
}

build_argo() {
    local argo=github.com/argoproj/argo-workflows/v4 source=$BUILD_OUT/source signals
    export CGO_ENABLED=0
    go_build argo . artifact-store
    # In its repository signal_linux.go is a link to signal_darwin.go, and a module has no links.
    cp -R --no-preserve=mode "$(cd "$E2E_DIR/cluster/argo" && go list -m -f '{{.Dir}}' $argo)" "$source"
    signals=$source/workflow/executor/osspecific/signal
    cp --no-clobber "${signals}_darwin.go" "${signals}_linux.go"
    cp "$E2E_DIR"/cluster/argo/go.{mod,sum} "$source/.."
    go mod edit -replace="$argo=$source" "$BUILD_OUT/go.mod"
    export GOFLAGS="${GOFLAGS:-} -modfile=$BUILD_OUT/go.mod"
    go_build argo $argo/cmd/argoexec argoexec
    go_build argo $argo/cmd/workflow-controller workflow-controller
    # The minimal ones are those that `kubectl apply` can take; the controller validates what they do not.
    cp -R "$source/manifests/base/crds/minimal" "$BUILD_OUT/crds"
    rm "$BUILD_OUT"/crds/{README.md,kustomization.yaml}
    # What the account of a workflow's Pods must be allowed.
    cp "$source"/manifests/quick-start/base/{executor/emissary/executor-role,executor-default-rolebinding}.yaml "$BUILD_OUT"
    rm -r "$source" "$BUILD_OUT"/go.{mod,sum}
}

build_tekton() {
    local tekton=github.com/tektoncd/pipeline program
    export CGO_ENABLED=0
    for program in controller webhook entrypoint nop sidecarlogresults workingdirinit; do
        go_build tekton $tekton/cmd/$program $program
    done
    cp -R --no-preserve=mode "$(cd "$E2E_DIR/cluster/tekton" && go list -m -f '{{.Dir}}' $tekton)/config" "$BUILD_OUT/config"
    # What no scenario needs: other controllers, and what scales the webhook.
    rm -r "$BUILD_OUT"/config/{resolvers,events.yaml,webhook-hpa.yaml,dummy.go}
}

build_kwok() {
    local stages stage
    CGO_ENABLED=0 go_build kwok sigs.k8s.io/kwok/cmd/kwok kwok
    # What becomes of a simulated node and its Pods: ready at once, and a Job's done.
    stages=$(cd "$E2E_DIR/cluster/kwok" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
    for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
        pod/fast/pod-{ready,complete,delete}; do
        printf -- '---\n'
        cat "$stages/$stage.yaml"
    done >"$BUILD_OUT/stages.yaml"
}

# Not all that it needs is served as a module: absent/ stands for what is not (README.md says what that leaves out).
build_gitlab-runner() {
    local runner=gitlab.com/gitlab-org/gitlab-runner module=$E2E_DIR/cluster/gitlab-runner source=$BUILD_OUT/source
    export CGO_ENABLED=0
    cp -R --no-preserve=mode "$(cd "$module" && go mod download -json $runner | jq -r .Dir)" "$source"
    # Its commands need more of that, and two of its helper's a path of theirs.
    rm "$source"/commands/*.go
    printf 'package commands\n\nfunc GetDefaultCertificateDirectory() string { return "/etc/gitlab-runner/certs" }\n' \
        >"$source/commands/commands.go"
    cp "$module"/go.{mod,sum} "$BUILD_OUT"
    go mod edit -replace="$runner=$source" "$BUILD_OUT/go.mod"
    GOFLAGS="${GOFLAGS:-} -modfile=$BUILD_OUT/go.mod" go_build gitlab-runner ./runner gitlab-runner
    GOFLAGS="${GOFLAGS:-} -modfile=$BUILD_OUT/go.mod" go_build gitlab-runner ./coordinator coordinator
    rm -r "$source" "$BUILD_OUT"/go.{mod,sum}
}

# Istio's control plane and agent as they are; its charts as its installer renders them; and what stands for Envoy.
build_istio() {
    local istio=istio.io/istio
    export CGO_ENABLED=0
    go_build istio $istio/pilot/cmd/pilot-discovery pilot-discovery
    go_build istio $istio/pilot/cmd/pilot-agent pilot-agent
    go_build istio ./manifests manifests
    go_build istio ./proxy proxy
}
