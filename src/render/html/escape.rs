//! Text from manifests in HTML.
//!
//! What is no [`maud::Markup`] is escaped by maud, wherever it is put; [`breakable`] is the only markup made
//! of such text. Characters that are not seen, or reorder a line, are spelled out in the whole page
//! ([`super::html`]).

use maud::{Markup, html};

/// A path, with places where a long one may be broken.
pub fn breakable(path: &str) -> Markup {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    html! {
        (first)
        @for (index, part) in parts.enumerate() {
            "/"
            // Not behind the slash that a path begins with.
            @if index > 0 || !first.is_empty() { wbr; }
            (part)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_path_is_text() {
        assert_eq!(
            breakable("/var/<img src=x onerror='a(\"b\")'>&amp;").into_string(),
            "/var/<wbr>&lt;img src=x onerror='a(&quot;b&quot;)'&gt;&amp;amp;"
        );
    }

    #[test]
    fn a_path_may_be_broken_behind_its_slashes_but_the_first() {
        for (path, broken) in [
            ("/var/run/docker.sock", "/var/<wbr>run/<wbr>docker.sock"),
            ("a/b", "a/<wbr>b"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(breakable(path).into_string(), broken);
        }
    }
}
