//! Text of other people on its way to a terminal, a log or an answer: one way to cut it, one to
//! make it harmless.
//!
//! A name or path of a Pod's author may be of any length and hold any character. What is written here
//! can neither steer a terminal, nor reorder a line, nor begin a line of its own.

use std::borrow::Cow;

/// Appends text that cannot move the cursor, change colors or reorder the line.
pub(crate) fn push_visible(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\t' => out.push('\t'),
            '\r' => out.push_str("\\r"),
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

/// The text as [`push_visible`] writes it.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    push_visible(&mut visible, text);
    visible
}

/// As [`visible`], for a text that has lines.
pub(crate) fn visible_lines(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    push_visible_lines(&mut visible, text);
    visible
}

/// As [`push_visible`], for a text that has lines.
pub(crate) fn push_visible_lines(out: &mut String, text: &str) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        push_visible(out, line);
    }
}

/// `text`, cut to `most` characters with an ellipsis; control characters are left out.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.by_ref().take(most).collect();
    if clean.next().is_some() {
        short.pop();
        short.push('…');
    }
    Cow::Owned(short)
}

/// As much of a text as `most` bytes hold, in whole characters.
pub fn beginning(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
