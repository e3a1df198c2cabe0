# shellcheck shell=bash
# The node as a virtual machine: cgroup v2 and systemd, which the machine that runs the tests may not have. The control
# plane stays outside at full speed, since without KVM the machine's processors are emulated; a tap device joins them.
# vm/ has what is put into it.

VM_SUITE=trixie
VM_IP=10.89.0.2

# Leaves its root filesystem with a kernel, and the initramfs, in $E2E_VM.
ensure_vm() {
    [[ $(uname -m) == x86_64 ]] || die '--node vm: the machine is an x86-64 one'
    local tool
    for tool in mmdebstrap mke2fs cpio busybox ssh ssh-keygen xz; do
        need "$tool" 'tests/e2e/install-deps vm installs it'
    done
    E2E_VM=$E2E_CACHE/vm-$(vm_key)
    [[ -d $E2E_VM ]] && return
    say "building the machine's root filesystem (1 to 2 minutes, once)"
    VM_WORK=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    # In the background: its `set -e` would not hold inside a condition.
    build_vm &
    wait $! || die "the machine's root filesystem cannot be built"
    rm -rf "$E2E_CACHE"/vm-*
    mv "$VM_WORK" "$E2E_VM"
}

vm_key() {
    {
        echo "$VM_SUITE $(uname -m)"
        declare -f build_vm build_initramfs build_emulator debian_root extract_debian debian_loader debian_libraries
        cd "$E2E_DIR/vm" && find . -type f -print -exec cat {} +
    } | sha256sum | cut -c1-16
}

build_vm() {
    set -e
    local root=$VM_WORK/root unit
    debian_root "$VM_SUITE" "$root" --variant=minbase --include="$(paste -sd, "$E2E_DIR/vm/packages")" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --customize-hook="$E2E_DIR/vm/kernel"
    # Each profile takes seconds to compile there. These two are what containers meet on a node.
    find "$root/etc/apparmor.d" -maxdepth 1 -type f ! -name runc ! -name unprivileged_userns -delete
    echo e2e-node >"$root/etc/hostname"
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    : >"$root/etc/fstab"
    while read -r unit; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done <"$E2E_DIR/vm/masked"
    cp -R "$E2E_DIR/vm/root/." "$root"
    mkdir -p "$root"/etc/systemd/system/{sysinit,multi-user}.target.wants
    ln -s ../e2e-setup.service "$root/etc/systemd/system/sysinit.target.wants/"
    ln -s ../{e2e-ssh,containerd,crio,kubelet}.service "$root/etc/systemd/system/multi-user.target.wants/"
    ln -sf /usr/lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
    # What every run puts into the disk.
    mkdir -p "$root"/opt/e2e/{bin,config} "$root"/var/lib/{containerd,containers/storage} "$root/etc/cni/net.d"
    build_initramfs "$root" >"$VM_WORK/initramfs"
    mkdir "$VM_WORK/emulator"
    build_emulator "$VM_WORK/emulator"
}

# The emulator of the same suite, in a folder of its own. Debian 12's (7.2) has crashed kernels and programs that two emulated
# processors run at once (3 of some 15 runs), and takes twice as long.
build_emulator() {
    local folder=$1 root=$1/root
    extract_debian "$VM_SUITE" qemu-system-x86 "$root"
    rm -rf "$root"/usr/share/{doc,man,locale,bash-completion}
    cat >"$folder/qemu-system-x86_64" <<END
#!/bin/sh
root=\$(dirname "\$0")/root
exec "\$root/$(debian_loader "$root")" --library-path "$(debian_libraries "$root" | sed 's|^|$root/|' | paste -sd:)" \\
    "\$root/usr/bin/qemu-system-x86_64" -L "\$root/usr/share/qemu" -L "\$root/usr/share/seabios" "\$@"
END
    chmod +x "$folder/qemu-system-x86_64"
}

