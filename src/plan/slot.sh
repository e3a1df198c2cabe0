# Takes a slot of the node's storage for the daemon. The start script runs this where the profile has storage.node.
# DIND_SLOTS    how many daemons at once       DIND_POD_UID     this Pod
# DIND_KEEP_MB  images and build cache, most   DIND_KEEP_HOURS  of what is not used
# A slot is a directory: lock; root, the daemon's storage; pod, whose it is; engine and boot, what wrote it; starts, how
# many in a row came to nothing; beat, the last sign of life; ended, that the Pod was stopped; used, when each image was;
# trash.*, what is to be deleted.
# Another Pod of the same key has written all of it, so nothing here is followed, run or waited for.

# The first line of a slot's file, without what would steer a terminal.
note() { [ ! -f "$slot/$1" ] || [ -L "$slot/$1" ] || head -c 200 "$slot/$1" | head -n 1 | tr -cd ' -~'; }
write() { rm -rf "${slot:?}/$1" && printf '%s\n' "$2" >"$slot/$1"; }

# The kernel takes a lock back however its holder ends. Descriptor 8 stays open in the daemon.
lock() {
    find /dind-slots "$slot/" -maxdepth 1 -type l -exec rm -f {} + 2>/dev/null
    mkdir -p "$slot" && chmod 0700 "$slot" && touch "$slot/lock" && [ -f "$slot/lock" ] || return 1
    exec 8<"$slot/lock"
    ! flock -n 8 || return 0
    exec 8<&-
    return 1
}

# A daemon that was killed a moment ago may come back to its containers. The preStop hook tells where the Pod ends.
is_left() { [ ! -e "$slot/ended" ] && [ -n "$(find "$slot/beat" -mmin -2 2>/dev/null)" ]; }
is_own() { [ "$(note pod)" = "$DIND_POD_UID" ]; }
is_alike() { [ "$(note engine)" = "$engine" ] && ! is_left; }
is_unused() { [ ! -e "$slot/root" ]; }
is_any() { :; }

choose() {
    for wish in is_own is_alike is_unused is_any; do
        n=0
        while [ "$n" -lt "$DIND_SLOTS" ]; do
            slot=/dind-slots/$n n=$((n + 1))
            $wish || continue
            ! lock || return 0
            [ $wish = is_own ] || continue
            # What is left of this container's last run is ending.
            tries=50
            until lock; do
                tries=$((tries - 1))
                [ $tries -gt 0 ] || return 1
                sleep 0.2 || sleep 1
            done
            return 0
        done
    done
    return 1
}

is_full() { df -P /dind-slots | awk 'NR == 2 && $5 + 0 >= 85 { full = 1 } END { exit !full }'; }

gently() { if command -v nice >/dev/null; then nice -n 19 "$@"; else "$@"; fi; }

# Out of the way at once. It is deleted while the daemon runs.
discard() {
    into=$(mktemp -d "$slot/trash.XXXXXX" 2>/dev/null) || into=''
    if [ -z "$into" ] || ! mv "$1" "$into/" 2>/dev/null; then rm -rf "$1"; fi
}

# Why what is in the slot is not to be used.
fault() {
    starts=$(note starts)
    case ${starts:=0} in [01]) ;; *) echo 'the daemon did not get ready on it twice' && return 0 ;; esac
    [ -z "$own" ] || return 0
    [ "$(note boot)" = "$boot" ] || { echo 'the node was started again since' && return 0; }
    [ "$(note engine)" = "$engine" ] || { echo "it is of another Engine ($(note engine))" && return 0; }
    ! is_full || echo 'the disk is full'
}

# Deletes what no daemon uses now, until the disk has room.
make_room() {
    timeout 60 find "$slot" -maxdepth 1 -name 'trash.*' -exec rm -rf {} +
    n=0
    while [ "$n" -lt "$DIND_SLOTS" ] && is_full; do
        other=/dind-slots/$n n=$((n + 1))
        [ "$other" = "$slot" ] || [ ! -d "$other/root" ] || [ ! -f "$other/lock" ] || (
            exec 7<"$other/lock"
            ! flock -n 7 || { say "$other is emptied: the disk is full" && timeout 60 rm -rf "$other/root"; }
        )
    done
}

