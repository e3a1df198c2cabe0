# shellcheck shell=bash
# Builds the images that Pods and inner containers run, without a registry or a builder: each
# layer is a plain tar, all of them are in one archive as `docker save` would write it.

# image_of CONSTANT: an image as the source names it, so that Pods find it on the node.
image_of() { sed -n "s/^pub const $1: &str = \"\(.*\)\";\$/docker.io\/library\/\1/p" "$E2E_DIR/../../src/model/profile.rs"; }
DIND_IMAGE=$(image_of DEFAULT_IMAGE)
ROOTLESS_IMAGE=$(image_of DEFAULT_ROOTLESS_IMAGE)
# A CI job's image: a shell and the Docker client with its plugins, no daemon.
APP_IMAGE=docker.io/dind-injector-e2e/app:1
PAUSE_IMAGE=docker.io/dind-injector-e2e/pause:1
# As the chart's values name it.
REGISTRY_IMAGE=docker.io/library/$(sed -n 's/^  image: \(registry:.*\)$/\1/p' "$E2E_DIR/../../manifests/chart/values.yaml")
# For the containers inside of Pods. APP_IMAGE has it as /images/busybox.tar.
INNER_IMAGE=docker.io/library/busybox:latest

images_key() {
    {
        basename "$E2E_BIN"
        echo "$DIND_IMAGE $ROOTLESS_IMAGE $REGISTRY_IMAGE"
        cat "$E2E_DIR/lib/images.sh" "$E2E_DIR"/images/*
        cat "$(command -v busybox)" "$(command -v tini-static)" "$(command -v xtables-nft-multi)" "$(command -v rootlesskit)"
    } | sha256sum | cut -c1-16
}

# Leaves the archives in $E2E_IMAGES.
ensure_images() {
    need busybox 'tests/e2e/install-deps installs it'
    need tini-static 'tests/e2e/install-deps installs it'
    need xtables-nft-multi 'tests/e2e/install-deps installs it (iptables)'
    need rootlesskit 'tests/e2e/install-deps installs it'
    E2E_IMAGES=$E2E_CACHE/images-$(images_key)
    [[ -d $E2E_IMAGES ]] && return
    say 'building the images'
    IMAGE_WORK=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    # In the background: its `set -e` would not hold inside a condition.
    build_images &
    wait $! || die 'the images cannot be built'
    rm -rf "$E2E_CACHE"/images-*
    mv "$IMAGE_WORK/out" "$E2E_IMAGES"
    rm -rf "$IMAGE_WORK"
}

build_images() {
    set -e
    local docker
    docker=$(module_version docker github.com/docker/docker)
    [[ $DIND_IMAGE == */docker:${docker#v}-dind ]] ||
        die "the default image (src/model/profile.rs) is $DIND_IMAGE, and cluster/docker is of $docker"
    mkdir "$IMAGE_WORK"/{roots,layers,out}
    layer busybox busybox_files
    layer pause pause_files
    layer client client_files
    layer daemon daemon_files
    layer rootless rootless_files
    layer registry registry_files

    archive inner
    image "$INNER_IMAGE" '"Cmd": ["sh"]' busybox
    finish_archive

    layer inner-image inner_image_files
    archive node
    image "$PAUSE_IMAGE" '"Entrypoint": ["/pause"]' pause
    image "$APP_IMAGE" '"Cmd": ["sh"]' busybox client inner-image
    image "$DIND_IMAGE" '"Entrypoint": ["dockerd-entrypoint.sh"], "Volumes": {"/var/lib/docker": {}}' \
        busybox client daemon
    image "$ROOTLESS_IMAGE" '"Entrypoint": ["dockerd-entrypoint.sh"], "User": "rootless", "Volumes": {"/home/rootless/.local/share/docker": {}}' \
        busybox client daemon rootless
    image "$REGISTRY_IMAGE" '"Entrypoint": ["registry"], "Cmd": ["serve", "/etc/distribution/config.yml"]' busybox registry
    finish_archive
}

busybox_files() {
    local applet
    mkdir -p bin sbin usr/{bin,sbin,local/bin,local/sbin} etc dev proc sys run root home var/lib var/log
    mkdir -m 1777 tmp
    ln -s ../run var/run
    cp "$(command -v busybox)" bin/busybox
    for applet in $(busybox --list-full); do
        mkdir -p "$(dirname "$applet")"
        [[ $applet == bin/busybox ]] || ln -s /bin/busybox "$applet"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
    # The official image's numbers.
    printf 'root:x:0:\ndocker:x:2375:\n' >etc/group
}

pause_files() {
    local source
    source=$(cd "$E2E_DIR/cluster/kubernetes" && go list -m -f '{{.Dir}}' k8s.io/kubernetes)
    gcc -Os -static -s -DVERSION=e2e -o pause "$source/build/pause/linux/pause.c"
}

client_files() {
    mkdir -p usr/local/bin usr/local/libexec/docker/cli-plugins
    cp "$E2E_BIN/docker" usr/local/bin/
    cp "$E2E_BIN"/docker-{buildx,compose} usr/local/libexec/docker/cli-plugins/
}

daemon_files() {
    local program name
    mkdir -p usr/local/{bin,lib} usr/local/sbin/.iptables-legacy usr/sbin certs/client
    cp "$E2E_BIN"/{dockerd,docker-proxy,containerd,ctr,containerd-shim-runc-v2,runc,dind} usr/local/bin/
    # Of Debian's daemon, which links them.
    [[ ! -d $E2E_BIN/dockerd-libraries ]] || cp -R "$E2E_BIN/dockerd-libraries" usr/local/lib/dockerd
    cp "$(command -v tini-static)" usr/local/bin/docker-init
    cp "$E2E_DIR/images/dockerd-entrypoint.sh" usr/local/bin/
    # Alpine's BusyBox has them, Debian's has not: without the first, `dind` hides /tmp under a tmpfs.
    with_libraries "$(command -v mountpoint)"
    with_libraries "$(command -v flock)"
    # Debian's iptables with the libraries it needs, in either flavour.
    for program in xtables-nft-multi xtables-legacy-multi; do
        with_libraries "$(command -v "$program")"
    done
    copy_here "$(dirname "$(find /usr/lib -name libxt_addrtype.so | head -n 1)")"/*.so
    for name in ip{,6}tables{,-save,-restore}; do
        ln -s /usr/sbin/xtables-nft-multi "usr/local/sbin/$name"
        ln -s /usr/sbin/xtables-legacy-multi "usr/local/sbin/.iptables-legacy/$name"
    done
}

# What the official rootless image adds, but for vpnkit.
rootless_files() {
    local program
    mkdir -p usr/local/bin
    for program in rootlesskit newuidmap newgidmap slirp4netns fuse-overlayfs ip mount nsenter; do
        with_libraries "$(command -v $program)"
        # Before BusyBox's of that name. (Its nsenter would prefer its own ip to any other.)
        ln -s "$(command -v $program)" usr/local/bin/
    done
    # They may write what an ordinary user may not: the user's ranges into /proc/<pid>/uid_map.
    chmod u+s ".$(command -v newuidmap)" ".$(command -v newgidmap)"
    mkdir -p etc home/rootless/.local/share/docker run/user
    chmod 1777 run/user
    chown -R 1000:1000 home/rootless
    printf 'root:x:0:0:root:/root:/bin/sh\nrootless:x:1000:1000:Rootless:/home/rootless:/bin/sh\n' >etc/passwd
    printf 'root:x:0:\ndocker:x:2375:\nrootless:x:1000:\n' >etc/group
    echo 'rootless:100000:65536' | tee etc/subuid >etc/subgid
}

# The official image's settings, re-written.
registry_files() {
    mkdir -p bin etc/distribution var/lib/registry
    cp "$E2E_BIN/registry" bin/
    cat >etc/distribution/config.yml <<'END'
version: 0.1
log: {fields: {service: registry}}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: /var/lib/registry}
http:
  addr: :5000
  headers: {X-Content-Type-Options: [nosniff]}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
END
}

inner_image_files() {
    mkdir images
    cp "$IMAGE_WORK/out/inner.tar" images/busybox.tar
}

with_libraries() {
    copy_here "$1"
    # shellcheck disable=SC2046 # one word for each library
    copy_here $(ldd "$1" | grep -oE '/[^ ]+')
}

# copy_here FILE…: to the same path below the current folder.
copy_here() {
    local file
    for file; do
        mkdir -p ".$(dirname "$file")"
        cp --dereference "$file" ".$file"
    done
}

# layer NAME FUNCTION: the tar of what FUNCTION puts in an empty folder.
layer() {
    local root=$IMAGE_WORK/roots/$1
    mkdir "$root"
    (cd "$root" && "$2")
    tar --sort=name --mtime=@0 --numeric-owner -C "$root" -cf "$IMAGE_WORK/layers/$1.tar" .
}

archive() {
    ARCHIVE=$1
    ARCHIVE_IMAGES=()
    mkdir "$IMAGE_WORK/$1"
}

# image NAME CONFIG_FIELDS LAYER…: into the archive that is being written.
image() {
    local name=$1 fields=$2 config layers=() digests=() one
    shift 2
    for one; do
        cp --no-clobber "$IMAGE_WORK/layers/$one.tar" "$IMAGE_WORK/$ARCHIVE/"
        layers+=("\"$one.tar\"")
        digests+=("\"sha256:$(sha256sum <"$IMAGE_WORK/layers/$one.tar" | cut -d' ' -f1)\"")
    done
    config=$(printf '{"architecture": "%s", "os": "linux", "config": {"Env": [%s], %s}, "rootfs": {"type": "layers", "diff_ids": [%s]}}' \
        "$(go env GOARCH)" '"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"' \
        "$fields" "$(join , "${digests[@]}")")
    one=$(sha256sum <<<"$config" | cut -d' ' -f1).json
    printf '%s\n' "$config" >"$IMAGE_WORK/$ARCHIVE/$one"
    ARCHIVE_IMAGES+=("{\"Config\": \"$one\", \"RepoTags\": [\"${name#docker.io/library/}\"], \"Layers\": [$(join , "${layers[@]}")]}")
}

finish_archive() {
    printf '[%s]\n' "$(join , "${ARCHIVE_IMAGES[@]}")" >"$IMAGE_WORK/$ARCHIVE/manifest.json"
    (cd "$IMAGE_WORK/$ARCHIVE" && tar -cf "$IMAGE_WORK/out/$ARCHIVE.tar" -- *)
}

join() {
    local IFS=$1
    shift
    printf '%s' "$*"
}
