//! How a string is written in YAML: plain where every reader takes it for this string, else quoted.
//!
//! Style follows `kubectl`: double quotes around what would be another type (`"yes"`, `"8080"`),
//! single quotes around what would be syntax (`'*'`, `'a: b'`), literal blocks for lines. Whatever
//! the style, a YAML 1.1 and a YAML 1.2 reader both read back the same string.

use std::fmt::Write as _;

use crate::manifest::resolve;

/// A literal block's first line, without what the caller's indentation decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    /// The content starts with a blank, so its indentation must be given: `|2`.
    pub indented: bool,
    /// `-`, nothing, or `+`.
    pub chomping: &'static str,
}

/// Appends `text` in one line.
pub(super) fn inline(out: &mut String, text: &str) {
    if resolve::is_ambiguous(text) || !text.chars().all(is_plain_char) {
        double_quoted(out, text);
    } else if is_syntax(text) {
        single_quoted(out, text);
    } else {
        out.push_str(text);
    }
}

/// Appends `text` in one line, to stand between `[` and `]` or `{` and `}`.
pub(super) fn in_flow(out: &mut String, text: &str) {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._".contains(c));
    let is_plain = starts
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if is_plain && !resolve::is_ambiguous(text) && !text.starts_with("...") {
        out.push_str(text);
    } else {
        double_quoted(out, text);
    }
}

/// How `text` can be written as a literal block, or `None` where that would not be exact.
pub(super) fn literal(text: &str) -> Option<Literal> {
    let content = text.trim_end_matches('\n');
    if content.is_empty() || !text.contains('\n') {
        return None;
    }
    if !text
        .chars()
        .all(|c| c == '\n' || c == '\t' || is_plain_char(c))
    {
        return None;
    }
    Some(Literal {
        // libyaml also refuses a tab before it knows the indentation.
        indented: text.starts_with([' ', '\t', '\n']),
        chomping: match text.len() - content.len() {
            0 => "-",
            1 => "",
            _ => "+",
        },
    })
}

/// A character that needs no escape. Line breaks of YAML 1.1 (NEL, LS, PS), byte order marks and
/// what is invisible or reorders the text are left to escapes.
fn is_plain_char(c: char) -> bool {
    !matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{a0}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{ffff}'
    )
}

/// Whether a plain scalar in block context would not be one, or not this one.
fn is_syntax(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts = match bytes {
        [] => true,
        [b'-' | b'?' | b':'] | [b'-' | b'?' | b':', b' ', ..] => true,
        [b'-', b'-', b'-', ..] | [b'.', b'.', b'.', ..] => true,
        [first, ..] => b" ,[]{}#&*!|>'\"%@`".contains(first),
    };
    starts || text.ends_with([' ', ':']) || text.contains(": ") || text.contains(" #")
}

fn single_quoted(out: &mut String, text: &str) {
    out.push('\'');
    for (index, part) in text.split('\'').enumerate() {
        if index > 0 {
            out.push_str("''");
        }
        out.push_str(part);
    }
    out.push('\'');
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_plain_char(c) => out.push(c),
            c => {
                let code = u32::from(c);
                // Writing to a String cannot fail.
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
}
