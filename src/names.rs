//! Every name that an operator or a Pod's author sees, spelled once.
//!
//! Code, manifests, docs and tests are held to these constants: a name that is
//! changed here and nowhere else fails a test, and no other file spells one.

/// The program: its command, and what it calls itself to others.
pub const PROGRAM: &str = "dind-injector";
/// The namespace that the manifests install into.
pub const NAMESPACE: &str = "dind-injector";
/// The Service, and the webhook configurations, of the manifests.
pub const SERVICE: &str = "dind-injector";
/// What the API server calls the webhook by: `<service>.<namespace>.svc`.
pub const SERVICE_DNS: &str = "dind-injector.dind-injector.svc";
/// The webhook that swaps, of the mutating configuration.
pub const POD_WEBHOOK: &str = "pods.dind-injector.io";
/// The webhook that looks again at the end, of the validating configuration.
pub const VERIFY_WEBHOOK: &str = "verify.dind-injector.io";
/// The backstop's policy.
pub const BACKSTOP: &str = "dind-injector-backstop";
/// The runtime, and its RuntimeClass, of `manifests/userns`: it lets a container write its own cgroup.
pub const USERNS_RUNTIME: &str = "dind-injector-userns";
/// The Secret that holds the CA of self-managed certificates; [`ca_secret`] has its keys.
pub const CA_SECRET: &str = "dind-injector-ca";
/// The prefix of every annotation and label of this project.
pub const PREFIX: &str = "dind-injector.io/";

/// Pod annotation: `"true"` asks for a daemon, `"false"` opts out.
pub const INJECT: &str = "dind-injector.io/inject";
/// The annotation that opts out, with its value, as messages have it.
pub const OPT_OUT: &str = "dind-injector.io/inject: \"false\"";
/// Pod annotation: comma-separated container names that get the socket (default: every one).
pub const CONTAINERS: &str = "dind-injector.io/containers";
/// Pod annotation: where containers see the daemon's socket, its directory or its client, each as
/// `[CONTAINER=]NODE_PATH:MOUNT_PATH[:OPTION]`, comma-separated; without it at `/var/run/docker.sock`.
pub const MOUNTS: &str = "dind-injector.io/mounts";
/// Pod annotation: `"true"` or `"false"`, whether the sidecar and its containers share `/tmp` where the
/// profile does not say so.
pub const SHARED_TMP: &str = "dind-injector.io/shared-tmp";
/// Pod annotation: the profile, one of those the rule allows.
pub const PROFILE: &str = "dind-injector.io/profile";
/// Pod annotation: the sidecar's CPU limit, a Kubernetes quantity.
pub const CPU: &str = "dind-injector.io/cpu";
/// Pod annotation: the sidecar's memory limit, a Kubernetes quantity.
pub const MEMORY: &str = "dind-injector.io/memory";
/// Pod annotation: the size of the daemon's storage, a Kubernetes quantity.
pub const STORAGE: &str = "dind-injector.io/storage";
/// Every annotation of a Pod that this project reads.
pub const ANNOTATIONS: [&str; 8] = [
    INJECT, CONTAINERS, MOUNTS, SHARED_TMP, PROFILE, CPU, MEMORY, STORAGE,
];
/// Namespace label: `enabled` lets the built-in policy swap and honor annotations there.
pub const INJECTION_LABEL: &str = "dind-injector.io/injection";
/// Namespace label: `enabled` has the backstop refuse Pods that reach the node's daemon.
pub const BACKSTOP_LABEL: &str = "dind-injector.io/backstop";
/// Applatix's annotation, an alias of `inject` with sizes.
pub const APPLATIX: &str = "ax_ea_docker_enable";

/// Set by the kubelet on the mirror of a static Pod, which must not be changed.
/// Source: `kubernetes/pkg/kubelet/types/pod_update.go`, `ConfigMirrorAnnotationKey`.
pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// Namespace label of Pod Security Admission.
/// Source: `k8s.io/pod-security-admission/api/constants.go`.
pub const PSA_ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// `apiVersion` of a policy and of a scan's result.
pub const API_VERSION: &str = "dind-injector.io/v1alpha1";
/// `kind` of a scan's result.
pub const REPORT_KIND: &str = "ScanReport";

/// The name of an object without one, in messages and reports.
pub const NO_NAME: &str = "(no name)";
/// The namespace of an object without one, in reports. Prometheus takes an empty label for none
/// at all, and puts the reporter's own namespace there.
pub const NO_NAMESPACE: &str = "(none)";

