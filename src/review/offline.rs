//! Reviews manifests without a cluster, for `inject`, `demo`, `scan` and `explain`.
//!
//! What these commands show must be what the webhook would do. A Pod template counts as a Pod of the
//! workload's controller, so a DaemonSet's is evaluated as one. A document that creates no Pods is passed
//! through unchanged.

use serde_json::{Map, Value};

use crate::budget::Excess;
use crate::decide::Policy;
use crate::json::{Text, from_str};
pub use crate::manifest::kinds::owner_of;
use crate::manifest::{Operation, OperationError, PodRef, ShapeError, operations};
use crate::model::cluster::Placement;
use crate::model::scope::Scope;
use crate::model::subject::{
    CONTROLLER_GROUPS, NamespaceLabels, Requester, Subject, controller_of,
};
use crate::model::view::Pod;
use crate::review;
use crate::review::{Action, Outcome, PassError};

/// What to assume about the cluster.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The namespace of Pods that set none.
    pub namespace: String,
    /// The labels of every namespace.
    pub namespace_labels: NamespaceLabels,
    /// The user that creates Pods. Those of a workload are created by its controller.
    pub user: String,
    pub groups: Vec<String>,
    /// Its nodes and RuntimeClasses.
    pub placement: Placement,
}

/// Why a Pod cannot be evaluated or changed.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The workload has no Pod template where it must have one.
    #[error("{0}")]
    Shape(#[from] ShapeError),
    /// The Pod has fields of the wrong type.
    #[error("not a Pod as the API server takes it: {0}")]
    Pod(String),
    /// More than a review reads, so what reaches what is unknown.
    #[error("{0}")]
    Excess(Excess),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The outcome for one Pod of a document.
///
/// # Errors
/// If it is not a Pod.
pub fn evaluate<'p>(
    policy: &'p Policy,
    setting: &Setting,
    pod: &PodRef<'_>,
) -> Result<Outcome<'p>, OfflineError> {
    view(setting, pod, |subject, view| {
        review::pass(policy, subject, view, Scope::Creation).map_err(OfflineError::from)
    })?
}

/// Calls `look` with the Pod as a review sees it, and with its subject.
///
/// # Errors
/// If it is not a Pod.
pub fn view<T>(
    setting: &Setting,
    pod: &PodRef<'_>,
    look: impl FnOnce(&Subject<'_>, &Pod<'_>) -> T,
) -> Result<T, OfflineError> {
    let object = pod.pod.as_ref().map_err(Clone::clone)?;
    let json = to_json(object)?;
    let view: Pod<'_> =
        from_str(&json).map_err(|error| OfflineError::Pod(error.without_place().to_string()))?;
    let named = view.metadata().namespace.to_string();
    let namespace = [
        pod.namespace.unwrap_or_default(),
        &named,
        &setting.namespace,
    ];
    let namespace = namespace.into_iter().find(|name| !name.is_empty());
    let owner = owner_of(pod.kind);
    let (user, groups): (&str, Vec<&str>) = match owner.and_then(controller_of) {
        Some(controller) => (controller, CONTROLLER_GROUPS.to_vec()),
        None => (
            &setting.user,
            setting.groups.iter().map(String::as_str).collect(),
        ),
    };
    let groups: Vec<Text<'_>> = groups.into_iter().map(Text::from).collect();
    let requester = Requester {
        user,
        groups: &groups,
    };
    let subject = Subject::new(
        &view,
        namespace.unwrap_or("default"),
        Some(&setting.namespace_labels),
        requester,
        owner,
    )
    .placed(setting.placement.clone());
    Ok(look(&subject, &view))
}

/// The operations of an outcome, with paths from the root of the document that holds the Pod at `pointer`;
/// `None` if nothing changes.
///
/// # Errors
/// Never for a patch of this program; see [`OfflineError::Internal`].
pub fn changes(pointer: &str, outcome: &Outcome<'_>) -> Result<Vec<Operation>, OfflineError> {
    let Action::Changed(change) = &outcome.action else {
        return Ok(Vec::new());
    };
    let operations = operations(change.patch.as_json())?;
    Ok(operations
        .into_iter()
        .map(|operation| operation.below(pointer))
        .collect())
}

/// Applies an outcome's patch to the Pod at `pointer` of `document`. Keys keep their order.
///
/// # Errors
/// Never for a patch of this program; see [`OfflineError::Internal`].
pub fn apply(
    document: &mut Value,
    pointer: &str,
    outcome: &Outcome<'_>,
) -> Result<(), OfflineError> {
    for operation in changes(pointer, outcome)? {
        operation.apply(document)?;
    }
    Ok(())
}

impl From<PassError> for OfflineError {
    fn from(error: PassError) -> Self {
        match error {
            PassError::Internal(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<OperationError> for OfflineError {
    fn from(error: OperationError) -> Self {
        Self::Internal(error.to_string())
    }
}

fn to_json(object: &Map<String, Value>) -> Result<String, OfflineError> {
    serde_json::to_string(object).map_err(|error| OfflineError::Internal(error.to_string()))
}
