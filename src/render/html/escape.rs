//! Text from manifests in HTML: nothing of it can become markup, or reorder the page.

use crate::text::push_visible_lines;

/// `text` for an element's content or a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    push_visible_lines(&mut visible, text);
    let mut out = String::with_capacity(visible.len());
    for c in visible.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As [`escape`], with places where a long path may be broken.
pub fn breakable(text: &str) -> String {
    let escaped = escape(text);
    match escaped.strip_prefix('/') {
        Some(rest) => format!("/{}", rest.replace('/', "/<wbr>")),
        None => escaped.replace('/', "/<wbr>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(
            escape("<img src=x onerror='a(\"b\")'>&amp;"),
            "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;amp;"
        );
    }

    #[test]
    fn what_is_not_seen_is_spelled_out() {
        assert_eq!(escape("a\u{202e}b\u{0}\nc"), "a\\u{202e}b\\u{0}\nc");
    }
}