/// The sidecar's container name; a number follows where the Pod has one of that name.
pub const SIDECAR: &str = "dind";
/// `$0` of the sidecar's start script.
pub const SCRIPT_NAME: &str = PROGRAM;
/// The volume that holds the socket (and the client), shared with the Pod's containers.
pub const SOCKET_VOLUME: &str = "dind-socket";
/// The volume that holds the daemon's images and containers.
pub const STORAGE_VOLUME: &str = "dind-storage";
/// The volume with the slots of the Pod's key, where a profile has storage of the node.
pub const SLOTS_VOLUME: &str = "dind-slots";
/// The volume on `/tmp` of sidecar and containers, where the profile shares it.
pub const TMP_VOLUME: &str = "dind-tmp";
/// The volume of a profile's CA bundle.
pub const CA_VOLUME: &str = "dind-ca";
/// Where the socket volume is mounted, in the sidecar and in the Pod's containers.
pub const SHARED_DIR: &str = "/dind";
/// Where the sidecar mounts the slots of the Pod's key.
pub const SLOTS_DIR: &str = "/dind-slots";
/// Is there once a daemon with storage of the node has nothing left of the Pod before it.
pub const READY_FILE: &str = "/run/dind-injector/ready";
/// Leads to the slot of a daemon with storage of the node.
pub const SLOT_LINK: &str = "/run/dind-injector/slot";
/// Where the sidecar mounts volumes of which containers have only a part.
pub const VOLUMES_DIR: &str = "/dind-volumes";
/// Where the sidecar mounts authorities that a container trusts.
pub const TRUST_DIR: &str = "/dind-trust";
/// The socket's file name below [`SHARED_DIR`].
pub const SOCKET_FILE: &str = "docker.sock";
/// The client's path below [`SHARED_DIR`], where a Pod needs it.
pub const CLIENT_FILE: &str = "bin/docker";
/// Where dockerd keeps its data.
pub const STORAGE_DIR: &str = "/var/lib/docker";

/// The variable that a Docker client reads its daemon's address from.
pub const DOCKER_HOST: &str = "DOCKER_HOST";
/// The variable that names a Docker client's settings for a daemon. `DOCKER_HOST` goes before it. Source: docker/cli,
/// `cli/command/cli.go`, `resolveContextName`.
pub const DOCKER_CONTEXT: &str = "DOCKER_CONTEXT";

/// Sidecar environment read by the start script (`src/plan/start.sh`).
pub mod env {
    /// Space-separated socket paths to listen on.
    pub const SOCKETS: &str = "DIND_SOCKETS";
    /// Numeric group of the sockets.
    pub const GROUP: &str = "DIND_GROUP";
    /// Where to copy the docker client to.
    pub const CLIENT: &str = "DIND_CLIENT";
    /// `1`: the rootless image.
    pub const ROOTLESS: &str = "DIND_ROOTLESS";
    /// The script that readies a daemon in a user namespace (`src/plan/userns.sh`), which the start script runs.
    pub const USERNS_SCRIPT: &str = "DIND_USERNS_SCRIPT";
    /// What the start script does if it cannot hold containers to limits; a profile may set it.
    pub const CGROUP: &str = "DIND_CGROUP";
    /// `1`: the Pod is in the node's network namespace.
    pub const HOST_NETWORK: &str = "DIND_HOST_NETWORK";
    /// A fixed MTU in place of the Pod interface's.
    pub const MTU: &str = "DIND_MTU";
    /// The script that takes a slot of the node's storage (`src/plan/slot.sh`), which the start script runs.
    pub const SLOT_SCRIPT: &str = "DIND_SLOT_SCRIPT";
    /// How many slots there are.
    pub const SLOTS: &str = "DIND_SLOTS";
    /// The megabytes of images and build cache that a slot keeps.
    pub const KEEP_MB: &str = "DIND_KEEP_MB";
    /// The hours for which a slot keeps what is not used.
    pub const KEEP_HOURS: &str = "DIND_KEEP_HOURS";
    /// The Pod's uid.
    pub const POD_UID: &str = "DIND_POD_UID";
    /// Prefix of variables copied from a container for a mirrored `subPathExpr`.
    pub const COPIED: &str = "DIND_ENV_";
    /// Prefix of variables that name a path at which the sidecar makes a link; the same with
    /// [`TO`] behind it says where it leads.
    pub const LINK: &str = "DIND_LINK_";
    /// Prefix of variables that name a path in a volume where another is bound once it is there.
    pub const BIND: &str = "DIND_BIND_";
    /// Ends the name of the variable that says where a link, or a path to bind, leads.
    pub const TO: &str = "_TO";
    /// Directories with authorities to trust, read by Go's `crypto/x509`.
    pub const CERT_DIR: &str = "SSL_CERT_DIR";
    /// What was taken away from the Pod, for `uninject`; the script does not read it. A number
    /// follows in later passes: `DIND_ORIGINAL_2`.
    pub const ORIGINAL: &str = "DIND_ORIGINAL";
    /// The lowest API version that Engine 29 accepts from old clients.
    pub const MIN_API: &str = "DOCKER_MIN_API_VERSION";
    /// Emptied, so that the image's entrypoint makes no certificates.
    pub const TLS_CERTDIR: &str = "DOCKER_TLS_CERTDIR";
}

