# shellcheck shell=bash
# Images of tools that few scenarios run. A scenario names them (`# images: python reaper` in its check); each is made
# once for every state of what makes it, and imported right before the first scenario that wants it, so that a run
# without them takes no longer. The function `NAME_image` writes one, `need_NAME` says what the machine must have for it.

# images_of SCENARIO: nothing for most.
images_of() { sed -n 's/^# images: //p' "$E2E_DIR/$COLLECTION/$1/check"; }

# ensure_tool_images SCENARIO…: makes those that they want.
ensure_tool_images() {
    local name tool
    for name; do
        for tool in $(images_of "$name"); do
            ensure_tool_image "$tool"
        done
    done
}

# ensure_tool_image NAME
ensure_tool_image() {
    local tool=$1
    find_tool "$tool"
    [[ ! -e $TOOL_ARCHIVE ]] || return 0
    say "building the image $tool"
    IMAGE_WORK=$(mktemp -d "$E2E_CACHE/building.XXXXXX")
    # In the background: its first failing command would not end it inside a condition.
    (
        set -e
        mkdir "$IMAGE_WORK"/{roots,layers,out}
        layer busybox busybox_files
        "${tool}_image"
    ) &
    wait $! || die "the image $tool cannot be built"
    rm -f "$E2E_CACHE/image-$tool"-????????????????.tar
    mv "$IMAGE_WORK/out/$tool.tar" "$TOOL_ARCHIVE"
    rm -rf "$IMAGE_WORK"
}

