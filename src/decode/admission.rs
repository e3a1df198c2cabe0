//! An AdmissionReview as the API server sends it, decoded into a borrowed view.
//!
//! What is no review of a Pod's creation is told apart from what is no review at all; both
//! are errors of the caller with a text that says what to change, and never a denial.
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

/// The longest uid that is taken, in bytes.
const LONGEST_UID: usize = 128;

/// The API version that is read and written.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind that is read and written.
pub const KIND: &str = "AdmissionReview";

/// A review of a Pod.
#[derive(Debug)]
pub struct PodReview<'a> {
    /// What the answer must repeat.
    pub uid: Text<'a>,
    /// The namespace of the request.
    pub namespace: Text<'a>,
    /// The Pod's name; empty where the API server is still to make one.
    pub name: Text<'a>,
    /// The user that makes the request.
    pub user: Text<'a>,
    pub groups: Vec<Text<'a>>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// What of the Pod the request is about; none where it is not a creation.
    pub scope: Option<Scope>,
    pub pod: Object<'a>,
}

/// The Pod of a review, as far as it was read.
#[derive(Debug)]
pub enum Object<'a> {
    Pod(Box<Pod<'a>>),
    /// The review has no word of what this program looks for.
    NoConcern(Box<Unread<'a>>),
    /// There is too much of it.
    TooMuch(Excess),
}

impl<'a> Object<'a> {
    /// The Pod's `metadata`, empty where it has none.
    pub fn metadata(&self) -> &Metadata<'a> {
        match self {
            Self::Pod(pod) => pod.metadata(),
            Self::NoConcern(unread) => &unread.metadata,
            Self::TooMuch(_) => &NO_METADATA,
        }
    }
}

/// A Pod whose `spec` nobody has read.
#[derive(Debug, Default, Deserialize)]
#[serde(remote = "Self", default, bound(deserialize = "'de: 'a"))]
pub struct Unread<'a> {
    #[serde(deserialize_with = "or_default")]
    metadata: Metadata<'a>,
}

/// Why a body is not a review that this webhook answers.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Not JSON, or not of an AdmissionReview's shape.
    #[error("the body is not an AdmissionReview: {0}")]
    Malformed(json::Error),
    #[error(
        "the body is {kind:?} of {api_version:?}, not AdmissionReview of admission.k8s.io/v1: set \
         admissionReviewVersions: [v1] in the webhook configuration"
    )]
    NotAReview { api_version: String, kind: String },
    /// A review without a request, or without the request's uid.
    #[error("the AdmissionReview has no request with a uid")]
    NoRequest,
    /// A uid that no API server makes. It would be said back, in answer and log.
    #[error("the uid of the AdmissionReview has {0} bytes: Kubernetes' have 36")]
    LongUid(usize),
    /// A review of another kind of object.
    #[error(
        "this path reviews Pods, not {0}: set resources: [pods] in the rules of the webhook \
         configuration"
    )]
    WrongKind(String),
    /// A review of something that makes no Pods.
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
    /// A review of a Pod that has none.
    #[error("the AdmissionReview of a Pod has no object")]
    NoObject,
    /// The object is no Pod as the API server would write it.
    #[error("the object of the AdmissionReview is not a Pod: {0}")]
    MalformedPod(json::Error),
}

impl ReviewError {
    /// Whether the body was a review, though not one for this webhook.
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
    /// What is replaced; read only where it is asked for.
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

/// Decodes a body. Of one with too many values, only what is around the Pod is read.
///
/// # Errors
/// Where it is no review of a Pod; see [`ReviewError`].
pub fn decode(body: &[u8]) -> Result<PodReview<'_>, ReviewError> {
    match Extent::of(body) {
        Extent::Around => around(body),
        Extent::Metadata => Ok(read::<_, IgnoredAny>(body, Object::NoConcern)?.0),
        Extent::Whole => Ok(read::<_, IgnoredAny>(body, Object::Pod)?.0),
    }
}

/// Decodes a body, and the Pod as it was where there was one and it is read.
///
/// # Errors
/// As [`decode`].
pub fn decode_both(body: &[u8]) -> Result<(PodReview<'_>, Option<Box<Pod<'_>>>), ReviewError> {
    match Extent::of(body) {
        Extent::Around | Extent::Metadata => Ok((decode(body)?, None)),
        Extent::Whole => read(body, Object::Pod),
    }
}

/// How much of a Pod is read.
enum Extent {
    /// Nothing: there is too much of it.
    Around,
    /// Its metadata: it is no concern of this program.
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
        // The object may be of another kind, and then that is what is wrong.
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

/// The request of a review of anything.
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

/// Short enough for an error.
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