/// Keys of the audit annotations; the API server puts the webhook's name before them.
pub mod audit {
    /// What was done with a Pod, or what a workload was told: see [`crate::review::Action::words`].
    pub const OUTCOME: &str = "outcome";
    /// Why, as a fixed word.
    pub const REASON: &str = "reason";
    /// The policy rule that decided.
    pub const RULE: &str = "rule";
    /// The profile of the sidecar.
    pub const PROFILE: &str = "profile";
    /// The rule's profiles that did not fit the Pod, each with what stood in the way.
    pub const PASSED_OVER: &str = "profiles-passed-over";
    /// The containers whose mounts were swapped, comma-separated.
    pub const CONTAINERS: &str = "containers";
}

/// Keys of the Secret that holds the CA of self-managed certificates.
pub mod ca_secret {
    /// The CA that signs, in PEM.
    pub const CERT: &str = "ca.crt";
    /// Its key, in PEM.
    pub const KEY: &str = "ca.key";
    /// The CA that will sign once every webhook configuration trusts it.
    pub const NEXT_CERT: &str = "next-ca.crt";
    pub const NEXT_KEY: &str = "next-ca.key";
    /// CAs that signed before and are trusted for as long as a leaf of theirs may be served.
    pub const PREVIOUS_CERTS: &str = "previous-ca.crt";
    /// When the last of them was added, in seconds since 1970.
    pub const CHANGED_AT: &str = "changed-at";
}

pub mod event {
    /// The reason of a Pod's denial.
    pub const DENIED: &str = "DockerDenied";
    /// The reason of a Pod's change.
    pub const INJECTED: &str = "DockerInjected";
    pub const COMPONENT: &str = super::PROGRAM;
    /// The beginning of an Event's name; the API server adds the rest.
    pub const NAME_PREFIX: &str = "dind-injector-";
}

/// Attributes of a traced review's span.
pub mod span {
    pub const SCOPE: &str = super::PROGRAM;
    /// The review's uid, as in the API server's audit log.
    pub const UID: &str = "dind_injector.uid";
    pub const NAMESPACE: &str = "k8s.namespace.name";
    /// The Pod's name, or the prefix that it will be made from.
    pub const NAME: &str = "dind_injector.name";
    pub const OUTCOME: &str = "dind_injector.outcome";
    /// Why, as a fixed word.
    pub const REASON: &str = "dind_injector.reason";
    /// The policy rule that decided.
    pub const RULE: &str = "dind_injector.rule";
    /// The profile of the sidecar.
    pub const PROFILE: &str = "dind_injector.profile";
}

/// The common name of a self-managed CA.
pub const CA_COMMON_NAME: &str = "dind-injector CA";

