//! What names, paths and hosts are made of, in texts of any language. Pure.

/// Whether a variable's name may hold it.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a path may hold it, without what a language fills in.
pub(super) fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/._-".contains(c)
}

/// Whether a host's name may hold it.
pub(super) fn is_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_".contains(c)
}
