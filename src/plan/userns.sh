# hostUsers: false. Root here is no user of the node: it owns the Pod's network and mounts and, where the node's runtime
# delegates it, this container's cgroup. The start script runs this where the Pod is to be in a user namespace.
# DIND_CGROUP  required: end where the limits of a container are not kept; together: where those of this one do not hold
#              for all of them; off: leave cgroups alone
unset DIND_USERNS_SCRIPT
read -r _ _ ids </proc/self/uid_map
[ "$ids" != 4294967295 ] || die 'hostUsers: false had no effect here, and root is root on the node: it takes Kubernetes 1.33'

# Each container in a cgroup below this one's. The kubelet asks that one OOM kill ends all of a container, but here the
# kernel is to end what takes most. (A reserve of memory for the daemon would have to be guessed, and would be taken from
# every job.)
each() {
    echo 0 2>/dev/null >"$cgroups/memory.oom.group" || say 'an OOM kill in a container ends the daemon too'
    say "the limits of each container are kept, and this one's hold for all of them"
}

# All in the cgroup of this container: runc makes none where none is asked for.
together() {
    [ "$DIND_CGROUP" != required ] || die "$1, so the limits of single containers are not kept: it takes a runtime with \
cgroup_writable (runtimeClassName), or DIND_CGROUP=together"
    edit 's|"cgroupsPath":|"x-cgroupsPath":|g' 's|"resources":{|"x-resources":{|g'
    # What the image's `dind` does, but for the cgroups.
    [ ! -e /usr/local/bin/dind ] || chmod a-x /usr/local/bin/dind
    export container=docker
    mount --make-rshared / || die 'cannot make / a shared mount'
    say "$1: this container's limits hold for all of them together, and docker run -m and --cpus do nothing"
}

# Docker sets up the networks of containers by it. What it may set there is this Pod's own: all else is root's of the node.
! grep -q '^proc /proc/sys proc ro' /proc/mounts || umount /proc/sys ||
    die 'cannot make /proc/sys writable: set procMount: Unmasked in the securityContext of the profile'

# A sysfs that is read-only, as in a container that is not privileged, lets the kernel make no other in it.
! grep -q '^sysfs /sys sysfs ro' /proc/mounts ||
    edit 's|\("type":"sysfs","source":"sysfs","options":\["nosuid","noexec","nodev"\)]|\1,"ro"]|g'

# The Pod's cgroup, where `contain` looks first, is the node's. It writes there only if the node is in a user namespace
# itself.
uncontained() { if [ -n "$parent" ]; then say "$1"; else together "$1"; fi; }

cgroups=/sys/fs/cgroup
if [ "$DIND_CGROUP" != off ] && [ -f $cgroups/cgroup.controllers ] && [ "$(sed -n 's/^0:://p' /proc/self/cgroup)" = / ]; then
    if mkdir -p $cgroups/init 2>/dev/null; then each; else together 'this cgroup is not writable'; fi
fi
