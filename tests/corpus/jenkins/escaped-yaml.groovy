podTemplate(yaml: """
apiVersion: v1
kind: Pod
spec:
  containers:
  - name: docker
    image: docker:28-cli
    command: [sh, -c, "echo \$(hostname)"]
    volumeMounts: [{name: s, mountPath: /var/run/docker.sock}]
  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]
""") {
    node(POD_LABEL) { sh 'docker ps' }
}
