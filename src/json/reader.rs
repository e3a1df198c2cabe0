//! A place in a text, from which values are read one after the other.
//!
//! Each method leaves the place behind what it took. What was wrong is kept here, so that
//! the way back is short; where, is put together on it.

use serde_json::Value;

use super::error::{Error, Step, What};
use super::marks::Marks;
use super::raw::Raw;
use super::text::Text;

/// Reading has stopped; the reader knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// A place in a text.
pub struct Reader<'a> {
    text: &'a str,
    marks: Marks,
    at: usize,
    fault: Option<(What, usize)>,
    steps: Vec<Step>,
}

impl<'a> Reader<'a> {
    /// At the beginning of `text`.
    pub(super) fn new(text: &'a str) -> Result<Self, Error> {
        let marks = Marks::of(text)
            .map_err(|what| Error::new(text.as_bytes(), text.len(), what, Vec::new()))?;
        Ok(Self {
            text,
            marks,
            at: 0,
            fault: None,
            steps: Vec::new(),
        })
    }

    /// What has stopped it.
    pub(super) fn error(self) -> Error {
        let (what, at) = self.fault.unwrap_or((What::Value, self.at));
        Error::new(self.text.as_bytes(), at, what, self.steps)
    }

    #[cold]
    fn stop(&mut self, what: What) -> Stop {
        self.fault = Some((what, self.at));
        Stop
    }

    /// The field of that name is there a second time.
    #[cold]
    pub(crate) fn twice(&mut self, name: &'static str) -> Stop {
        let stop = self.stop(What::Twice);
        self.in_field(stop, name)
    }

    /// It stopped within the field of that name.
    #[cold]
    pub(crate) fn in_field(&mut self, stop: Stop, name: &'static str) -> Stop {
        self.steps.push(Step::Field(name));
        stop
    }

    /// It stopped within that item of a list.
    #[cold]
    pub(super) fn in_item(&mut self, stop: Stop, index: usize) -> Stop {
        self.steps.push(Step::Item(index));
        stop
    }

