//! The caller's span, from the W3C Trace Context header `traceparent`.
//!
//! The SDK's `TraceContextPropagator` also accepts invalid headers: signs before numbers, too few digits, a
//! trailing `-`. So it is parsed here.

use axum::http::HeaderMap;
use opentelemetry::trace::{SpanId, TraceId};

const HEADER: &str = "traceparent";
/// The flag of a caller that records its span.
const SAMPLED: u8 = 1;

/// A trace, and the caller's span in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
}

impl Parent {
    /// The caller's span, if the caller records it. An invalid header counts as missing.
    #[must_use]
    pub fn sampled(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(HEADER)?.to_str().ok()?;
        let mut parts = text.split('-');
        let version = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        // Later versions may append fields; version 255 is invalid.
        let whole = match version {
            0 => parts.next().is_none(),
            version => version != u8::MAX,
        };
        let known = whole && trace != 0 && span != 0;
        (known && flags & SAMPLED != 0).then(|| Self {
            trace: TraceId::from(trace),
            span: SpanId::from(span),
        })
    }
}

/// Exactly this many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let wellformed = text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if wellformed {
        u128::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, text.parse().unwrap());
        Parent::sampled(&headers)
    }

    #[test]
    fn a_sampled_parent_is_taken() {
        let parent = Parent {
            trace: TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
            span: SpanId::from(0x00f0_67aa_0ba9_02b7),
        };
        let text = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        assert_eq!(read(&format!("00-{text}-01")), Some(parent));
        assert_eq!(read(&format!("00-{text}-03")), Some(parent));
        assert_eq!(read(&format!("cc-{text}-01-later")), Some(parent));
    }

    #[test]
    fn all_others_are_not() {
        let text = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        for wrong in [
            "",
            "00",
            &format!("00-{text}-00"),
            &format!("00-{text}-01-more"),
            &format!("ff-{text}-01"),
            &format!("00-{}-01", text.to_uppercase()),
            &format!("00-{text}-+1"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(Parent::sampled(&HeaderMap::new()), None);
    }
}