# Of the Pod before, only images and build cache stay: what is named here, and nothing else. The results of builds are
# known by the engine's id.
tidy() {
    root=$slot/root
    keep='engine-id image overlay2 fuse-overlayfs btrfs zfs vfs buildkit containerd'
    into=$(mktemp -d "$slot/trash.XXXXXX") || return 1
    for name in $keep; do
        [ ! -L "$root/$name" ] || rm -f "$root/$name"
        set -- "$@" ! -name "$name"
    done
    find "$root" -mindepth 1 -maxdepth 1 "$@" -exec mv {} "$into/" \;
    [ -z "$(find "$root" -mindepth 1 -maxdepth 1 "$@")" ] || return 1

    # What containers wrote over their images, and what was half made.
    find "$root/image" -mindepth 5 -maxdepth 5 -path '*/layerdb/mounts/*' -name '*-id' -type f 2>/dev/null |
        while read -r file; do
            layer=$(head -n 1 "$file") driver=${file#"$root"/image/}
            driver=$root/${driver%%/*}
            case $layer in '' | *[!a-z0-9-]*) continue ;; esac
            link=$(head -n 1 "$driver/$layer/link" 2>/dev/null) || link=''
            case $link in '' | *[!A-Z0-9]*) ;; *) [ -L "$driver/l" ] || rm -f "$driver/l/$link" ;; esac
            mv "$driver/$layer" "$into/" 2>/dev/null || mv "$driver/dir/$layer" "$into/" 2>/dev/null || :
        done
    find "$root/image" -mindepth 3 -maxdepth 3 \( -path '*/layerdb/mounts' -o -path '*/layerdb/tmp' \) -exec rm -rf {} + \
        2>/dev/null
    # The logs of builds, and the directories of containers that containerd ran.
    find "$root/buildkit" -maxdepth 1 -name 'history*' -exec rm -rf {} + 2>/dev/null
    find "$root/containerd" -maxdepth 2 -name 'io.containerd.runtime.*' -exec rm -rf {} + 2>/dev/null
    :
}

take_slot() {
    engine=$(dockerd --version)
    for flag; do
        case $flag in --storage-* | --feature* | --userns-*) engine="$engine $flag" ;; esac
    done
    read -r boot </proc/sys/kernel/random/boot_id
    choose || { say "all $DIND_SLOTS slots are taken: this Pod has an emptyDir" && return 1; }
    own=''
    ! is_own || own=1
    if [ -e "$slot/root" ]; then
        why=$(fault)
        if [ -n "$why" ]; then
            say "$slot is emptied: $why"
            discard "$slot/root"
            rm -rf "$slot/used" "$slot/starts"
            own=''
        elif [ -z "$own" ]; then
            (tidy) || { say "$slot is emptied: it cannot be tidied" && discard "$slot/root"; }
        fi
    fi
    ! is_full || make_room
    [ -z "$own" ] || boot=$(note boot)
    starts=$(note starts)
    if mkdir -p "$slot/root" && chmod 0710 "$slot/root" && write pod "$DIND_POD_UID" && write engine "$engine" &&
        write boot "$boot" && write starts $((${starts:-0} + 1)) && mount --bind "$slot/root" /var/lib/docker; then
        rm -rf "$slot/ended"
        ln -sfn "$slot" /run/dind-injector/slot
        say "images are in $slot${own:+, as before}"
        return 0
    fi
    say "$slot cannot be used: this Pod has an emptyDir"
    exec 8<&-
    return 1
}

ask() {
    left=$((deadline - $(date +%s)))
    [ "$left" -gt 0 ] && timeout "$left" docker --host "unix://${DIND_SOCKETS%% *}" "$@" 2>/dev/null
}

# The containerd image store keeps what containers wrote in a data base of its own, under leases of their ids.
forget() {
    command -v ctr >/dev/null && [ -S /run/docker/containerd/containerd.sock ] || return 0
    for kind in containers leases; do
        timeout 10 ctr --address /run/docker/containerd/containerd.sock --namespace moby "$kind" list --quiet |
            grep -E '^[0-9a-f]{64}$' | while read -r id; do
            timeout 10 ctr --address /run/docker/containerd/containerd.sock --namespace moby "$kind" delete "$id"
        done
    done >/dev/null 2>&1
}

# Each image with the time of its last use, the longest ago first. One without a time came a moment ago.
images() {
    {
        [ ! -f "$slot/used" ] || [ -L "$slot/used" ] || sed 's/^/used /' "$slot/used"
        sed 's/^/is /' "$1"
    } | awk -v now="$2" '
        function tagged(name) { return name ~ /^sha256:|@|:[^\/]*$/ ? name : name ":latest" }
        $1 == "used" { name = tagged($3); if ($2 + 0 > at[name]) at[name] = $2 + 0 }
        $1 == "is" {
            for (i = 2; i <= 4; i++) if (at[$i] > last[$2]) last[$2] = at[$i]
            if (!last[$2]) last[$2] = now
        }
        END { for (id in last) print last[id], id }' | sort -n
}

megabytes() {
    ask system df --format '{{.Type}} {{.Size}}' | awk '
        /^(Images|Build)/ { sum += $NF * ($NF ~ /TB$/ ? 1e6 : $NF ~ /GB$/ ? 1e3 : $NF ~ /MB$/ ? 1 : 1e-3) }
        END { printf "%d\n", sum }'
}

# What was not used for longest goes, until the rest is as old and as large as it may be, or time is up.
prune() {
    now=$(date +%s) listed=/run/dind-injector/images
    ask image ls --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}' >$listed || return 0
    images $listed "$now" >$listed.used
    rm -rf "$slot/used" && cp $listed.used "$slot/used"
    [ -n "$(find "$slot/pruned" -mmin -60 2>/dev/null)" ] ||
        { ask builder prune --force --filter "until=${DIND_KEEP_HOURS}h" && write pruned "$now"; } >/dev/null
    while read -r at id; do
        [ "$at" -gt $((now - DIND_KEEP_HOURS * 3600)) ] || ask image rm --force "$id" >/dev/null
    done <$listed.used
    size=$(megabytes)
    [ "$size" -gt "$DIND_KEEP_MB" ] || return 0
    say "$slot holds $size MB, and keeps $DIND_KEEP_MB"
    most=--keep-storage
    ! docker builder prune --help 2>&1 | grep -q -e --reserved-space || most=--reserved-space
    ask builder prune --force "$most=$((DIND_KEEP_MB / 2))MB" >/dev/null
    while read -r at id && [ "$(megabytes)" -gt "$DIND_KEEP_MB" ]; do
        ask image rm --force "$id" >/dev/null
    done <$listed.used
    [ "$(megabytes)" -le "$DIND_KEEP_MB" ] || ask builder prune --all --force >/dev/null
}

