import org.csanchez.jenkins.plugins.kubernetes.volumes.HostPathVolume

def socket = '/var/run/docker.sock'
def template = new PodTemplate()
template.setVolumes([new HostPathVolume('/var/run/docker.sock', socket, false)])
podTemplate(label: 'b', volumes: [hostPathVolume(hostPath: socket, mountPath: socket)]) {
  node('b') { sh 'docker -H unix:///var/run/docker.sock ps' }
}
podTemplate(label: 'c', volumes: [hostPathVolume(hostPath: settings.socket, mountPath: '/var/run/docker.sock')]) { }
