#!/bin/sh
# Stands in for the entrypoint of the official docker:dind image, which no registry serves here.
# Like it: given no arguments, or flags alone, it also listens on TCP; given `dockerd …` it adds
# no listener; it deletes stale pid files, chooses between iptables' nft and legacy programs, and
# starts the daemon below docker-init and the `dind` wrapper (that one is the official script).
# Unlike it: it makes no TLS certificates (where the official image would listen with TLS on
# 2376, this one listens on 2375), knows no rootless mode, and loads no kernel modules.
set -eu

case "${1:-}" in
'' | -*)
	set -- dockerd --host="${DOCKER_HOST:-unix:///var/run/docker.sock}" --host=tcp://0.0.0.0:2375 "$@"
	;;
dockerd) ;;
*) exec docker "$@" ;;
esac

if [ "$1" = dockerd ]; then
	find /run /var/run -iname 'docker*.pid' -exec rm -f {} + || :

	# Set: legacy. Set to nothing: nft. Unset: legacy only where its tables are in use.
	if [ "${DOCKER_IPTABLES_LEGACY+given}" ]; then
		legacy=$DOCKER_IPTABLES_LEGACY
	else
		legacy=$(cat /proc/net/ip_tables_names /proc/net/ip6_tables_names /proc/net/arp_tables_names 2>/dev/null || :)
	fi
	if [ -n "$legacy" ]; then
		export PATH="/usr/local/sbin/.iptables-legacy:$PATH"
	fi
	iptables --version

	# As the official one does: who takes the wrapper's right to run away does without it.
	[ ! -x /usr/local/bin/dind ] || set -- dind "$@"
	set -- docker-init -- "$@"
fi

exec "$@"
