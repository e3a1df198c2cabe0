//! A review as it goes over the wire, stamped with a fresh uid each time, and what its answer
//! must be.

use base64_simd::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::reviews::{LARGE, SMALL, UID, body};

/// What is done to the Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Left as it is.
    Left,
    /// Changed by a patch.
    Changed,
    /// Either, while the policy changes under the load.
    Either,
}

/// A request and its expectation.
#[derive(Clone)]
pub struct Review {
    bytes: Vec<u8>,
    uid: std::ops::Range<usize>,
    pub expect: Expect,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    patch: Option<&'a str>,
    patch_type: Option<&'a str>,
}

impl Review {
    /// 3 KB: a small Pod that needs nothing.
    pub fn small() -> Self {
        Self::of(&body(SMALL, false), Expect::Left)
    }

    /// 17 KB: a Pod with many sidecars that gets one more.
    pub fn large() -> Self {
        Self::of(&body(LARGE, true), Expect::Changed)
    }

    pub fn expecting(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    fn of(body: &[u8], expect: Expect) -> Self {
        let mut bytes = head(body.len(), "").into_bytes();
        bytes.extend_from_slice(body);
        let uid = UID.as_bytes();
        let at = bytes.windows(uid.len()).position(|window| window == uid);
        let at = at.expect("the body has a uid");
        let uid = at..at + uid.len();
        Self { bytes, uid, expect }
    }

    /// The request, with this number as its uid.
    pub fn stamped(&mut self, connection: usize, number: u64) -> &[u8] {
        let uid = format!("{connection:08x}-6393-11e8-b7cc-{number:012x}");
        self.bytes[self.uid.clone()].copy_from_slice(uid.as_bytes());
        &self.bytes
    }

    /// Judges the answer to what was stamped last.
    pub fn evaluate(&self, status: u16, answer: &[u8]) -> Result<(), String> {
        if status != 200 {
            let text = String::from_utf8_lossy(answer);
            return Err(format!("answered {status}: {text}"));
        }
        let Answer { response } =
            serde_json::from_slice(answer).map_err(|error| format!("the answer: {error}"))?;
        let uid = &self.bytes[self.uid.clone()];
        if response.uid.as_bytes() != uid {
            return Err(format!("the answer is for {}", response.uid));
        }
        if !response.allowed {
            return Err("denied".to_owned());
        }
        let patch = match (response.patch, response.patch_type) {
            (None, None) => None,
            (Some(patch), Some("JSONPatch")) => Some(patch),
            (_, kind) => return Err(format!("patchType is {kind:?}")),
        };
        match (self.expect, patch) {
            (Expect::Left, Some(_)) => Err("a patch where none was due".to_owned()),
            (Expect::Changed, None) => Err("no patch".to_owned()),
            (Expect::Left | Expect::Either, None) => Ok(()),
            (Expect::Changed | Expect::Either, Some(patch)) => is_patch(patch),
        }
    }
}

fn is_patch(encoded: &str) -> Result<(), String> {
    let patch = STANDARD
        .decode_to_vec(encoded)
        .map_err(|error| format!("the patch: {error}"))?;
    let operations: Vec<IgnoredAny> =
        serde_json::from_slice(&patch).map_err(|error| format!("the patch: {error}"))?;
    if operations.is_empty() {
        return Err("an empty patch".to_owned());
    }
    Ok(())
}

/// A request's head, as the API server writes it, with more lines where they are given.
pub fn head(length: usize, more: &str) -> String {
    format!(
        "POST /mutate?timeout=10s HTTP/1.1\r\n\
         Host: dind-injector.dind-injector.svc:443\r\n\
         User-Agent: kube-apiserver-admission\r\n\
         Content-Length: {length}\r\n\
         Accept: application/json, */*\r\n\
         Content-Type: application/json\r\n\
         {more}Accept-Encoding: gzip\r\n\r\n"
    )
}
