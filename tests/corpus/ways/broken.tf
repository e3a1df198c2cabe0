resource "kubernetes_pod" "build" {
  spec {
    volume {
      name = "engine"
      host_path { path = var.engine }
    }
  }
  broken = = 
}
