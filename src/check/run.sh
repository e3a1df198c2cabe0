#!/bin/sh
# Runs in the Pod of `dind-injector check --run`: tries what jobs do with Docker, and says in one line each what
# came of it: the word, then ok, warning or failed, then what was seen. DIND_CHECK_HOG: 1 where the limit may be reached.
set -u
say() { printf 'dind-injector-check %s %s %s\n' "$1" "$2" "$(printf '%s' "$3" | tr '\n' ' ')"; }
give_up() { say "$1" failed "$2" && exit 1; }
inner=dind-injector-check

# Its path; `command -v` of a shell that has programs built in gives the name alone.
path_of() {
    IFS=:
    for directory in $PATH; do
        [ ! -x "$directory/$1" ] || { printf '%s' "$directory/$1" && break; }
    done
    unset IFS
}

# Never the node's daemon, whatever became of this Pod on its way.
case ${DOCKER_HOST:-} in
unix:///dind/docker.sock) ;;
*) give_up container "DOCKER_HOST is ${DOCKER_HOST:-not set}, and not this Pod's own daemon" ;;
esac
for program in sh docker tar tail cat; do
    [ -n "$(path_of "$program")" ] || give_up container "the image has no $program: name one that has by --image"
done

facts=$(docker info --format '{{.CgroupVersion}} {{.CgroupDriver}} {{.Driver}} {{.ServerVersion}}' 2>&1) ||
    give_up container "docker info: $facts"
# shellcheck disable=SC2086 # four words
set -- $facts
case $2 in
none) say cgroup warning "version $1, and the daemon may make no groups: docker run -m and --cpus are ignored" ;;
*) say cgroup ok "version $1, driver $2" ;;
esac
case $3 in
vfs) say storage warning "the driver $3 copies every layer" ;;
*) say storage ok "$3" ;;
esac
version=$4

# An image without a registry: this container's own shell, and what that needs.
set --
for program in sh cat tail; do
    path=$(path_of "$program")
    set -- "$@" "$path"
    for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ ):]*'); do
        [ ! -e "$library" ] || set -- "$@" "$library"
    done
done
for loader in /lib/ld-musl-*; do
    [ ! -e "$loader" ] || set -- "$@" "$loader"
done
said=$(tar -chf - "$@" 2>/dev/null | docker import - "$inner" 2>&1) || give_up container "docker import: $said"

said=$(docker run --rm "$inner" sh -c 'echo ran' 2>&1)
[ "$said" = ran ] || give_up container "docker run: $said"
say container ok "docker run, by Docker $version"

echo written >/dind-check/file
said=$(docker run --rm -v /dind-check:/data "$inner" cat /data/file 2>&1)
case $said in
written) say mount ok "a volume of the Pod, by docker run -v" ;;
*) say mount failed "docker run -v of a volume shows: $said" ;;
esac

interface=eth0
while read -r name to _; do
    [ "$to" != 00000000 ] || interface=$name
done </proc/net/route
mtu=$(cat "/sys/class/net/$interface/mtu")
said=$(docker run --rm "$inner" cat /sys/class/net/eth0/mtu 2>&1)
# Less than the Pod's is safe, and a profile may ask for it.
if [ "$said" -le "$mtu" ] 2>/dev/null; then
    say mtu ok "$said inside, and the Pod has $mtu"
else
    say mtu failed "$said inside, and the Pod has $mtu"
fi

[ "${DIND_CHECK_HOG:-}" = 1 ] || exit 0
docker run --detach --name beside "$inner" tail -f /dev/null >/dev/null 2>&1
# Reads on for a line's end that never comes, and keeps what it has read.
docker run --name hog "$inner" tail /dev/zero >/dev/null 2>&1
code=$?
beside=$(docker inspect --format '{{.State.Running}}' beside 2>&1)
if [ "$code" = 137 ] && [ "$beside" = true ]; then
    say contained ok "a container that took all memory was killed alone"
elif [ "$code" = 137 ]; then
    say contained failed "a container that took all memory was killed, and one beside it too: $beside"
else
    say contained failed "a container that took all memory ended with $code and was not killed"
fi
docker rm --force beside hog >/dev/null 2>&1