    /// The next byte that is no space; the place moves to it.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    #[inline]
    fn take(&mut self, byte: u8, what: What) -> Result<(), Stop> {
        if self.peek() != Some(byte) {
            return Err(self.stop(what));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, what: What) -> Result<(), Stop> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.stop(what));
        }
        self.at += word.len();
        Ok(())
    }

    /// Takes a `null`, where one is here.
    #[inline]
    pub(crate) fn null(&mut self) -> Result<bool, Stop> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null", What::Value).map(|()| true)
    }

    /// Takes `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, Stop> {
        let (word, value) = match self.peek() {
            Some(b't') => ("true", true),
            _ => ("false", false),
        };
        self.word(word, What::Boolean).map(|()| value)
    }

    /// Takes a whole number that is written as one.
    pub(super) fn integer(&mut self) -> Result<i64, Stop> {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end =
            rest.find(|c: char| !matches!(c, '-' | '+' | '.' | '0'..='9' | 'a'..='z' | 'A'..='Z'));
        let written = &rest[..end.unwrap_or(rest.len())];
        let digits = written.strip_prefix('-').unwrap_or(written);
        let is_plain = !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0'));
        match written.parse() {
            Ok(number) if is_plain => {
                self.at += written.len();
                Ok(number)
            }
            _ => Err(self.stop(What::Integer)),
        }
    }

    /// Takes a string.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text<'a>, Stop> {
        if self.peek() != Some(b'"') {
            return Err(self.stop(What::Text));
        }
        let start = self.at;
        let Some(end) = self.marks.quote_after(start) else {
            return Err(self.stop(What::Unclosed));
        };
        let written = self.text.get(start + 1..end).unwrap_or_default();
        if self.marks.has_escapes() && written.contains('\\') {
            return self.unescaped(start, end);
        }
        self.at = end + 1;
        Ok(Text::from(written))
    }

    #[cold]
    fn unescaped(&mut self, start: usize, end: usize) -> Result<Text<'a>, Stop> {
        let quoted = self.text.get(start..=end).unwrap_or_default();
        match serde_json::from_str(quoted) {
            Ok(text) => {
                self.at = end + 1;
                Ok(Text(std::borrow::Cow::Owned(text)))
            }
            Err(_) => Err(self.stop(What::Escape)),
        }
    }

    /// Takes any value, as it was written.
    pub(super) fn raw(&mut self) -> Result<Raw<'a>, Stop> {
        let start = self.start();
        self.skip()?;
        Ok(self.since(start))
    }

    /// Takes any value, as a document.
    pub(super) fn value(&mut self) -> Result<Value, Stop> {
        let raw = self.raw()?;
        serde_json::from_str(raw.get()).map_err(|_| self.stop(What::Json))
    }

    /// Where the next value begins.
    #[inline]
    pub(super) fn start(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// What was taken since `start`.
    #[inline]
    pub(super) fn since(&self, start: usize) -> Raw<'a> {
        Raw::new(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Takes any value. Of a number, only the characters are looked at.
    #[inline]
    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Some(b'"') => match self.marks.quote_after(self.at) {
                Some(end) => self.at = end + 1,
                None => return Err(self.stop(What::Unclosed)),
            },
            Some(b'{' | b'[') => self.skip_brackets()?,
            Some(b't') => self.word("true", What::Value)?,
            Some(b'f') => self.word("false", What::Value)?,
            Some(b'n') => self.word("null", What::Value)?,
            Some(b'-' | b'0'..=b'9') => {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let of_number =
                    |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                self.at += rest.iter().take_while(of_number).count();
            }
            _ => return Err(self.stop(What::Value)),
        }
        Ok(())
    }

    fn skip_brackets(&mut self) -> Result<(), Stop> {
        let bytes = self.text.as_bytes();
        let mut depth = 1_usize;
        let mut at = self.at;
        while depth > 0 {
            let Some(next) = self.marks.bracket_after(at) else {
                self.at = bytes.len();
                return Err(self.stop(What::Comma));
            };
            at = next;
            match bytes.get(at) {
                Some(b'{' | b'[') => depth += 1,
                _ => depth -= 1,
            }
        }
        self.at = at + 1;
        Ok(())
    }

    /// Takes an opening bracket.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8, what: What) -> Result<(), Stop> {
        self.take(bracket, what)
    }

    /// Takes the opening bracket of an object.
    #[inline]
    pub(crate) fn object(&mut self) -> Result<(), Stop> {
        self.take(b'{', What::Object)
    }

    /// Takes the next key of an object and its colon; none, and the bracket, at the end.
    #[inline]
    pub(crate) fn key(&mut self, is_first: &mut bool) -> Result<Option<Text<'a>>, Stop> {
        if !self.more(b'}', is_first)? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.stop(What::Key));
        }
        let key = self.text()?;
        self.take(b':', What::Colon)?;
        Ok(Some(key))
    }

    /// Whether there is one more item in a list; takes the bracket at the end.
    #[inline]
    pub(super) fn item(&mut self, is_first: &mut bool) -> Result<bool, Stop> {
        self.more(b']', is_first)
    }

    #[inline]
    fn more(&mut self, end: u8, is_first: &mut bool) -> Result<bool, Stop> {
        let byte = self.peek();
        if byte == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        match (std::mem::take(is_first), byte) {
            (_, None) => Err(self.stop(What::Comma)),
            (true, Some(_)) => Ok(true),
            (false, Some(b',')) => {
                self.at += 1;
                // "[1,]" has no value behind its comma.
                match self.peek() {
                    Some(byte) if byte != end => Ok(true),
                    _ => Err(self.stop(What::Value)),
                }
            }
            (false, Some(_)) => Err(self.stop(What::Comma)),
        }
    }

    /// Nothing but space is left.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.stop(What::End)),
        }
    }
}
