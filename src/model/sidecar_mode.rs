//! How the sidecar is started: before Kubernetes 1.29 there are no native sidecars.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidecarMode {
    /// An init container with `restartPolicy: Always` (Kubernetes 1.29 and newer): the kubelet starts it
    /// before all others, and stops it after them.
    #[default]
    Native,
    /// The first of `containers`, with a `postStart` hook that waits for the daemon.
    Container,
}