# find_tool NAME: its programs are in $TOOL_BIN, if it has a module; $TOOL_ARCHIVE is where its image is kept.
find_tool() {
    TOOL_BIN=
    "need_$1"
    TOOL_ARCHIVE=$E2E_CACHE/image-$1-$({
        echo "${E2E_IMAGES##*/} $TOOL_BIN"
        cat "$E2E_DIR/lib/tools.sh"
        ! [[ -d $E2E_DIR/tools/$1 ]] || cat "$E2E_DIR/tools/$1"/*
        "version_of_$1"
    } | sha256sum | cut -c1-16).tar
}

# import_tool_images SCENARIO: onto the node, each once. Scenarios run side by side.
import_tool_images() {
    local tool
    for tool in $(images_of "$1"); do
        needs_node "the image $tool is put on the node by the runner"
        (
            flock 9
            [[ ! -e $NODE_STATE/imported-$tool ]] || exit 0
            find_tool "$tool"
            import_images "$TOOL_ARCHIVE"
            touch "$NODE_STATE/imported-$tool"
        ) 9>"$NODE_STATE/importing" || exit
    done
}

# go_tool MODULE: for a tool of cluster/MODULE; its programs are in $TOOL_BIN.
go_tool() {
    ensure_module "$1" 'a minute or two, once'
    TOOL_BIN=$BUILT
}

# act: GitHub's workflows, run by Docker. Its image has only the program, to be copied into a volume.

need_act() { go_tool act; }
version_of_act() { :; }
build_act() { CGO_ENABLED=0 go_build act github.com/nektos/act act; }
act_image() {
    layer act act_files
    archive act
    image docker.io/dind-injector-e2e/act:1 '"Cmd": ["cp", "/tools/act", "/copied/"]' busybox act
    finish_archive
}
act_files() {
    mkdir tools
    cp "$TOOL_BIN/act" tools/
}

# BuildKit's own image, as `docker buildx create` wants it, in a file for `docker load`.

need_buildkit() { go_tool buildkit; }
version_of_buildkit() { :; }
build_buildkit() {
    CGO_ENABLED=0 go_build buildkit github.com/moby/buildkit/cmd/buildkitd buildkitd
    CGO_ENABLED=0 go_build buildkit github.com/moby/buildkit/cmd/buildctl buildctl
}
buildkit_image() {
    layer buildkit buildkit_files
    archive inner
    image docker.io/moby/buildkit:buildx-stable-1 '"Entrypoint": ["buildkitd"], "Volumes": {"/var/lib/buildkit": {}}' busybox buildkit
    finish_archive
    carrier_image buildkit
}
buildkit_files() {
    mkdir -p usr/bin
    cp "$TOOL_BIN"/{buildkitd,buildctl} usr/bin/
    cp "$E2E_BIN/runc" usr/bin/buildkit-runc
}

# The reaper of Testcontainers, by the names that its clients pull, in a file for `docker load`. E2E_RYUK is a folder with
# the real ones, by their versions.

need_reaper() { go_tool reaper; }
version_of_reaper() { [[ -z ${E2E_RYUK:-} ]] || sha256sum "$E2E_RYUK"/{0.8.1,0.14.0}; }
build_reaper() { CGO_ENABLED=0 go_build reaper . ryuk; }
reaper_image() {
    archive inner
    # As testcontainers (PyPI) and org.testcontainers (Maven Central) of tools/ name it.
    for RYUK in 0.8.1 0.14.0; do
        layer "reaper-$RYUK" reaper_files
        image "docker.io/testcontainers/ryuk:$RYUK" '"Cmd": ["/bin/ryuk"], "Labels": {"org.testcontainers.ryuk": "true"}' "reaper-$RYUK"
    done
    finish_archive
    carrier_image reaper
}
reaper_files() {
    mkdir bin
    if [[ -n ${E2E_RYUK:-} ]]; then
        install -m 755 "$E2E_RYUK/$RYUK" bin/ryuk
    else
        cp "$TOOL_BIN/ryuk" bin/
    fi
}

# carrier_image NAME: an image that copies the archive `inner` to /copied/NAME.tar, for a Pod's first init container.
carrier_image() {
    layer carried carried_files
    archive "$1"
    image "docker.io/dind-injector-e2e/$1:1" "\"Cmd\": [\"cp\", \"/images/inner.tar\", \"/copied/$1.tar\"]" busybox carried
    finish_archive
}
carried_files() {
    mkdir images
    cp "$IMAGE_WORK/out/inner.tar" images/
}

# Python with Testcontainers: Debian's interpreter, packages from PyPI.

need_python() {
    need /usr/bin/python3 'tests/e2e/install-deps installs it'
    need pip 'tests/e2e/install-deps installs it'
}
version_of_python() { /usr/bin/python3 --version; }
python_image() {
    layer python python_files
    archive python
    image docker.io/dind-injector-e2e/python:1 '"Cmd": ["python3"]' busybox python
    finish_archive
}
python_files() {
    local version extensions
    version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    with_libraries "/usr/bin/python$version"
    mkdir -p usr/lib "usr/local/lib/python$version"
    ln -s "python$version" usr/bin/python3
    cp -R --dereference "/usr/lib/python$version" usr/lib/
    rm -rf "usr/lib/python$version"/{config-*,ensurepip,idlelib,lib2to3,pydoc_data,test,tkinter,turtledemo}
    find usr/lib -name __pycache__ -prune -exec rm -r {} +
    pip install --quiet --no-compile --disable-pip-version-check --root-user-action ignore --python-version "$version" --only-binary=:all: \
        --target "usr/local/lib/python$version/dist-packages" --requirement "$E2E_DIR/tools/python/requirements.txt"
    # Extensions of both.
    mapfile -t extensions < <(find usr -name '*.so')
    # shellcheck disable=SC2046 # one word for each library
    copy_here $(libraries_of "${extensions[@]}")
}

# Java with Testcontainers: a runtime of the machine's JDK, packages from Maven Central.

need_java() {
    need javac 'tests/e2e/install-deps installs it'
    need jlink 'tests/e2e/install-deps installs it'
    need mvn 'tests/e2e/install-deps installs it'
}
version_of_java() { javac -version; }
java_image() {
    layer java java_files
    archive java
    image docker.io/dind-injector-e2e/java:1 '"Cmd": ["java"]' busybox java
    finish_archive
}
java_files() {
    mkdir -p usr/bin usr/lib usr/share/java
    mvn --quiet --batch-mode -Dstyle.color=never --file "$E2E_DIR/tools/java/pom.xml" \
        dependency:copy-dependencies "-DoutputDirectory=$PWD/usr/share/java" -DincludeScope=runtime >&2
    javac -cp 'usr/share/java/*' -d usr/share/java "$E2E_DIR/tools/java"/*.java
    jlink --add-modules java.base,java.logging,java.management,java.naming,java.net.http,java.sql,java.xml,jdk.unsupported \
        --strip-java-debug-attributes --no-header-files --no-man-pages --output usr/lib/java
    ln -s ../lib/java/bin/java usr/bin/java
    # shellcheck disable=SC2046 # one word for each library
    copy_here $(libraries_of usr/lib/java/bin/java usr/lib/java/lib/*.so usr/lib/java/lib/server/*.so | grep -v "^$PWD")
}

# libraries_of FILE…: of the machine.
libraries_of() { ldd "$@" | sed -n 's/^\t\(.* => \)\{0,1\}\(\/[^ ]*\) (0x.*/\2/p' | sort -u; }
