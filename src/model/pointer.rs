//! Keys of a map as tokens of a JSON Pointer (RFC 6901).

/// A key as one token of a JSON Pointer (RFC 6901, section 3).
pub(crate) fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
