//! Groovy cut into words, strings and signs, with comments left out.

use std::ops::Range;

pub(super) struct Token {
    pub(super) kind: Kind,
    /// The line on which it starts, from 1.
    pub(super) line: u32,
    pub(super) bytes: Range<usize>,
}

pub(super) enum Kind {
    Word(String),
    Text { text: String, long: bool },
    Sign(char),
}

pub(super) fn is(tokens: &[Token], index: usize, sign: char) -> bool {
    matches!(tokens.get(index).map(|token| &token.kind), Some(Kind::Sign(s)) if *s == sign)
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader {
        whole: text.len(),
        rest: text,
        line: 1,
        tokens: Vec::new(),
    };
    while let Some(c) = reader.rest.chars().next() {
        reader.token(c);
    }
    reader.tokens
}

struct Reader<'t> {
    whole: usize,
    rest: &'t str,
    line: u32,
    tokens: Vec<Token>,
}

impl<'t> Reader<'t> {
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        let lines = taken.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
        taken
    }

    fn token(&mut self, c: char) {
        let line = self.line;
        let start = self.whole - self.rest.len();
        let kind = if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take(end);
            return;
        } else if self.rest.starts_with("/*") {
            let end = self.rest[2..]
                .find("*/")
                .map_or(self.rest.len(), |at| at + 4);
            self.take(end);
            return;
        } else if self.rest.starts_with("'''") || self.rest.starts_with("\"\"\"") {
            let quote = self.take(3);
            let inner = self.string(quote);
            Kind::Text {
                text: inner,
                long: true,
            }
        } else if c == '\'' || c == '"' {
            let quote = self.take(1);
            let inner = self.string(quote);
            Kind::Text {
                text: inner,
                long: false,
            }
        } else if c.is_alphanumeric() || c == '_' {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
            Kind::Word(self.take(end).to_owned())
        } else {
            self.take(c.len_utf8());
            if c.is_whitespace() {
                return;
            }
            Kind::Sign(c)
        };
        let bytes = start..self.whole - self.rest.len();
        self.tokens.push(Token { kind, line, bytes });
    }

    /// The four digits of a `\u002e`.
    fn unicode(&mut self) -> Option<char> {
        let digits = self.rest.get(..4)?;
        let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        self.take(4);
        Some(c)
    }

    /// The inside of a string up to `quote`. A short one ends with its line at the latest, so
    /// that a quote in a pattern does not swallow the rest of the file.
    fn string(&mut self, quote: &str) -> String {
        let mut text = String::new();
        while let Some(c) = self.rest.chars().next() {
            if self.rest.starts_with(quote) {
                self.take(quote.len());
                break;
            }
            if c == '\n' && quote.len() == 1 {
                break;
            }
            self.take(c.len_utf8());
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some(escaped) = self.rest.chars().next() else {
                break;
            };
            self.take(escaped.len_utf8());
            match escaped {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'u' => match self.unicode() {
                    Some(c) => text.push(c),
                    None => text.push('u'),
                },
                // A line that goes on in the next one; kept, so that lines can be counted.
                '\n' => text.push('\n'),
                other => text.push(other),
            }
        }
        text
    }
}
