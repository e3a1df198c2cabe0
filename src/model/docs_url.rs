//! Where an admin keeps the documentation: what the links in warnings and denials begin with.

use std::str::FromStr;

/// The longest base, in characters: with it, the longest warning stays below the 256 characters at which
/// the API server cuts one.
pub const LONGEST: usize = 80;

/// The page that has a paragraph for each message, below the base.
pub const PAGE: &str = "messages.md";

/// The base of links, without a slash at its end; none where no admin named one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocsUrl(Option<Box<str>>);

/// Why a text is no base of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocsUrlError {
    /// No address that a browser opens.
    #[error("must begin with https:// or http://, and hold no space, quote or control character")]
    NotAnAddress,
    /// Too long for a warning to have room for it.
    #[error("has more than {LONGEST} characters, of which a warning has no room: use a short link")]
    TooLong,
}

impl FromStr for DocsUrl {
    type Err = DocsUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let rest = text.strip_prefix("https://");
        let rest = rest.or_else(|| text.strip_prefix("http://"));
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>');
        if !rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain)) {
            return Err(DocsUrlError::NotAnAddress);
        }
        if text.len() > LONGEST {
            return Err(DocsUrlError::TooLong);
        }
        Ok(Self(Some(text.trim_end_matches('/').into())))
    }
}

impl DocsUrl {
    /// The address of a page below the base, where there is one.
    #[must_use]
    pub fn page(&self, page: &str) -> Option<String> {
        self.0.as_ref().map(|base| format!("{base}/{page}"))
    }

    /// `text` with a link to the paragraph `topic` behind it, where there is a base.
    #[must_use]
    pub fn with_link(&self, mut text: String, topic: &str) -> String {
        if let Some(base) = &self.0 {
            for part in ["; see ", base, "/", PAGE, "#", topic] {
                text.push_str(part);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_to_the_paragraph_of_the_message() {
        let link = |base: &str| {
            let base = base.parse::<DocsUrl>();
            base.map(|base| base.with_link("it was left alone".to_owned(), "swapped"))
        };
        let expected = "it was left alone; see https://go.example.com/dind/messages.md#swapped";
        for base in [
            "https://go.example.com/dind",
            "https://go.example.com/dind/",
        ] {
            assert_eq!(link(base).as_deref(), Ok(expected));
        }
        assert_eq!(link("").as_deref(), Ok("it was left alone"));
    }

    #[test]
    fn what_no_browser_opens_is_refused() {
        for bad in [
            "docs",
            "https://",
            "ftp://a",
            "https://a b",
            "https://a\n",
            "https://a\"b",
        ] {
            assert_eq!(
                bad.parse::<DocsUrl>(),
                Err(DocsUrlError::NotAnAddress),
                "{bad}"
            );
        }
        let long = format!("https://{}", "a".repeat(LONGEST));
        assert_eq!(long.parse::<DocsUrl>(), Err(DocsUrlError::TooLong));
    }
}
