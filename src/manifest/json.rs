//! JSON documents, one or several after the other, read by serde_json.
//!
//! Errors and numbers are serde_json's own. Added is what it does not do: a key that stands twice in
//! an object is an error, and positions can be kept.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::manifest::pointer::Pointer;
use crate::manifest::position::{Origin, Position, Positions};
use crate::manifest::{Document, Problem, ReadError};

/// Where reading JSON stopped, and why.
pub(super) struct Stop {
    /// The byte after the last whole value.
    pub offset: usize,
    pub error: ReadError,
}

/// Reads JSON values from byte `start` on, into `documents`.
pub(super) fn read(
    text: &str,
    start: usize,
    positions: bool,
    documents: &mut Vec<Document>,
) -> Result<(), Stop> {
    let source = &text[start..];
    let mut stream = serde_json::Deserializer::from_str(source).into_iter::<Unique>();
    let mut cursor = Cursor::new(text, start);
    loop {
        let offset = start + stream.byte_offset();
        match stream.next() {
            None => return Ok(()),
            Some(Ok(Unique(value))) => {
                cursor.skip_blanks();
                let line = cursor.line;
                let positions = positions.then(|| cursor.positions());
                cursor.advance_to(start + stream.byte_offset());
                documents.push(Document {
                    value,
                    line,
                    positions,
                });
            }
            Some(Err(error)) => {
                let error = place(source, &error);
                return Err(Stop { offset, error });
            }
        }
    }
}

/// serde_json counts columns in bytes; people count characters.
fn place(source: &str, error: &serde_json::Error) -> ReadError {
    let text = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&suffix).unwrap_or(&text);
    let line = source
        .split('\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let column = line
        .char_indices()
        .take_while(|(byte, _)| *byte < error.column())
        .count();
    let problem = match message.strip_prefix(DUPLICATE) {
        Some(key) => Problem::DuplicateKey(key.to_owned()),
        None if message.starts_with("recursion limit") => {
            Problem::Depth(crate::manifest::MAX_DEPTH)
        }
        None => Problem::Json(message.to_owned()),
    };
    ReadError {
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        column: u32::try_from(column.max(1)).unwrap_or(u32::MAX),
        problem,
    }
}

/// Marks our own error among serde_json's; no message of its own starts like this.
const DUPLICATE: &str = "duplicate key: ";

/// A value whose objects hold each key once.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE}{key}")));
            }
            let Unique(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

/// Walks JSON that serde_json has accepted, for line, column and byte of each node.
struct Cursor<'t> {
    text: &'t str,
    byte: usize,
    line: u32,
    column: u32,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str, byte: usize) -> Self {
        Self {
            text,
            byte,
            line: 1,
            column: 1,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.byte).copied()
    }

    fn step(&mut self) {
        if let Some(byte) = self.peek() {
            self.byte += 1;
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if byte & 0xc0 != 0x80 {
                self.column += 1;
            }
        }
    }

    fn advance_to(&mut self, byte: usize) {
        while self.byte < byte {
            self.step();
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.step();
        }
    }

    fn positions(&mut self) -> Positions {
        let mut positions = Positions::default();
        self.node(None, &mut Pointer::default(), &mut positions);
        positions
    }

    /// One node; `key` is its key's line, column and bytes. The depth is bounded by serde_json.
    fn node(
        &mut self,
        key: Option<(u32, u32, std::ops::Range<usize>)>,
        pointer: &mut Pointer,
        positions: &mut Positions,
    ) {
        self.skip_blanks();
        let start = self.byte;
        let (line, column, key) = match key {
            Some((line, column, bytes)) => (line, column, Some(bytes)),
            None => (self.line, self.column, None),
        };
        match self.peek() {
            Some(b'{') => self.object(pointer, positions),
            Some(b'[') => self.array(pointer, positions),
            Some(b'"') => self.string(),
            _ => {
                while matches!(
                    self.peek(),
                    Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E')
                ) {
                    self.step();
                }
            }
        }
        let node = start..self.byte;
        positions.insert(
            pointer.as_str(),
            Position {
                line,
                column,
                key,
                node,
                origin: Origin::Flow,
            },
        );
    }

    fn object(&mut self, pointer: &mut Pointer, positions: &mut Positions) {
        self.step();
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'"') => {
                    let (line, column, start) = (self.line, self.column, self.byte);
                    self.string();
                    let bytes = start..self.byte;
                    let name: String =
                        serde_json::from_str(&self.text[bytes.clone()]).unwrap_or_default();
                    self.skip_blanks();
                    self.step();
                    let mark = pointer.enter_key(&name);
                    self.node(Some((line, column, bytes)), pointer, positions);
                    pointer.leave(mark);
                }
                Some(b',') => self.step(),
                _ => return self.step(),
            }
        }
    }

    fn array(&mut self, pointer: &mut Pointer, positions: &mut Positions) {
        self.step();
        for index in 0.. {
            self.skip_blanks();
            if let Some(b']') | None = self.peek() {
                return self.step();
            }
            let mark = pointer.enter_index(index);
            self.node(None, pointer, positions);
            pointer.leave(mark);
            self.skip_blanks();
            if self.peek() == Some(b',') {
                self.step();
            }
        }
    }

    fn string(&mut self) {
        self.step();
        while let Some(byte) = self.peek() {
            self.step();
            match byte {
                b'\\' => self.step(),
                b'"' => return,
                _ => {}
            }
        }
    }
}
