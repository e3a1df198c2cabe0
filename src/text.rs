//! Other people's text on its way to a terminal, a log or an answer.
//!
//! A name or path in a Pod may have any length and any characters. This is the only file that cuts such text
//! or escapes it: what is written from here cannot control a terminal, reorder a line, or start a new one.

use std::borrow::Cow;

/// Whether a character is shown as an escape: it moves the cursor, changes colors, starts a line or reorders one, or is
/// not seen at all, so that two names look alike. A tab does none of this, and what joins letters or emoji is part of them.
fn steers(c: char) -> bool {
    let is_unseen = || {
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    c != '\t' && c.is_control() || !c.is_ascii() && is_unseen()
}

/// Appends text with every control character escaped. Everything that shows other people's text uses this.
pub(crate) fn push_visible(out: &mut String, text: &str) {
    for c in text.chars() {
        push(out, c);
    }
}

/// Appends one character. Returns how many characters it is shown as.
fn push(out: &mut String, c: char) -> usize {
    match c {
        '\r' => {
            out.push_str("\\r");
            2
        }
        c if steers(c) => {
            out.extend(c.escape_unicode());
            c.escape_unicode().len()
        }
        c => {
            out.push(c);
            1
        }
    }
}

pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len());
    push_visible(&mut visible, text);
    Cow::Owned(visible)
}

/// As [`visible`], but keeps line breaks.
pub(crate) fn visible_lines(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    push_visible_lines(&mut visible, text);
    visible
}

/// As [`push_visible`], but keeps line breaks.
pub(crate) fn push_visible_lines(out: &mut String, text: &str) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        push_visible(out, line);
    }
}

/// As `visible`, cut to `most` characters, of which the last is then an ellipsis.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let (mut short, mut length) = (String::new(), 0);
    // Where to cut if the next character does not fit: before an escape, never inside one.
    let mut cut = 0;
    for c in text.chars() {
        if length < most {
            cut = short.len();
        }
        length += push(&mut short, c);
        if length > most {
            short.truncate(cut);
            short.push('…');
            break;
        }
    }
    Cow::Owned(short)
}

/// As many whole characters as fit into `most` bytes.
pub fn beginning(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// As many whole characters of its end as fit into `most` bytes.
pub fn ending(text: &str, most: usize) -> &str {
    let mut start = text.len().saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown_as_an_escape() {
        for (text, shown) in [
            ("a\n::stop-commands::x", r"a\u{a}::stop-commands::x"),
            ("a\r\nb", r"a\r\u{a}b"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{85}\u{7f}\0", "\\u{85}\\u{7f}\\u{0}"),
            (
                "\u{202e}\u{61c}\u{2028}\u{2066}",
                "\\u{202e}\\u{61c}\\u{2028}\\u{2066}",
            ),
            (
                "docker\u{200b}\u{feff}\u{e0041}",
                "docker\\u{200b}\\u{feff}\\u{e0041}",
            ),
            ("a\tb é 日本 👩\u{200d}💻", "a\tb é 日本 👩\u{200d}💻"),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(shortened(text, 100), shown);
        }
        assert_eq!(visible_lines("a\n\u{1b}b"), "a\n\\u{1b}b");
    }

    #[test]
    fn a_text_is_cut_before_an_escape_and_never_inside_one() {
        for (text, most, shown) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("éééé", 4, "éééé"),
            ("ééééé", 4, "ééé…"),
            ("abc\ndef", 11, r"abc\u{a}def"),
            ("abc\ndef", 10, r"abc\u{a}d…"),
            ("abc\ndef", 8, "abc…"),
            ("\n\n\n", 1, "…"),
        ] {
            let short = shortened(text, most);
            assert_eq!(short, shown, "{text:?} in {most}");
            assert!(short.chars().count() <= most);
        }
    }
}
