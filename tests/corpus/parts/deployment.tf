variable "sock" { default = "/var/run/docker.sock" }
locals { s = "/run/docker.sock" }
resource "kubernetes_deployment" "a" {
  metadata { 
    name = "a" 
    namespace = "ci"
  }
  spec { 
   template { 
    spec {
      container {
        name = "c"
        image = "docker"
        volume_mount { 
          name = "s" 
          mount_path = var.sock 
        }
      }
      volume { 
       name = "s" 
       host_path { path = var.sock }
      }
    }
   }
  }
}
resource "helm_release" "r" {
  name = "runner"
  namespace = "ci"
  values = [<<-EOT
    extraVolumes:
      - name: d
        hostPath: {path: /var/run/docker.sock}
    extraVolumeMounts:
      - {name: d, mountPath: /var/run/docker.sock}
  EOT
  , yamlencode({
    volumes = [{ name = "d", hostPath = { path = "/var/run/docker.sock" } }]
    volumeMounts = [{ name = "d", mountPath = "/var/run/docker.sock" }]
  })]
  set {
    name = "x.hostPath"
    value = "/var/run/docker.sock"
  }
}
resource "kubernetes_manifest" "m" {
  manifest = {
    apiVersion = "v1"
    kind = "Pod"
    metadata = { name = "m" }
    spec = {
      containers = [{ name = "c", image = "docker", volumeMounts = [{ name = "s", mountPath = "/var/run/docker.sock" }] }]
      volumes = [{ name = "s", hostPath = { path = local.s } }]
    }
  }
}
resource "kubectl_manifest" "k" {
  yaml_body = <<YAML
apiVersion: v1
kind: Pod
metadata: {name: k}
spec:
  containers: [{name: c, image: docker, volumeMounts: [{name: s, mountPath: /var/run/docker.sock}]}]
  volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]
YAML
}
