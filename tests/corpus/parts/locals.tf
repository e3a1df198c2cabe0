# What no block of this file uses, another one may.
variable "values" {
  description = "hostPath: /run is none here"
  default     = <<-EOT
    extraVolumes:
      - name: run
        hostPath:
          path: /var/run
  EOT
}

variable "host_path" {
  description = "such as /var/run"
  type        = string
}

locals {
  volumes = [{ name = "run", hostPath = { path = "/var/run" } }]
  data    = [{ name = "data", hostPath = { path = "/srv" } }]
  used    = yamlencode({
    extraVolumes      = [{ name = "r", hostPath = { path = "/run" } }]
    extraVolumeMounts = [{ name = "r", mountPath = "/x" }]
  })
}

resource "helm_release" "agent" {
  name   = "agent"
  chart  = "agent"
  values = [local.used]
}
