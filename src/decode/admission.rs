//! An AdmissionReview from the API server, decoded into a borrowed view.
//!
//! A body that is not a review, or not one of a Pod, comes from a wrong webhook configuration. Both are
//! errors of the caller whose text says what to change there, and never a denial.
//! Source of the shape: `k8s.io/api/admission/v1/types.go`.

use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::budget::{Excess, has_too_many_values};
use crate::decode::prefilter::may_concern;
use crate::json;
use crate::json::{Text, object, or_default};
use crate::model::scope::Scope;
use crate::model::view::{Metadata, NO_METADATA, Pod};
use crate::text::beginning;

/// In bytes. Kubernetes' uids have 36.
const LONGEST_UID: usize = 128;

pub const API_VERSION: &str = "admission.k8s.io/v1";
pub const KIND: &str = "AdmissionReview";

#[derive(Debug)]
pub struct PodReview<'a> {
    /// The answer must repeat it.
    pub uid: Text<'a>,
    pub namespace: Text<'a>,
    /// Empty if the API server still has to create one.
    pub name: Text<'a>,
    /// The user that makes the request.
    pub user: Text<'a>,
    pub groups: Vec<Text<'a>>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// The part of the Pod that the request can change; `None` if it changes none that matters.
    pub scope: Option<Scope>,
    pub pod: Object<'a>,
}

/// The Pod of a review, as far as it was read.
#[derive(Debug)]
pub enum Object<'a> {
    Pod(Box<Pod<'a>>),
    /// None of the words that this program looks for is in the review.
    NoConcern(Box<Unread<'a>>),
    /// It is too large to be read.
    TooMuch(Excess),
}

impl<'a> Object<'a> {
    /// Empty if it has none.
    pub fn metadata(&self) -> &Metadata<'a> {
        match self {
            Self::Pod(pod) => pod.metadata(),
            Self::NoConcern(unread) => &unread.metadata,
            Self::TooMuch(_) => &NO_METADATA,
        }
    }
}

/// A Pod whose `spec` was not read.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub struct Unread<'a> {
    #[serde(deserialize_with = "or_default")]
    metadata: Metadata<'a>,
}

/// Why this webhook cannot answer a body.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Not JSON, or not in the shape of an AdmissionReview.
    #[error("the body is not an AdmissionReview: {0}")]
    Malformed(json::Error),
    #[error(
        "the body is {kind:?} of {api_version:?}, not AdmissionReview of admission.k8s.io/v1: set \
         admissionReviewVersions: [v1] in the webhook configuration"
    )]
    NotAReview { api_version: String, kind: String },
    /// No request, or no uid in it.
    #[error("the AdmissionReview has no request with a uid")]
    NoRequest,
    /// A uid that no API server makes. It would be repeated in answer and log.
    #[error("the uid of the AdmissionReview has {0} bytes: Kubernetes' have 36")]
    LongUid(usize),
    #[error(
        "this path reviews Pods, not {0}: set resources: [pods] in the rules of the webhook \
         configuration"
    )]
    WrongKind(String),
    /// A review of an object that creates no Pods.
    #[error(
        "this path reviews Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and CronJobs, \
         not {0}: change the rules of the webhook configuration"
    )]
    NotAWorkload(String),
    #[error(
        "this path reviews the creation of Pods, not {0}: set operations: [CREATE] in the rules of \
         the webhook configuration"
    )]
    WrongOperation(String),
    #[error("the AdmissionReview of a Pod has no object")]
    NoObject,
    #[error("the object of the AdmissionReview is not a Pod: {0}")]
    MalformedPod(json::Error),
}

impl ReviewError {
    /// Whether the body was a review, although not one for this webhook.
    pub fn is_wrong_review(&self) -> bool {
        match self {
            Self::Malformed(_) | Self::NotAReview { .. } | Self::NoRequest | Self::LongUid(_) => {
                false
            }
            Self::WrongKind(_)
            | Self::NotAWorkload(_)
            | Self::WrongOperation(_)
            | Self::NoObject
            | Self::MalformedPod(_) => true,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a, O: Default + Deserialize<'de>, P: Default + Deserialize<'de>")
)]
pub(crate) struct Review<'a, O, P = IgnoredAny> {
    api_version: Text<'a>,
    kind: Text<'a>,
    request: Option<Request<'a, O, P>>,
}

#[derive(Default, Deserialize)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a, O: Default + Deserialize<'de>, P: Default + Deserialize<'de>")
)]
pub(crate) struct Request<'a, O, P = IgnoredAny> {
    pub(crate) uid: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) kind: GroupVersionKind<'a>,
    pub(crate) sub_resource: Text<'a>,
    pub(crate) name: Text<'a>,
    pub(crate) namespace: Text<'a>,
    pub(crate) operation: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) user_info: UserInfo<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) dry_run: bool,
    pub(crate) object: Option<O>,
    /// The object before an update. Read only if the caller asks for it.
    pub(crate) old_object: Option<P>,
}

#[derive(Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub(crate) struct GroupVersionKind<'a> {
    pub(crate) group: Text<'a>,
    pub(crate) version: Text<'a>,
    pub(crate) kind: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub(crate) struct UserInfo<'a> {
    pub(crate) username: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) groups: Vec<Text<'a>>,
}

object!(
    Review<'a, O, P>,
    Request<'a, O, P>,
    GroupVersionKind<'a>,
    UserInfo<'a>,
    Unread<'a>,
);

