# shellcheck shell=bash
# What containers of a Pod's own daemon reach on the networks that the Pod is on. The Pods are `dood` and `peer`, which
# serves a file of a million bytes.

inside() { k exec dood --container main -- "$@"; }

# reached URL [FLAG...]: how many bytes a container gets there.
reached() {
    local url=$1
    shift
    inside docker run --rm "$@" busybox sh -c "timeout 10 wget -qO- '$url' | wc -c"
}

# million URL: containers on both kinds of network get the whole file.
million() {
    inside docker network inspect own >/dev/null 2>&1 || inside docker network create own >/dev/null
    local network
    for network in bridge own; do
        [[ $(reached "$1" --network "$network") == 1000000 ]] || fail "a container on the network $network does not get $1"
    done
}

# carries MTU: what containers send on both kinds of network is no larger.
carries() {
    local network mtu
    for network in bridge own; do
        mtu=$(inside docker run --rm --network "$network" busybox cat /sys/class/net/eth0/mtu)
        [[ $mtu == "$1" ]] || fail "the network $network has an MTU of $mtu and not of $1"
    done
}

# published URL...: what a container serves on port 8080 is reached there by the other Pod.
published() {
    local url
    inside docker run --detach --publish 8080:80 busybox sh -c 'echo published >/index.html; exec httpd -f -h /' >/dev/null
    for url; do
        until_true "$(patient 20)" answers_peer "$url" || fail "the other Pod does not reach $url"
    done
}
answers_peer() { k exec peer -- timeout 5 wget -qO- "$1/index.html" 2>/dev/null | grep -x published >/dev/null; }

# address POD PREFIX [INTERFACE]: of its addresses the one that begins so. The kubelet tells of one of them alone.
address() {
    k exec "$1" --container main -- ip -o addr show dev "${3:-eth0}" scope global |
        sed -nE "s#.* inet6? ($2[^/]*)/.*#\\1#p" | grep . || fail "Pod $1 has no address $2… on ${3:-eth0}"
}
