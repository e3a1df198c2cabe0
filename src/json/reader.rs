//! A place in a text, from which values are read one after the other.
//!
//! Each method leaves the place behind what it took. What was wrong is kept here, so that
//! the way back is short; where, is put together on it.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::error::{Error, Step, What};
use crate::json::marks::{Escapes, Marks};
use crate::json::name::Names;
use crate::json::part::Part;
use crate::json::raw::Raw;
use crate::json::text::Text;

/// Reading has stopped; the reader knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// The fields of an object that is being read.
pub(crate) struct Fields {
    /// One bit for each that was there.
    seen: u64,
    /// The one behind the last.
    next: usize,
    is_first: bool,
}

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
        Ok(Self::at(text, marks, 0))
    }

    /// At a place in a text that is marked.
    pub(super) fn at(text: &'a str, marks: Marks, at: usize) -> Self {
        Self {
            text,
            marks,
            at,
            fault: None,
            steps: Vec::new(),
        }
    }

    /// What has stopped it.
    pub(super) fn error(self) -> Error {
        let (what, at) = self.fault.unwrap_or((What::Value, self.at));
        Error::new(self.text.as_bytes(), at, what, self.steps)
    }

    #[cold]
    pub(super) fn stop(&mut self, what: What) -> Stop {
        self.fault = Some((what, self.at));
        Stop
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
    #[inline(always)]
    fn peek(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Option<u8> {
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
    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<Text<'a>, Stop> {
        self.text_or(What::Text)
    }

    #[inline(always)]
    fn text_or(&mut self, what: What) -> Result<Text<'a>, Stop> {
        let written = self.string(what)?;
        if self.marks.escapes() != Escapes::None {
            return self.unescaped(written);
        }
        Ok(Text::from(written))
    }

    /// Takes a string, which is left as it was written.
    #[inline(always)]
    fn string(&mut self, what: What) -> Result<&'a str, Stop> {
        if self.peek() != Some(b'"') {
            return Err(self.stop(what));
        }
        let Some(end) = self.marks.quote_after(self.at) else {
            return Err(self.stop(What::Unclosed));
        };
        let written = self.text.get(self.at + 1..end).unwrap_or_default();
        self.at = end + 1;
        Ok(written)
    }

    /// A string without its escapes, where it has some.
    #[inline(never)]
    fn unescaped(&mut self, written: &'a str) -> Result<Text<'a>, Stop> {
        if !written.contains('\\') {
            return Ok(Text::from(written));
        }
        serde_json::from_str(&format!("\"{written}\""))
            .map(|text| Text(Cow::Owned(text)))
            .map_err(|_| self.stop(What::Escape))
    }

    /// What of the text's strings may be written as escapes.
    pub(super) fn escapes(&self) -> Escapes {
        self.marks.escapes()
    }

    /// Takes any value, to be read later.
    pub(crate) fn part(&mut self) -> Result<Part<'a>, Stop> {
        let start = self.start();
        self.skip()?;
        Ok(Part::new(self.text, self.marks.clone(), start..self.at))
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
            Some(b'{' | b'[') => match self.marks.close_of(self.at) {
                Some(end) => self.at = end + 1,
                None => {
                    self.at = self.text.len();
                    return Err(self.stop(What::Comma));
                }
            },
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

    /// Takes the opening bracket of a list.
    #[inline]
    pub(super) fn list(&mut self) -> Result<(), Stop> {
        self.take(b'[', What::List)
    }

    /// Takes an object with any keys: `each` takes the value of each key. Says whether it was
    /// there, and no `null`.
    pub(crate) fn entries(
        &mut self,
        mut each: impl FnMut(&mut Self, Text<'a>) -> Result<(), Stop>,
    ) -> Result<bool, Stop> {
        if self.null()? {
            return Ok(false);
        }
        self.take(b'{', What::Object)?;
        let mut is_first = true;
        while self.more(b'}', &mut is_first)? {
            let key = self.text_or(What::Key)?;
            self.take(b':', What::Colon)?;
            each(self, key)?;
        }
        Ok(true)
    }

    /// Takes the opening bracket of an object with fields.
    #[inline]
    pub(crate) fn fields(&mut self) -> Result<Fields, Stop> {
        self.take(b'{', What::Object)?;
        Ok(Fields {
            seen: 0,
            next: 0,
            is_first: true,
        })
    }

    /// Takes keys, and the values of those that are not among `names`, up to the colon of one
    /// that is; none, and the bracket, at the end. Cheapest where `names` are in the order in
    /// which the fields are written.
    #[inline(always)]
    pub(crate) fn field(
        &mut self,
        names: &Names,
        fields: &mut Fields,
    ) -> Result<Option<usize>, Stop> {
        match self.expected(names, fields) {
            Some(index) => self.once(names, fields, index).map(Some),
            None => self.unexpected(names, fields),
        }
    }

    /// The same where something else is than what was expected.
    #[inline(never)]
    fn unexpected(&mut self, names: &Names, fields: &mut Fields) -> Result<Option<usize>, Stop> {
        let index = loop {
            if !self.more(b'}', &mut fields.is_first)? {
                return Ok(None);
            }
            let key = self.text_or(What::Key)?;
            self.take(b':', What::Colon)?;
            if let Some(index) = names.find(fields.next, &key) {
                break index;
            }
            self.skip()?;
            if let Some(index) = self.expected(names, fields) {
                break index;
            }
        };
        self.once(names, fields, index).map(Some)
    }

    /// The index, of a field that was not there before.
    #[inline(always)]
    fn once(&mut self, names: &Names, fields: &mut Fields, index: usize) -> Result<usize, Stop> {
        if fields.seen & 1 << index != 0 {
            let stop = self.stop(What::Twice);
            return Err(self.in_field(stop, names.text(index)));
        }
        fields.seen |= 1 << index;
        fields.next = index + 1;
        Ok(index)
    }

    /// Takes a comma, a key and its colon, where they are as they are expected next.
    #[inline(always)]
    fn expected(&mut self, names: &Names, fields: &mut Fields) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let key = match fields.is_first {
            true => rest,
            false => rest.strip_prefix(b",")?,
        };
        let (index, length) = names.expected(fields.next, key)?;
        self.at += rest.len() - key.len() + length;
        fields.is_first = false;
        Some(index)
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
