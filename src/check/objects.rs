//! Objects of the cluster, as far as a check looks at them.
//!
//! Sources: `k8s.io/api/{admissionregistration,apps,core,discovery,node}/v1/types.go`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::check::selector::{Labels, Selector};
use crate::model::docs_url::DocsUrl;

/// Go writes an empty list as null.
fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $key:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Deserialize, PartialEq)]
            #[serde(rename_all = "camelCase", default)]
            #[allow(missing_docs, reason = "the fields are the API's own")]
            pub struct $name { $(#[serde(deserialize_with = "nullable")] $(#[$field])* pub $key: $type,)* }
        )*
    };
}

objects! {
    /// A list, or a page of one.
    List {
        metadata: ListMetadata,
        items: Vec<Value>,
    }
    /// Where a page ends.
    ListMetadata {
        #[serde(rename = "continue")]
        after: Option<String>,
    }
    /// What every object has.
    Metadata {
        name: String,
        namespace: String,
        labels: Labels,
        deletion_timestamp: Option<String>,
    }
    /// A MutatingWebhookConfiguration or a ValidatingWebhookConfiguration.
    WebhookConfiguration {
        metadata: Metadata,
        webhooks: Vec<Webhook>,
    }
    /// One webhook of a configuration.
    Webhook {
        name: String,
        client_config: ClientConfig,
        rules: Vec<Rule>,
        failure_policy: Option<String>,
        timeout_seconds: Option<u32>,
        namespace_selector: Selector,
        object_selector: Selector,
        match_conditions: Vec<Value>,
        reinvocation_policy: Option<String>,
    }
    /// How a webhook is called.
    ClientConfig {
        url: Option<String>,
        service: Option<ServiceReference>,
        ca_bundle: Option<String>,
    }
    /// The Service of a webhook.
    ServiceReference {
        name: String,
        namespace: String,
        port: Option<u16>,
        path: Option<String>,
    }
    /// What a webhook is sent.
    Rule {
        operations: Vec<String>,
        api_groups: Vec<String>,
        resources: Vec<String>,
    }
    /// A Namespace, or whatever else is looked at for its metadata alone.
    Named {
        metadata: Metadata,
    }
    /// A Service.
    Service {
        metadata: Metadata,
        spec: ServiceSpec,
    }
    /// What a Service is to be.
    ServiceSpec {
        ports: Vec<ServicePort>,
    }
    /// A port of a Service.
    ServicePort {
        port: u16,
    }
    /// An EndpointSlice.
    EndpointSlice {
        endpoints: Vec<Endpoint>,
    }
    /// One endpoint.
    Endpoint {
        conditions: EndpointConditions,
    }
    /// Whether an endpoint is used; unknown counts as ready.
    EndpointConditions {
        ready: Option<bool>,
    }
    /// A Deployment.
    Deployment {
        metadata: Metadata,
        spec: DeploymentSpec,
    }
    /// What a Deployment is to be.
    DeploymentSpec {
        replicas: Option<u32>,
        selector: Selector,
        template: PodTemplate,
    }
    /// What its Pods are to be.
    PodTemplate {
        spec: PodSpec,
    }
    /// A Pod.
    Pod {
        metadata: Metadata,
        spec: PodSpec,
        status: PodStatus,
    }
    /// What a Pod is to be.
    PodSpec {
        service_account_name: String,
        node_name: String,
        containers: Vec<Container>,
        init_containers: Vec<Container>,
        volumes: Vec<Volume>,
    }
    /// One of its containers.
    Container {
        name: String,
        image: String,
        args: Vec<String>,
        restart_policy: Option<String>,
        env: Vec<Variable>,
        volume_mounts: Vec<Mount>,
        ports: Vec<ContainerPort>,
        resources: Resources,
    }
    /// A port that a container names.
    ContainerPort {
        name: String,
        container_port: u16,
    }
    /// What a container is held to.
    Resources {
        limits: std::collections::BTreeMap<String, String>,
    }
    /// A variable of a container.
    Variable {
        name: String,
        value: Option<String>,
    }
    /// Where a container has a volume.
    Mount {
        name: String,
        mount_path: String,
    }
    /// One of its volumes.
    Volume {
        name: String,
        host_path: Option<HostPath>,
        config_map: Option<ConfigMapSource>,
    }
    /// A path of the node.
    HostPath {
        path: String,
    }
    /// A ConfigMap as a volume.
    ConfigMapSource {
        name: String,
    }
    /// What a Pod is.
    PodStatus {
        phase: String,
        reason: String,
        message: String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
    /// A condition of a Pod.
    Condition {
        #[serde(rename = "type")]
        kind: String,
        status: String,
        reason: Option<String>,
        message: Option<String>,
    }
    /// What a container is.
    ContainerStatus {
        name: String,
        restart_count: u32,
        state: ContainerState,
    }
    /// One of the three is there.
    ContainerState {
        waiting: Option<Waiting>,
        running: Option<Running>,
        terminated: Option<Terminated>,
    }
    /// Why a container does not run yet.
    Waiting {
        reason: String,
        message: String,
    }
    /// Since when a container runs.
    Running {
        started_at: String,
    }
    /// How a container ended.
    Terminated {
        exit_code: i32,
        started_at: String,
    }
    /// A ConfigMap.
    ConfigMap {
        data: std::collections::BTreeMap<String, String>,
    }
    /// A ValidatingAdmissionPolicyBinding.
    Binding {
        metadata: Metadata,
        spec: BindingSpec,
    }
    /// What a binding says.
    BindingSpec {
        policy_name: String,
        validation_actions: Vec<String>,
        match_resources: MatchResources,
    }
    /// Where a binding holds.
    MatchResources {
        namespace_selector: Selector,
    }
    /// A Node.
    Node {
        metadata: Metadata,
        status: NodeStatus,
    }
    /// What a Node says of itself.
    NodeStatus {
        node_info: NodeInfo,
        runtime_handlers: Vec<RuntimeHandler>,
    }
    /// Its versions.
    NodeInfo {
        architecture: String,
        operating_system: String,
        kernel_version: String,
        kubelet_version: String,
        container_runtime_version: String,
    }
    /// What its container runtime offers.
    RuntimeHandler {
        name: String,
        features: RuntimeFeatures,
    }
    /// Features of a container runtime.
    RuntimeFeatures {
        user_namespaces: bool,
    }
}

impl Webhook {
    /// Whether it is sent new Pods.
    pub fn takes_new_pods(&self) -> bool {
        self.rules.iter().any(Rule::takes_new_pods)
    }
}

impl Rule {
    fn takes_new_pods(&self) -> bool {
        let has = |list: &[String], wanted: &str| {
            let mut list = list.iter();
            list.any(|item| item == wanted || item == "*")
        };
        let resources = has(&self.resources, "pods") || has(&self.resources, "*/*");
        resources && has(&self.operations, "CREATE") && has(&self.api_groups, "")
    }
}

impl Deployment {
    /// The arguments of its containers.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let containers = self.spec.template.spec.containers.iter();
        containers
            .flat_map(|container| &container.args)
            .map(String::as_str)
    }

    /// The value of an argument `--flag=value`.
    pub fn argument(&self, flag: &str) -> Option<&str> {
        self.arguments()
            .find_map(|argument| argument.strip_prefix(flag)?.strip_prefix('='))
    }

    /// What its links begin with.
    pub fn docs(&self) -> DocsUrl {
        let docs = self.argument("--docs-url").map(str::parse);
        docs.and_then(Result::ok).unwrap_or_default()
    }
}