# What finds the disk: busybox, and the modules that the disk's driver needs.
build_initramfs() {
    local root=$1 work=$VM_WORK/initramfs-root version module file count=0
    version=$(ls "$root/usr/lib/modules")
    mkdir -p "$work"/{bin,dev,proc,sys,root,modules}
    cp "$(command -v busybox)" "$work/bin/busybox"
    cp "$E2E_DIR/vm/initramfs-init" "$work/init"
    for module in virtio_blk ext4; do
        # The file of each, those that it needs first; nothing of what is built in.
        for file in $(chroot "$root" modprobe --set-version "$version" --show-depends "$module" |
            sed -n 's/^insmod \([^ ]*\).*/\1/p'); do
            count=$((count + 1))
            xz --decompress --stdout "$root$file" >"$work/modules/$(printf %02d "$count")-$(basename "$file" .xz)"
        done
    done
    (cd "$work" && find . | cpio --create --format=newc --quiet)
    rm -r "$work"
}

# What this run adds to the root filesystem: programs, images, certificates and configuration. Leaves the disk.
make_vm() {
    local vm=$NODE_STATE/vm programs
    mkdir -p "$vm"/{bin,config,storage}
    mapfile -t programs < <(printf '%s\n' node kubelet kubectl runc cni && runtime programs)
    cp -al "${programs[@]/#/$E2E_BIN/}" "$vm/bin/"
    make_vm_configuration
    say 'making the disk of the machine'
    webhook_image "$NODE_STATE/webhook.tar"
    natively_import "$vm/storage" "$E2E_IMAGES/node.tar" "$NODE_STATE/webhook.tar"
    make_disk "$vm"
    rm -r "$vm/storage"
    qemu_options >"$vm/qemu-options"
}

make_vm_configuration() {
    local config=$NODE_STATE/vm/config systemd=false
    [[ $NODE != vm-systemd ]] || systemd=true
    printf 'NODE_IP=%s\nAPI_IP=%s\n' "$VM_IP" "$NODE_IP" >"$config/network"
    cp "$NODE_STATE/config/kubelet.kubeconfig" "$config/"
    cp "$NODE_STATE/cni/10-pods.conflist" "$config/"
    runtime configure_vm "$config" $systemd
    {
        kubelet_configuration "${NODE#vm-}"
        # The kubelet would make an RSA key there, which takes it seconds.
        printf '%s\n' 'tlsCertFile: /opt/e2e/config/kubelet.crt' 'tlsPrivateKeyFile: /opt/e2e/config/kubelet.key' \
            'volumePluginDir: /var/lib/kubelet/volume-plugins'
    } >"$config/kubelet.yaml"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -CA "$NODE_STATE/pki/ca.crt" \
        -CAkey "$NODE_STATE/pki/ca.key" -subj /CN=e2e-node -keyout "$config/kubelet.key" -out "$config/kubelet.crt" \
        -addext 'basicConstraints=critical,CA:false' -addext "subjectAltName=DNS:e2e-node,IP:$VM_IP" 2>/dev/null
    make_ssh_configuration "$config"
}

# Keys of both ends, made here for this run.
make_ssh_configuration() {
    local pki=$NODE_STATE/pki
    ssh-keygen -q -t ed25519 -N '' -f "$pki/ssh"
    ssh-keygen -q -t ed25519 -N '' -f "$1/ssh-host"
    cp "$pki/ssh.pub" "$1/authorized_keys"
    printf '%s %s\n' "$VM_IP" "$(cut -d' ' -f1,2 "$1/ssh-host.pub")" >"$pki/known_hosts"
    cat >"$1/sshd_config" <<END
HostKey /opt/e2e/config/ssh-host
AuthorizedKeysFile /opt/e2e/config/authorized_keys
PasswordAuthentication no
PermitRootLogin yes
UseDNS no
UsePAM no
MaxSessions 100
PrintMotd no
END
    cat >"$NODE_STATE/config/ssh" <<END
Host node
HostName $VM_IP
User root
IdentityFile $pki/ssh
IdentitiesOnly yes
UserKnownHostsFile $pki/known_hosts
GlobalKnownHostsFile /dev/null
BatchMode yes
ConnectTimeout 20
ControlPath $NODE_STATE/ssh.sock
LogLevel ERROR
END
}