/// Decodes a body. If it has too many values, everything but the Pod is read.
///
/// # Errors
/// If it is not a review of a Pod.
pub fn decode(body: &[u8]) -> Result<PodReview<'_>, ReviewError> {
    match Extent::of(body) {
        Extent::Around => around(body),
        Extent::Metadata => Ok(read::<_, IgnoredAny>(body, Object::NoConcern)?.0),
        Extent::Whole => Ok(whole(body)?.0),
    }
}

/// Decodes a body, and the Pod before an update of all of it if there was one.
///
/// # Errors
/// As [`decode`].
pub fn decode_both(body: &[u8]) -> Result<(PodReview<'_>, Option<Box<Pod<'_>>>), ReviewError> {
    match Extent::of(body) {
        Extent::Around | Extent::Metadata => Ok((decode(body)?, None)),
        Extent::Whole => whole(body),
    }
}

fn whole(body: &[u8]) -> Result<(PodReview<'_>, Option<Box<Pod<'_>>>), ReviewError> {
    let (mut review, old) = read::<_, Box<Pod<'_>>>(body, Object::Pod)?;
    Ok(match (review.scope, &mut review.pod, old) {
        (Some(Scope::EphemeralContainers), Object::Pod(pod), Some(old)) => {
            keep_stored(pod, *old);
            (review, None)
        }
        (_, _, old) => (review, old),
    })
}

/// Takes nothing but its ephemeral containers from an update of these: the registry drops the rest, after the mutating
/// webhooks were asked. Source: kubernetes, `pkg/registry/core/pod/strategy.go`, `dropNonEphemeralContainerUpdates`.
fn keep_stored<'a>(sent: &mut Pod<'a>, stored: Pod<'a>) {
    let added = std::mem::take(&mut sent.spec.ephemeral_containers);
    *sent = stored;
    sent.spec.ephemeral_containers = added;
}

/// How much of a Pod is read.
enum Extent {
    /// Nothing: it has too many values.
    Around,
    /// Only `metadata`: nothing in it concerns this program.
    Metadata,
    Whole,
}

impl Extent {
    fn of(body: &[u8]) -> Self {
        match (has_too_many_values(body), may_concern(body)) {
            (true, _) => Self::Around,
            (false, false) => Self::Metadata,
            (false, true) => Self::Whole,
        }
    }
}

fn around(body: &[u8]) -> Result<PodReview<'_>, ReviewError> {
    let review: Review<'_, IgnoredAny> = json::from_slice(body).map_err(ReviewError::Malformed)?;
    let mut request = checked(review)?;
    request.object.take().ok_or(ReviewError::NoObject)?;
    Ok(reviewed(request, Object::TooMuch(Excess::Values)))
}

fn read<'a, O, P>(
    body: &'a [u8],
    pod: impl FnOnce(Box<O>) -> Object<'a>,
) -> Result<(PodReview<'a>, Option<P>), ReviewError>
where
    O: Default + Deserialize<'a>,
    P: Default + Deserialize<'a>,
{
    match json::from_slice::<Review<'_, Box<O>, P>>(body) {
        Ok(review) => {
            let mut request = checked(review)?;
            let object = request.object.take().ok_or(ReviewError::NoObject)?;
            let old = request.old_object.take();
            Ok((reviewed(request, pod(object)), old))
        }
        // If the object is of another kind, report that instead.
        Err(error) => match json::from_slice::<Review<'_, IgnoredAny>>(body) {
            Ok(review) => {
                checked(review)?;
                Err(ReviewError::MalformedPod(error))
            }
            Err(error) => Err(ReviewError::Malformed(error)),
        },
    }
}

fn reviewed<'a, O, P>(request: Request<'a, O, P>, pod: Object<'a>) -> PodReview<'a> {
    let scope = match (&*request.operation, &*request.sub_resource) {
        ("CREATE", "") => Some(Scope::Creation),
        (_, "ephemeralcontainers") => Some(Scope::EphemeralContainers),
        _ => None,
    };
    PodReview {
        uid: request.uid,
        namespace: request.namespace,
        name: request.name,
        user: request.user_info.username,
        groups: request.user_info.groups,
        dry_run: request.dry_run,
        scope,
        pod,
    }
}

fn checked<O, P>(review: Review<'_, O, P>) -> Result<Request<'_, O, P>, ReviewError> {
    let request = enveloped(review)?;
    let kind = &request.kind;
    if (&*kind.group, &*kind.version, &*kind.kind) != ("", "v1", "Pod") {
        return Err(ReviewError::WrongKind(kind.to_string()));
    }
    match &*request.operation {
        "CREATE" | "UPDATE" => Ok(request),
        other => Err(ReviewError::WrongOperation(beginning(other, 40).to_owned())),
    }
}

/// # Errors
/// If it is not a review, or its uid is missing or too long.
pub(crate) fn enveloped<O, P>(review: Review<'_, O, P>) -> Result<Request<'_, O, P>, ReviewError> {
    if &*review.api_version != API_VERSION || &*review.kind != KIND {
        return Err(ReviewError::NotAReview {
            api_version: beginning(&review.api_version, 80).to_owned(),
            kind: beginning(&review.kind, 80).to_owned(),
        });
    }
    let request = review.request.filter(|request| !request.uid.is_empty());
    let request = request.ok_or(ReviewError::NoRequest)?;
    match request.uid.len() {
        0..=LONGEST_UID => Ok(request),
        long => Err(ReviewError::LongUid(long)),
    }
}

/// At most 120 bytes, for an error.
impl fmt::Display for GroupVersionKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            version,
            kind,
        } = self;
        let named = format!("{group}/{version} {kind}");
        f.write_str(beginning(&named, 120))
    }
}
