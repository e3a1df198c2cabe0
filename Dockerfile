# syntax=docker/dockerfile:1
# One static binary in an empty image, for a user that is not root.
#   docker build -t dind-injector .
# tests/manifests/image builds it twice with a real engine, on a stand-in for the base image, and
# tests/manifests/dockerfile-steps runs the steps of the first stage without one.

# Pin it by digest where you build releases: `--build-arg RUST_IMAGE=rust@sha256:…`.
ARG RUST_IMAGE=rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# Nothing of the time or the machine is to be in the bytes.
ENV SOURCE_DATE_EPOCH=0 \
    CARGO_INCREMENTAL=0
# Named, so that build scripts and macros, which run here, are not static. glibc can be linked
# in, for what is used of it: names are looked up in files and DNS, without plugins.
RUN <<END
set -eu
target=$(rustc -vV | sed -n 's/^host: //p')
cargo=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=/src --remap-path-prefix=$cargo=/cargo"
export CFLAGS="-ffile-prefix-map=$PWD=/src -ffile-prefix-map=$cargo=/cargo"
cargo build --locked --release --target "$target" --bin dind-injector
install -D "target/$target/release/dind-injector" /out/dind-injector
install -D -m 644 LICENSE /out/LICENSE
END

FROM scratch
COPY --from=build /out/ /
LABEL org.opencontainers.image.title="dind-injector" \
      org.opencontainers.image.description="Gives each Pod that needs Docker a Docker daemon of its own, in place of the node's docker.sock" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that a kubelet can check runAsNonRoot. The manifests say the same.
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/dind-injector"]
CMD ["serve"]
