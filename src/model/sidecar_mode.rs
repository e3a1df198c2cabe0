//! How the cluster runs sidecars: which of two places the daemon's container has in a Pod.

/// Whether the sidecar is one that the kubelet starts before all others and stops after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidecarMode {
    /// An init container with `restartPolicy: Always` (Kubernetes 1.29 and newer).
    #[default]
    Native,
    /// The first of `containers`, with a `postStart` hook that waits for the daemon.
    Container,
}
