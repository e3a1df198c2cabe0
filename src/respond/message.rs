//! A message to the author of a Pod as kubectl prints it, among those of other webhooks: it begins with the
//! program that speaks, and ends with where to read on, if an admin said where that is.

use crate::model::docs_url::DocsUrl;
use crate::model::notice::LONGEST;
use crate::names::PROGRAM;
use crate::text::shortened;

/// The message that says `text`, explained under `topic`.
pub fn message(docs: &DocsUrl, text: &str, topic: &str) -> String {
    docs.with_link([PROGRAM, ": ", text].concat(), topic)
}

/// The same in as many warnings as a text of any length needs, broken between words; the last one has
/// the link.
pub fn messages(docs: &DocsUrl, text: &str, topic: &str) -> Vec<String> {
    let lines = lines(text);
    let last = lines.len().saturating_sub(1);
    let nowhere = DocsUrl::default();
    let lines = lines.iter().enumerate().map(|(index, line)| {
        let docs = if index == last { docs } else { &nowhere };
        message(docs, line, topic)
    });
    lines.collect()
}

/// `text` in lines of at most [`LONGEST`] characters.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word = shortened(word, LONGEST);
        let more = word.chars().count() + 1;
        match lines.last_mut() {
            Some(line) if length + more <= LONGEST => {
                line.push(' ');
                line.push_str(&word);
                length += more;
            }
            _ => {
                length = more - 1;
                lines.push(word.into_owned());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_between_words() {
        let text = "a word after the other ".repeat(20);
        let lines = lines(&text);
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|line| line.chars().count() <= LONGEST));
        assert_eq!(lines.join(" "), text.trim_end());
    }

    #[test]
    fn a_word_that_is_too_long_is_cut() {
        let lines = lines(&"é".repeat(500));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].chars().count(), LONGEST);
    }

    /// The API server cuts a warning at 256 characters (`k8s.io/api/admission/v1/types.go`).
    #[test]
    fn the_longest_warning_is_passed_on_whole() {
        use crate::model::docs_url;
        use crate::model::notice::LONGEST_TOPIC;
        let base = format!(
            "https://{}",
            "a".repeat(docs_url::LONGEST - "https://".len())
        );
        let topic = "t".repeat(LONGEST_TOPIC);
        let Ok(docs) = base.parse() else {
            unreachable!("{base}");
        };
        let longest = message(&docs, &"é".repeat(LONGEST), &topic);
        assert!(
            longest.chars().count() <= 256,
            "{}",
            longest.chars().count()
        );
    }

    #[test]
    fn only_the_last_line_has_the_link() {
        let Ok(docs) = "https://go.example.com/d".parse() else {
            unreachable!("a base");
        };
        let lines = messages(&docs, &"a word after the other ".repeat(8), "swapped");
        assert!(lines.len() > 1);
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with("dind-injector: a word")
                    || line.starts_with("dind-injector: "))
        );
        let with: Vec<bool> = lines.iter().map(|line| line.contains("; see ")).collect();
        assert_eq!(with.iter().filter(|with| **with).count(), 1);
        assert_eq!(with.last(), Some(&true));
    }
}
