resource "kubernetes_pod" "a" {
  metadata { name = "a" }
  spec {
    container {
      name = "a"
      image = "docker:cli"
      volume_mount { 
        name = "s" 
        mount_path = "/s" 
      }
    }
    volume {
      name = "s"
      host_path { path = join("/", ["", "var", "run", "docker.sock"]) }
    }
  }
}

resource "kubernetes_pod" "format" {
  metadata { name = "format" }
  spec {
    container {
      name  = "build"
      image = "docker:28-cli"
      volume_mount {
        name       = "engine"
        mount_path = "/engine"
      }
    }
    volume {
      name = "engine"
      host_path { path = format("/var/run/%s.%s", "docker", "sock") }
    }
  }
}
