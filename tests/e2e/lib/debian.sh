# shellcheck shell=bash
# Programs of a Debian suite that need not be this machine's, with the libraries that they link.

# debian_root SUITE ROOT OPTION…: what mmdebstrap makes with these options.
debian_root() {
    # Not apt's own configuration, which may be for another suite.
    env --unset=APT_CONFIG nice -n 5 mmdebstrap --quiet --mode=root "${@:3}" \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' "$1" "$2" \
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $1 main"
}

# extract_debian SUITE PACKAGE ROOT: its files and those of what it depends on, without setting anything up.
extract_debian() { debian_root "$1" "$3" --variant=extract --include="$2"; }

# debian_loader ROOT: what starts its programs, below it.
debian_loader() { (cd "$1" && find . -name 'ld-linux-*.so.*' -printf '%P\n' | sort | head -n 1); }

# debian_libraries ROOT: where its libraries are, below it, one a line.
debian_libraries() { (cd "$1" && find . -name 'lib*.so.*' -printf '%P\n' | sed 's|/[^/]*$||' | sort -u); }

# debian_programs ROOT FOLDER LIBRARIES PROGRAM…: these of it, for a system of any kind, into $BUILD_OUT; what they link is
# there in FOLDER, and they look for it in LIBRARIES.
debian_programs() {
    local root=$1 folder=$BUILD_OUT/$2 libraries=$3 loader program path
    loader=$root/$(debian_loader "$root")
    mkdir "$folder"
    cp --dereference "$loader" "$folder/"
    for program in "${@:4}"; do
        path=$(find "$root" -name "$program" -type f -perm -u+x)
        # shellcheck disable=SC2046 # one word for each library
        cp --dereference $("$loader" --library-path "$(debian_libraries "$root" | sed "s|^|$root/|" | paste -sd:)" --list "$path" |
            grep -oE '/[^ ]+\.so[^ ]*' | grep -v '/ld-linux-') "$folder/"
        cp "$path" "$BUILD_OUT/$program"
        # For the libraries of libraries too.
        patchelf --force-rpath --set-interpreter "$libraries/${loader##*/}" --set-rpath "$libraries" "$BUILD_OUT/$program"
    done
}

# Where apt, as it is set up here, has Debian's packages from.
debian_mirror() {
    local mirror=${E2E_DEBIAN_MIRROR:-}
    # shellcheck disable=SC2016 # apt's own variables
    [[ -n $mirror ]] || mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's/^Debian //p' | head -n 1)
    [[ -n $mirror ]] || die "apt knows no mirror of Debian (run apt-get update, or name one: E2E_DEBIAN_MIRROR=…)"
    printf '%s' "$mirror"
}
