def label = "worker-${UUID.randomUUID()}"

podTemplate(label: 'docker-builds', containers: [
    containerTemplate(name: 'docker', image: 'docker:24', command: 'cat', ttyEnabled: true),
    containerTemplate(name: 'maven', image: 'maven:3', command: 'sleep', args: '99d'),
  ],
  volumes: [
    hostPathVolume(mountPath: '/var/run/docker.sock', hostPath: '/var/run/docker.sock'),
    emptyDirVolume(mountPath: '/root/.m2'),
  ]) {
  node(label) {
    container('docker') {
      sh """
        docker build -t app .
      """
    }
  }
}