/// Metric names, as a scrape shows them (histograms add `_bucket`, `_sum` and `_count`).
pub mod metric {
    /// Reviews answered, by `outcome`, `reason`, `rule` and `profile`.
    pub const REVIEWS: &str = "dind_injector_reviews_total";
    /// Times that a Pod got another profile of its rule because this one did not fit it, by `rule`, `profile`
    /// and `reason`.
    pub const PROFILES_PASSED_OVER: &str = "dind_injector_profiles_passed_over_total";
    /// HTTP requests answered, by `route` and `code`.
    pub const REQUESTS: &str = "dind_injector_requests_total";
    /// Seconds from a request's complete head to its answer, by `route`.
    pub const REQUEST_DURATION: &str = "dind_injector_request_duration_seconds";
    /// Requests answered 503 to protect the rest, by `reason`.
    pub const SHEDS: &str = "dind_injector_requests_shed_total";
    /// Panics caught while a review was handled; each was answered 500.
    pub const PANICS: &str = "dind_injector_handler_panics_total";
    pub const CONNECTIONS: &str = "dind_injector_connections_open";
    /// Connections that the server closed on purpose, by `reason`.
    pub const CONNECTIONS_DROPPED: &str = "dind_injector_connections_dropped_total";
    /// Times that accepting a connection failed, for want of file descriptors, say.
    pub const ACCEPT_ERRORS: &str = "dind_injector_accept_errors_total";
    /// TLS handshakes that failed, by `reason`.
    pub const HANDSHAKE_FAILURES: &str = "dind_injector_tls_handshake_failures_total";
    /// When the serving certificate expires, in seconds since 1970; 0 without one.
    pub const CERTIFICATE_EXPIRY: &str = "dind_injector_certificate_expiry_timestamp_seconds";
    /// Serving certificates taken into use.
    pub const CERTIFICATE_RELOADS: &str = "dind_injector_certificate_reloads_total";
    /// New certificates that were refused; the old one stayed in use.
    pub const CERTIFICATE_RELOAD_FAILURES: &str = "dind_injector_certificate_reload_failures_total";
    /// Seconds since a watch last showed life (an event, a bookmark, an answer), by `watch`.
    /// Healthy watches stay below two minutes.
    pub const WATCH_AGE: &str = "dind_injector_watch_age_seconds";
    /// Times that a watch failed and was begun again, by `watch`.
    pub const WATCH_ERRORS: &str = "dind_injector_watch_errors_total";
    /// New contents of a followed file, by `file` and `result`.
    pub const FILE_RELOADS: &str = "dind_injector_file_reloads_total";
    /// 1 while the newest content of a file is refused and an older one is in force, by `file`.
    pub const FILE_REFUSED: &str = "dind_injector_file_refused";
    /// Always 1; the label `sha256` is that of the policy file in force, `builtin` without one.
    pub const POLICY_INFO: &str = "dind_injector_policy_info";
    /// What that label is where no file is given.
    pub const POLICY_BUILTIN: &str = "builtin";
    /// When the policy in force was taken, in seconds since 1970.
    pub const POLICY_LOADED: &str = "dind_injector_policy_loaded_timestamp_seconds";
    /// When the signing CA of self-managed certificates expires, in seconds since 1970.
    pub const CA_EXPIRY: &str = "dind_injector_ca_expiry_timestamp_seconds";
    /// Writes of the CA's Secret, by `result`; a conflict is another replica's write.
    pub const CA_SECRET_WRITES: &str = "dind_injector_ca_secret_writes_total";
    /// Patches of a webhook configuration's caBundle, by `result`.
    pub const CA_BUNDLE_PATCHES: &str = "dind_injector_ca_bundle_patches_total";
    /// 1 while every webhook configuration trusts the certificate that is served.
    pub const CA_BUNDLE_CURRENT: &str = "dind_injector_ca_bundle_current";
    /// Kubernetes Events, by `result`.
    pub const EVENTS: &str = "dind_injector_events_total";
    /// Spans of traced reviews, by `result`.
    pub const SPANS: &str = "dind_injector_spans_total";
    /// Of the reporter (`scan --watch`): workloads that reach a node's runtime, by `namespace`,
    /// `kind` and `verdict`.
    pub const REMAINING: &str = "dind_injector_remaining";
    /// Pods that reach a node's runtime as they are stored, owned ones too, by `namespace`.
    pub const REMAINING_PODS: &str = "dind_injector_remaining_pods";
    /// Scans of the cluster, by `result`.
    pub const SCANS: &str = "dind_injector_scans_total";
    /// When the last scan ended that read the cluster, in seconds since 1970; 0 before the first.
    pub const SCAN_LAST_SUCCESS: &str = "dind_injector_scan_last_success_timestamp_seconds";
    /// Places that the last scan could not look at; 0 when it is complete.
    pub const SCAN_GAPS: &str = "dind_injector_scan_gaps";
    /// Seconds that the last scan took.
    pub const SCAN_DURATION: &str = "dind_injector_scan_duration_seconds";
    /// Always 1; the label `version` is the program's.
    pub const BUILD_INFO: &str = "dind_injector_build_info";
}
