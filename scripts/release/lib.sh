# shellcheck shell=bash
# What the scripts of a release share: version, repository and registry, each from its one place.

die() { echo "${0##*/}: $*" >&2; exit 2; }
need() { command -v "$1" >/dev/null || die "no $1: $2"; }

# The `field = "value"` of the package.
of_cargo() { sed -n "/^\[package\]/,/^\[dependencies\]/s/^$1 = \"\(.*\)\"/\1/p" Cargo.toml; }

VERSION=$(of_cargo version)
# Where a workflow runs, or else what Cargo.toml says.
REPOSITORY_URL=${GITHUB_REPOSITORY:+${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY}
REPOSITORY_URL=${REPOSITORY_URL:-$(of_cargo repository)}
# owner/name, in lower case: a registry takes no other.
REPOSITORY=$(sed -E 's|^https?://[^/]+/||' <<<"$REPOSITORY_URL" | tr '[:upper:]' '[:lower:]')
REGISTRY=${REGISTRY:-ghcr.io}
# The image, and the place of the chart beside it.
IMAGE=${IMAGE:-$REGISTRY/$REPOSITORY}
CHARTS=${CHARTS:-oci://$REGISTRY/${REPOSITORY%/*}/charts}
# What `kubectl apply` and krew download.
# shellcheck disable=SC2034 # for the scripts that read this
DOWNLOADS=$REPOSITORY_URL/releases/download/v$VERSION
