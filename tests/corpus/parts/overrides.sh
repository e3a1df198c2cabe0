S=/var/run/docker.sock
kubectl run x --image=docker --overrides='{"spec":{"containers":[{"name":"x","image":"docker","volumeMounts":[{"name":"s","mountPath":"'$S'"}]}],"volumes":[{"name":"s","hostPath":{"path":"'$S'"}}]}}'
cat <<EOF
hostPath:
  path: ${SOCKET}
mountPath: $SOCKET
EOF
