def volumes = [[host: '/var/run', mount: '/var/run']]
podTemplate(volumes: volumes.collect { hostPathVolume(hostPath: it.host, mountPath: it.mount) }) { }
