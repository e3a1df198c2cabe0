def call(Map cfg) {
  def sock = cfg.socket ?: '/var/run/docker.sock'
  final String MNT = '/var/run/docker.sock'
  def vols = [hostPath: sock, mount: MNT]
  podTemplate(yaml: libraryResource('agent.yaml')) { node(POD_LABEL) { sh 'docker ps' } }
  podTemplate(volumes: [hostPathVolume(hostPath: vols.hostPath, mountPath: vols.mount)]) { }
  podTemplate(volumes: [hostPathVolume(hostPath: '/var/run/' + 'docker.sock', mountPath: '/var/run/docker.sock')]) { }
  podTemplate(volumes: [[$class: 'HostPathVolume', hostPath: '/var/run/docker.sock', mountPath: '/var/run/docker.sock']]) { }
}
