//! What is escaped in a URL: every byte that RFC 3986 does not call unreserved.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// For one segment of a path, or one value of a query.
pub const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// For a path, whose slashes stay.
pub const PATH: &AsciiSet = &SEGMENT.remove(b'/');
