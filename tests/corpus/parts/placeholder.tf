resource "kubernetes_pod" "p" {
  metadata { name = "p" }
  spec {
    container {
      name = "c"
      image = "docker"
      volume_mount {
        name = "run"
        mount_path = var.mount
      }
    }
    volume {
      name = "run"
      host_path { path = var.docker_socket }
    }
  }
}
