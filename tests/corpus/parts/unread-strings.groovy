// Strings that look like a Pod, and are none that can be read: each that names a socket is told.
def broken = '''containers: { /var/run/docker.sock'''
def unmounted = '''
spec:
  containers:
  - {name: c, args: [/var/run/docker.sock]}
'''
podTemplate(yaml: '''
spec:
  containers:
  - name: build
    image: docker:28-cli
    volumeMounts: [{name: s, mountPath: /var/run/docker.sock}]
  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]
''') {
  sh '''cat > p.yaml <<END
spec:
  containers:
  - name: other
  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]
END
kubectl apply -f p.yaml'''
}