impl Pod {
    /// Whether it takes requests.
    pub fn is_ready(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|condition| condition.kind == "Ready" && condition.status == "True")
    }

    /// The number of a port that one of its containers names.
    pub fn port(&self, name: &str) -> Option<u16> {
        let mut ports = self.spec.containers.iter().flat_map(|it| &it.ports);
        let port = ports.find(|port| port.name == name)?;
        Some(port.container_port)
    }

    /// Why it is not ready, as far as its status says.
    pub fn trouble(&self) -> String {
        let statuses = self.status.init_container_statuses.iter();
        let statuses = statuses.chain(&self.status.container_statuses);
        let mut waiting = statuses.filter_map(|status| status.state.waiting.as_ref());
        if let Some(Waiting { reason, message }) = waiting.find(|w| !w.reason.is_empty()) {
            return match message.is_empty() {
                true => reason.clone(),
                false => format!("{reason}: {message}"),
            };
        }
        let mut conditions = self.status.conditions.iter();
        let unscheduled = conditions.find(|c| c.kind == "PodScheduled" && c.status == "False");
        match unscheduled.and_then(|condition| condition.message.as_ref()) {
            Some(message) => message.clone(),
            None if self.status.phase.is_empty() => "not started".to_owned(),
            None => self.status.phase.clone(),
        }
    }
}