# natively_import FOLDER ARCHIVE…: the storage of a runtime that has the images unpacked, made by its own programs here, where
# that takes seconds. They have mounts and a /run of their own, and are gone with their shell.
natively_import() {
    local log=$NODE_STATE/logs/import.log
    {
        echo 'mount -t tmpfs tmpfs /run'
        runtime import_here "$@"
    } | env PATH="$E2E_BIN:$PATH" unshare --mount --pid --fork --kill-child --propagation private \
        bash -euo pipefail >"$log" 2>&1 || die "the images cannot be imported: $(tail -n 3 "$log")"
}

# make_disk FOLDER: what is in it, over the cached root filesystem, as one ext4 image. It is written to and thrown away.
make_disk() {
    local log=$NODE_STATE/logs/mke2fs.log
    unshare --mount --propagation private bash -euo pipefail -s "$E2E_VM/root" "$1" "$(runtime storage)" \
        >"$log" 2>&1 <<'END' || die "the disk of the machine cannot be made: $(tail -n 3 "$log")"
mount --bind "$2/bin" "$1/opt/e2e/bin"
mount --bind "$2/config" "$1/opt/e2e/config"
mount --bind "$2/storage" "$1$3"
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$1" "$2/disk" 6G
END
}

# The program and its arguments, one a line, since lib/node-init starts it. A kernel that boots on a busy machine takes its processor for slower than it is
# (by the old timer, five times), and time then runs too fast for every probe. So there is no such timer, and the kernel is
# not told that its clock is reliable: it looks, and takes another.
# The second line of its arguments is for speed on emulated processors alone: a kernel that clears and checks less, has no
# timer between its ticks, waits less for old readers, and has one security module. Three scenarios took 204 s without, and 110
# to 155 s in six runs with it or most of it.
qemu_options() {
    local vm=$NODE_STATE/vm arguments
    arguments='console=ttyS0 net.ifnames=0 quiet loglevel=4 panic=-1 audit=0 no_timer_check random.trust_cpu=on systemd.show_status=0 '
    arguments+='mitigations=off nokaslr init_on_alloc=0 randomize_kstack_offset=off hardened_usercopy=off transparent_hugepage=never highres=off rcupdate.rcu_expedited=1 lsm=apparmor'
    printf '%s\n' "$E2E_VM/emulator/qemu-system-x86_64" -machine q35,pit=off -accel "${E2E_ACCELERATOR:-tcg,thread=multi,tb-size=1024}" -cpu max,la57=off -smp 2 -m 4G \
        -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$(echo "$E2E_VM"/root/boot/vmlinuz-*)" -initrd "$E2E_VM/initramfs" \
        -append "$arguments" \
        -serial "file:$NODE_STATE/logs/console.log" \
        -drive "file=$vm/disk,format=raw,if=none,id=disk,cache=unsafe" -device virtio-blk-pci,drive=disk \
        -netdev tap,id=net,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=net,romfile= \
        -device virtio-rng-pci
}

# One connection for all commands: a handshake takes the machine a second.
connect_vm() {
    until_true 20 in_network ssh -F "$NODE_STATE/config/ssh" -M -N -f node </dev/null >/dev/null 2>&1 ||
        node_failed 'the machine has no shell'
}

in_network() { nsenter --target "$(<"$NODE_STATE/pid")" --net --pid "$@"; }

on_vm() {
    local terminal=()
    [[ ! -t 0 || ! -t 1 ]] || terminal=(-t)
    in_network ssh "${terminal[@]}" -F "$NODE_STATE/config/ssh" node -- \
        "$(printf '%q ' env PATH=/opt/e2e/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin "$@")"
}

# Its last words, in a run that failed.
vm_log() {
    printf -- '---- last lines of the console\n'
    tail -n 15 "$NODE_STATE/logs/console.log" | cut -c1-300
    ! node_has_ended || return 0
    printf -- '---- last lines of the journal\n'
    on_vm journalctl --no-pager --lines 30 | cut -c1-300 || true
}
