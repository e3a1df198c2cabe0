//! The answer to a review, as the API server reads it.
//!
//! A malformed answer goes to `failurePolicy`, so the shape is fixed here: `patch` and `patchType` are both
//! there or both absent, the uid is the request's, and a denial is always deliberate.
//! Source: `k8s.io/apiserver/pkg/admission/plugin/webhook/request/admissionreview.go`.

pub mod message;
pub mod record;

use base64_simd::STANDARD;
use serde::Serialize;

use crate::patch::Patch;

use crate::decode::admission::{API_VERSION, KIND};

#[derive(Debug)]
pub struct Response<'a> {
    pub uid: &'a str,
    pub patch: Option<&'a Patch>,
    pub denial: Option<&'a str>,
    pub warnings: &'a [String],
    /// For the API server's audit log. Empty values are left out.
    pub audit: &'a [(&'static str, &'a str)],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Wire<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    audit_annotations: Pairs<'a>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'static str,
    message: &'a str,
}

struct Pairs<'a>(&'a [(&'static str, &'a str)]);

impl Pairs<'_> {
    fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, value)| value.is_empty())
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let there = self.0.iter().filter(|(_, value)| !value.is_empty());
        serializer.collect_map(there.copied())
    }
}

impl Response<'_> {
    /// The whole AdmissionReview as JSON.
    ///
    /// # Errors
    /// Only for a fault of this program.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Self {
            uid,
            patch,
            denial,
            warnings,
            audit,
        } = self;
        let review = Review {
            api_version: API_VERSION,
            kind: KIND,
            response: Wire {
                uid,
                allowed: denial.is_none(),
                status: denial.map(|message| Status {
                    code: 403,
                    reason: "Forbidden",
                    message,
                }),
                warnings,
                audit_annotations: Pairs(audit),
            },
        };
        let length = patch.map_or(0, |patch| STANDARD.encoded_length(patch.as_json().len()));
        let mut out = Vec::with_capacity(1024 + length);
        serde_json::to_writer(&mut out, &review)?;
        if let Some(patch) = patch {
            append_patch(&mut out, patch);
        }
        Ok(out)
    }
}

/// Adds the patch to a written review. Base64 needs no JSON escapes, so it is encoded in place.
fn append_patch(json: &mut Vec<u8>, patch: &Patch) {
    const END: &[u8] = b"}}";
    debug_assert!(json.ends_with(END));
    json.truncate(json.len() - END.len());
    json.extend_from_slice(br#","patchType":"JSONPatch","patch":""#);
    STANDARD.encode_append(patch.as_json(), json);
    json.push(b'"');
    json.extend_from_slice(END);
}
