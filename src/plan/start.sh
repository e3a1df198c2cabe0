#!/bin/sh
# Starts the Docker daemon of this Pod. dind-injector put it here; arguments are further dockerd flags.
# DIND_SOCKETS  sockets to listen on         DIND_CGROUP        auto, required, together or off; unset is auto
# DIND_GROUP    gid that may use them        DIND_ROOTLESS      1: the image is docker:dind-rootless
# DIND_CLIENT   where to copy `docker`       DIND_HOST_NETWORK  1: leave the node's network alone
# DIND_MTU      in place of the Pod's own    DIND_LINK_0, _1 ... links to make, to what DIND_LINK_0_TO ... says
#                                            DIND_BIND_0, _1 ... the same, bound once both are there
set -euf
run=/run/dind-injector

say() { printf 'dind-injector: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
need() { command -v "$1" >/dev/null || die "no $1 in this image: use docker:dind or one built on it"; }

# The kubelet makes a directory where a container mounts a file that is not there yet.
make_way() {
    mkdir -p "${1%/*}/" || die "cannot make the directory of $1"
    [ ! -d "$1" ] || rmdir "$1" || die "a directory is in the way: $1"
}

# Where the default route leads, and whether only IPv6 has one.
way_out() {
    interface=''
    [ -r /proc/net/route ] || return 0
    while read -r name to _ _ _ _ _ mask _; do
        case $to/$mask in 00000000/00000000) interface=$name && return ;; esac
    done </proc/net/route
    [ -r /proc/net/ipv6_route ] || return 0
    while read -r to bits _ _ _ _ _ _ _ name; do
        case $to/$bits/$name in */lo) ;; 00000000000000000000000000000000/00/*) interface=$name ipv6=1 && return ;; esac
    done </proc/net/ipv6_route
}

# Docker assumes 1500 and overlay networks carry less.
pod_mtu() {
    [ -n "$interface" ] || { say 'no default route: MTU left at 1500' && return 0; }
    read -r mtu <"/sys/class/net/$interface/mtu" || die "cannot read the MTU of $interface: set DIND_MTU"
}

# A daemon inside of a container assumes 1500. Its connections are forwarded here, and agree on what fits.
clamp() {
    set -- FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
    for tables in iptables ${ipv6:+ip6tables}; do
        $tables -w -t mangle -C "$@" 2>/dev/null || $tables -w -t mangle -A "$@" 2>/dev/null ||
            say 'no TCPMSS: a Docker daemon inside of a container needs --mtu'
    done
}

# A container that starts later may have to make what the daemon shall see, so the kubelet is not asked for it here:
# a link leads to where it will be, in the volume's root. .. is what the kubelet refuses, too.
told() { eval "at=\${DIND_$1_$2:-} to=\${DIND_$1_${2}_TO:-}" && [ -n "$at" ]; }
links() {
    n=0
    while told LINK $n; do
        n=$((n + 1))
        case $to/ in */../*) say "no link at $at: $to" && continue ;; esac
        [ ! -d "$at" ] || [ -L "$at" ] || rmdir "$at" 2>/dev/null || { say "no link at $at: it is there" && continue; }
        { mkdir -p "${at%/*}/" && ln -sfn "$to" "$at"; } || say "cannot make a link at $at"
    done
}

# Its input runs before each runc.
before_runc() {
    if [ ! -e $run/runc ]; then
        need runc
        ln -s "$(command -v runc)" $run/real
        printf '#!/bin/sh\n. %s/before\nexec %s/real "$@"\n' $run $run >$run/runc
        chmod 0755 $run/runc
        export PATH="$run:$PATH"
    fi
    cat >>$run/before
}

# Edits containers' config.json, by sed.
edit() {
    [ -e $run/edits ] || before_runc <<'END'
for dir; do [ ! -f "$dir/config.json" ] || sed -i -f /run/dind-injector/edits "$dir/config.json" || exit 1; done
END
    printf '%s\n' "$@" >>$run/edits
}

# A volume that lies in another must wait until that has a place for it, and be there again if a container wiped it away.
# A link that one has put there is not followed.
binds() {
    late=$run/late n=0
    while told BIND $n; do
        n=$((n + 1))
        case $to/ in */../*) say "nothing is bound at $at: $to" && continue ;; esac
        mkdir -p $late && ln -sfn "$at" "$late/$((10000 + n)).at" && ln -sfn "$to" "$late/$((10000 + n)).to"
    done
    [ ! -d $late ] || before_runc <<'END'
(
    flock 9
    for at in /run/dind-injector/late/*.at; do
        to=${at%.at}.to
        [ -e "$at" ] && [ -e "$to" ] && [ ! "$at" -ef "$to" ] && [ "$(readlink -f "$at")" = "$(readlink "$at")" ] || continue
        mount --rbind "$to" "$(readlink "$at")"
    done >&2
) 9</run/dind-injector/late
END
}

uncontained() {
    [ "$DIND_CGROUP" = auto ] || die "$1"
    say "$1: containers may not be held to this Pod's limits"
}

# A privileged container sees the node's cgroups (v2), and dockerd would run containers at their root, under no limit.
# They get a cgroup in the Pod's, with this container's limits. Not below its own: there one OOM kill ends the daemon.
contain() {
    cgroups=/sys/fs/cgroup
    # dockerd has the kernel spare them, and end this daemon or the Pod's others.
    edit 's|"oomScoreAdj":[-0-9]*|"oomScoreAdj":1000|'
    [ -f "$cgroups/cgroup.controllers" ] || return 0 # v1: they are in the Pod
    path=$(sed -n 's/^0:://p' /proc/self/cgroup)
    [ "$path" != / ] || return 0 # a cgroup namespace: likewise
    own=$(printf '%s' "$path" | sed -nE 's|^(.*pod[0-9a-f]{8}[^/]*/[^/]+).*|\1|p')
    [ -n "$own" ] || { uncontained "no Pod in the cgroup path $path" && return 0; }
    pod=$cgroups${own%/*} own=$cgroups$own
    mkdir -p "$pod/docker" 2>/dev/null || { uncontained "cannot make $pod/docker" && return 0; }
    parent=${pod#"$cgroups"}/docker
    # In a shared process namespace, those of an earlier run may be alive.
    [ ! -e "$pod/docker/cgroup.kill" ] || echo 1 >"$pod/docker/cgroup.kill"
    for limit in memory.max memory.swap.max cpu.max cpu.weight cpuset.cpus cpuset.mems pids.max; do
        from=$own/$limit
        ! grep -qs '^[0-9]' "$cgroups$path/$limit" || from=$cgroups$path/$limit # crun's
        [ ! -e "$from" ] || cat "$from" 2>/dev/null >"$pod/docker/$limit" || uncontained "cannot set $limit"
    done

    # The image's `dind` would write to the node's root cgroup; newer entrypoints leave the cgroup namespace in which
    # $parent is right.
    [ ! -e /usr/local/bin/dind ] || chmod a-x /usr/local/bin/dind
    ln -s /bin/false $run/unshare
    export container=docker
    mount -t securityfs none /sys/kernel/security 2>/dev/null || :
    mount --make-rshared / || die 'cannot make / a shared mount'
    say "containers run in $parent"
}

: "${DIND_CGROUP:=auto}"
[ -n "${DIND_SOCKETS:-}" ] || die 'DIND_SOCKETS is not set'
need dockerd
need dockerd-entrypoint.sh

# These sockets and no other: on TCP the daemon is root on the node for whoever reaches it.
unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_TLS_CERTDIR DOCKER_CERT_PATH
for flag in "$@"; do
    case $flag in --host | --host=* | -H* | -[!-]*H*) die "the sockets are those of DIND_SOCKETS: remove $flag" ;; esac
done
! grep -qs '"hosts"' /etc/docker/daemon.json || die 'the sockets are those of DIND_SOCKETS: remove "hosts" from daemon.json'

mtu='' parent='' ipv6=''
if [ "${DIND_HOST_NETWORK:-}" = 1 ]; then
    set -- --bridge=none --iptables=false --ip6tables=false --ip-forward=false "$@"
else
    way_out
    if [ -n "${DIND_MTU:-}" ]; then mtu=$DIND_MTU; else pod_mtu; fi
fi
# Docker's networks have IPv4 alone, which may lead nowhere.
[ "${DIND_ROOTLESS:-}" != 1 ] && ! grep -qs '"ipv6"' /etc/docker/daemon.json || ipv6=''
if [ -n "$ipv6" ] && dockerd --help | grep -q 'ip6tables rules (default true)'; then
    set -- --ipv6 --default-network-opt=bridge=com.docker.network.enable_ipv6=true "$@"
elif [ -n "$ipv6" ]; then
    say 'this Pod has IPv6 alone, which containers get from Docker 27 on'
fi
if [ -n "$mtu" ]; then
    export DOCKERD_ROOTLESS_ROOTLESSKIT_MTU="$mtu"
    if dockerd --help | grep -q -e --default-network-opt; then
        set -- --default-network-opt="bridge=com.docker.network.driver.mtu=$mtu" "$@"
    else
        say "networks that users create have MTU 1500, not $mtu: that takes Docker 24"
    fi
    set -- --mtu="$mtu" "$@"
fi

if [ "${DIND_ROOTLESS:-}" = 1 ]; then
    [ "$(id -u)" != 0 ] || die 'DIND_ROOTLESS=1, and the user is root: set runAsUser to the image user'
    case $DIND_SOCKETS in /run/* | /var/run/*) die "rootlesskit hides what is below /run: $DIND_SOCKETS" ;; esac
else
    [ "$(id -u)" = 0 ] || die 'the user is not root: set runAsUser: 0 or DIND_ROOTLESS=1'
    rm -rf $run && mkdir -p $run
    eval "${DIND_USERNS_SCRIPT:-}"
    case $DIND_CGROUP in auto | required | together) contain ;; off) ;; *) die "unknown DIND_CGROUP: $DIND_CGROUP" ;; esac
    [ "${mtu:-1500}" -ge 1500 ] || clamp
    [ -z "$parent" ] || set -- --cgroup-parent="$parent" --exec-opt=native.cgroupdriver=cgroupfs "$@"
    [ -z "${DIND_GROUP:-}" ] || set -- --group="$DIND_GROUP" "$@"
    # What Compose files bind of a node, and what the image's `dind` would hide.
    for file in localtime timezone; do [ -e "/etc/$file" ] || touch "/etc/$file" 2>/dev/null || :; done
    ! grep -qs ' /tmp/' /proc/mounts || mount --rbind /tmp /tmp
fi

eval "${DIND_SLOT_SCRIPT:-}"
links
[ "${DIND_ROOTLESS:-}" = 1 ] || binds
for socket in $DIND_SOCKETS; do
    make_way "$socket" && set -- --host="unix://$socket" "$@"
done

if [ -n "${DIND_CLIENT:-}" ]; then
    need docker
    make_way "$DIND_CLIENT"
    { cp "$(command -v docker)" "$DIND_CLIENT.new" && chmod 0755 "$DIND_CLIENT.new" &&
        mv -f "$DIND_CLIENT.new" "$DIND_CLIENT"; } || die "cannot write $DIND_CLIENT"
fi

rm -f /run/docker/containerd/containerd.pid # of an earlier run, where /run is a volume
export TINI_SUBREAPER=1                     # docker-init is not process 1 in a shared process namespace
exec dockerd-entrypoint.sh dockerd "$@"