# Which images are used, for as long as the daemon runs. Asked for now and then, often at first: a client that went on
# listening would hold up the daemon's end.
watch_use() {
    since=$(date +%s) pause=5
    while touch "$slot/beat" && sleep $pause; do
        until=$(date +%s)
        docker --host "unix://${DIND_SOCKETS%% *}" events --since "$since" --until "$until" --filter type=container \
            --filter type=image --filter event=create --filter event=pull --filter event=load --filter event=tag \
            --filter event=import --format \
            '{{.Time}} {{if eq .Type "container"}}{{index .Actor.Attributes "image"}}{{else}}{{.Actor.ID}}{{end}}' \
            >>"$slot/used" 2>/dev/null
        since=$until
        [ $pause -ge 30 ] || pause=$((pause + 5))
    done
}

# From here on beside the daemon: nothing of the Pod before is there, and what is over `keep` goes before a client comes.
ready_slot() {
    set +e
    until docker --host "unix://${DIND_SOCKETS%% *}" version >/dev/null 2>&1; do
        sleep 0.2 || sleep 1
    done
    deadline=$(($(date +%s) + 30))
    [ -n "$own" ] || { forget && prune; }
    rm -f "$slot/starts"
    touch /run/dind-injector/ready
    watch_use &
    gently find "$slot" -maxdepth 1 -name 'trash.*' -exec rm -rf {} +
    n=0
    while [ "$n" -lt "$DIND_SLOTS" ]; do
        other=/dind-slots/$n n=$((n + 1))
        [ -f "$other/lock" ] && [ -n "$(find "$other/beat" -mmin "+$((DIND_KEEP_HOURS * 60))" 2>/dev/null)" ] && (
            exec 7<"$other/lock"
            flock -n 7 && gently rm -rf "$other/root" "$other/beat"
        )
    done
}

unset DIND_SLOT_SCRIPT
mkdir -p /run/dind-injector
rm -rf /run/dind-injector/ready /run/dind-injector/slot
# Containers in the emptyDir are of this Pod, from before the daemon's restart.
if [ -z "$(find /var/lib/docker -mindepth 1 -maxdepth 1)" ] && take_slot "$@"; then
    ready_slot &
else
    touch /run/dind-injector/ready
fi
