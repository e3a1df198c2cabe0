# placeholder until the real script
set -eu
exec dockerd-entrypoint.sh dockerd "$@"
