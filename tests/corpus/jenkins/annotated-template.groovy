podTemplate(
    annotations: [podAnnotation(key: 'team', value: 'ci')],
    containers: [containerTemplate(name: 'docker', image: 'docker:28-cli')],
    volumes: [hostPathVolume(hostPath: '/var/run/docker.sock', mountPath: '/var/run/docker.sock')]
) {
    node(POD_LABEL) { sh 'docker ps' }
}
