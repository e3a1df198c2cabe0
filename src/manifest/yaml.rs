//! YAML documents, from saphyr-parser's events to values.
//!
//! Structure follows goyaml's `decode.go`, as [`super::resolve`] does for scalars: tags on mappings
//! and lists mean nothing, `<<` overrides what stands above it and is overridden by what stands
//! below. Recursion is bounded by [`MAX_DEPTH`] and aliases by [`MAX_EXPANSION`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Value};

use super::position::{Origin, Pointer, Position, Positions};
use super::resolve::{Scalar, Tag};
use super::{Document, MAX_DEPTH, Problem, ReadError};

/// How many MiB of values the aliases of one text may add. The API server takes objects up to 3 MiB.
const MAX_EXPANSION: usize = 16;

/// The longest text with positions: they are kept as 32-bit numbers while reading.
const MAX_TEXT: usize = 1024;

const MIB: usize = 1024 * 1024;

/// Reads YAML documents from byte `start` on, into `documents`. Empty documents come out as null.
pub(super) fn read(
    text: &str,
    start: usize,
    positions: bool,
    documents: &mut Vec<Document>,
) -> Result<(), ReadError> {
    let map = SourceMap::new(text, start, positions)?;
    let mut reader = Reader {
        parser: Parser::new_from_str(&text[start..]),
        map,
        anchors: HashMap::new(),
        budget: MAX_EXPANSION * MIB,
        pointer: Pointer::default(),
        positions: None,
        muted: false,
        flow: 0,
        end: start,
    };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(()),
            Event::DocumentStart(_) => {
                reader.positions = positions.then(Positions::default);
                let (event, span) = reader.next()?;
                let value = reader.node(event, span, None, 0)?;
                let line = reader.map.place(span.start).0;
                // An alias reaches back only within its document, as in kubectl, which splits
                // the stream before it reads it.
                reader.anchors.clear();
                documents.push(Document {
                    value,
                    line,
                    positions: reader.positions.take(),
                });
            }
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd => return Err(reader.unexpected(span)),
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    map: SourceMap<'t>,
    /// The finished nodes that an alias of this document may name.
    anchors: HashMap<usize, Value>,
    /// Bytes that anchors and aliases may still copy.
    budget: usize,
    pointer: Pointer,
    positions: Option<Positions>,
    /// Whether nodes are read that stand at no pointer of their own: what `<<` is given.
    muted: bool,
    /// How many `[` and `{` are open.
    flow: usize,
    /// The byte after the last content seen: where a block mapping or list ends.
    end: usize,
}

/// Where a mapping's key stands: its place and its bytes.
type KeyPosition = Span;

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), ReadError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// One node and, when asked, the position of it and of everything in it.
    fn node(
        &mut self,
        event: Event<'t>,
        span: Span,
        key: Option<KeyPosition>,
        depth: usize,
    ) -> Result<Value, ReadError> {
        let start = self.map.byte(span.start);
        let (value, anchor, origin) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let unwritten =
                    text.is_empty() && style == ScalarStyle::Plain && tag.is_none() && anchor == 0;
                if !unwritten {
                    self.mark_end(span);
                }
                let value = self.scalar_value(text, style, tag.as_deref(), span)?;
                if unwritten {
                    self.record(key, span, None, self.style());
                    return Ok(value);
                }
                (value, anchor, self.style())
            }
            Event::Alias(id) => {
                self.mark_end(span);
                (self.expand(id, span, depth)?, 0, Origin::Alias)
            }
            Event::SequenceStart(anchor, _) => {
                self.mark_end(span);
                let opens = usize::from(self.is_flow(start));
                self.flow += opens;
                let list = self.list(span, depth + 1)?;
                let style = self.style();
                self.flow -= opens;
                (Value::Array(list), anchor, style)
            }
            Event::MappingStart(anchor, _) => {
                self.mark_end(span);
                let opens = usize::from(self.is_flow(start));
                self.flow += opens;
                let map = self.mapping(span, depth + 1)?;
                let style = self.style();
                self.flow -= opens;
                (Value::Object(map), anchor, style)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.unexpected(span)),
        };
        if anchor > 0 {
            let copy = self.copy(&value, span, depth)?;
            self.anchors.insert(anchor, copy);
        }
        self.record(key, span, Some(start), origin);
        Ok(value)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Vec<Value>, ReadError> {
        self.check_depth(start, depth)?;
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                self.mark_end(span);
                return Ok(list);
            }
            let mark = self.enter(|pointer| pointer.enter_index(list.len()));
            list.push(self.node(event, span, None, depth)?);
            self.pointer.leave(mark);
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Map<String, Value>, ReadError> {
        self.check_depth(start, depth)?;
        let mut map = Map::new();
        // The keys written out, once a merge has put others beside them.
        let mut written: Option<HashSet<String>> = None;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                self.mark_end(span);
                return Ok(map);
            }
            if is_merge(&event) {
                written.get_or_insert_with(|| map.keys().cloned().collect());
                self.merge(&mut map, depth)?;
                continue;
            }
            let key_span = span;
            self.mark_end(span);
            let key = self.key(event, span)?;
            let twice = match &mut written {
                None => map.contains_key(&key),
                Some(written) => !written.insert(key.clone()),
            };
            if twice {
                return Err(self.error(span.start, Problem::DuplicateKey(key)));
            }
            let mark = self.enter(|pointer| pointer.enter_key(&key));
            let (event, span) = self.next()?;
            let value = self.node(event, span, Some(key_span), depth)?;
            self.pointer.leave(mark);
            map.insert(key, value);
        }
    }

    /// What `<<` brings: goyaml sets its entries where it stands, over those above it.
    fn merge(&mut self, map: &mut Map<String, Value>, depth: usize) -> Result<(), ReadError> {
        let (event, span) = self.next()?;
        let is_alias = matches!(event, Event::Alias(_));
        let was_muted = std::mem::replace(&mut self.muted, true);
        let start = self.map.byte(span.start);
        let value = self.node(event, span, None, depth)?;
        self.muted = was_muted;
        let sources = match value {
            Value::Object(source) => vec![Value::Object(source)],
            // Earlier mappings of a list win, so they are set last.
            Value::Array(sources) if !is_alias => sources.into_iter().rev().collect(),
            _ => return Err(self.error(span.start, Problem::Merge)),
        };
        for source in sources {
            let Value::Object(source) = source else {
                return Err(self.error(span.start, Problem::Merge));
            };
            for (key, value) in source {
                let mark = self.enter(|pointer| pointer.enter_key(&key));
                self.record(None, span, Some(start), Origin::Merge);
                self.pointer.leave(mark);
                map.insert(key, value);
            }
        }
        Ok(())
    }

    fn key(&mut self, event: Event<'t>, span: Span) -> Result<String, ReadError> {
        let not_a_key = |what| Problem::Key(what);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.scalar(text, style, tag.as_deref(), span)?;
                if anchor > 0 {
                    // An infinity is left out: no alias of it could have a value.
                    if let Some(value) = scalar.clone().into_value() {
                        self.anchors.insert(anchor, value);
                    }
                }
                let what = if scalar == Scalar::Null {
                    "null"
                } else {
                    "a number above 2^63"
                };
                scalar
                    .into_key()
                    .ok_or_else(|| self.error(span.start, not_a_key(what)))
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(Value::Bool(bool)) => Ok(bool.to_string()),
                Some(Value::Number(number)) => Ok(number.to_string()),
                Some(Value::Null) => Err(self.error(span.start, not_a_key("null"))),
                Some(Value::Array(_)) => Err(self.error(span.start, not_a_key("a list"))),
                Some(Value::Object(_)) => Err(self.error(span.start, not_a_key("a mapping"))),
                None => Err(self.error(span.start, Problem::Alias)),
            },
            Event::SequenceStart(..) => Err(self.structure_as_key(span, "a list")),
            Event::MappingStart(..) => Err(self.structure_as_key(span, "a mapping")),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Err(self.unexpected(span)),
        }
    }

    /// `{{ .Values.x }}` is a mapping as a key to YAML; to people it is a template.
    fn structure_as_key(&self, span: Span, what: &'static str) -> ReadError {
        let problem = if self.map.near_template(span.start) {
            Problem::Template
        } else {
            Problem::Key(what)
        };
        self.error(span.start, problem)
    }

    fn scalar(
        &self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&saphyr_parser::Tag>,
        span: Span,
    ) -> Result<Scalar<'t>, ReadError> {
        match tag {
            None if style == ScalarStyle::Plain => Ok(Scalar::plain(text)),
            None => Ok(Scalar::Text(text)),
            Some(tag) => {
                let written = text.to_string();
                Scalar::tagged(known_tag(tag), text).map_err(|_| {
                    let tag = format!("!!{}", core_suffix(tag).unwrap_or_default());
                    self.error(span.start, Problem::Tag { tag, text: written })
                })
            }
        }
    }

    fn scalar_value(
        &self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&saphyr_parser::Tag>,
        span: Span,
    ) -> Result<Value, ReadError> {
        let scalar = self.scalar(text, style, tag, span)?;
        let infinite = match scalar {
            Scalar::Float(float) if !float.is_finite() => Some(float),
            _ => None,
        };
        scalar.into_value().ok_or_else(|| {
            let text = match infinite {
                Some(float) if float.is_nan() => ".nan",
                Some(float) if float < 0.0 => "-.inf",
                _ => ".inf",
            };
            self.error(span.start, Problem::Float(text.to_owned()))
        })
    }

    /// The value that an alias names.
    fn expand(&mut self, id: usize, span: Span, depth: usize) -> Result<Value, ReadError> {
        let Some(value) = self.anchors.remove(&id) else {
            return Err(self.error(span.start, Problem::Alias));
        };
        let copy = self.copy(&value, span, depth)?;
        self.anchors.insert(id, value);
        Ok(copy)
    }

    /// A copy within the bounds of depth and size.
    fn copy(&mut self, value: &Value, span: Span, depth: usize) -> Result<Value, ReadError> {
        copy(value, depth, &mut self.budget).map_err(|problem| self.error(span.start, problem))
    }

    fn check_depth(&self, span: Span, depth: usize) -> Result<(), ReadError> {
        if depth > MAX_DEPTH {
            return Err(self.error(span.start, Problem::Depth(MAX_DEPTH)));
        }
        Ok(())
    }

    /// Moves the JSON pointer, if positions are kept at all.
    fn enter(&mut self, step: impl FnOnce(&mut Pointer) -> usize) -> usize {
        if self.positions.is_some() {
            step(&mut self.pointer)
        } else {
            self.pointer.as_str().len()
        }
    }

    /// Keeps the position of the node at the pointer. `start` is `None` for a null left unwritten.
    fn record(
        &mut self,
        key: Option<KeyPosition>,
        span: Span,
        start: Option<usize>,
        origin: Origin,
    ) {
        let Some(positions) = self.positions.as_mut().filter(|_| !self.muted) else {
            return;
        };
        let (line, column) = self.map.place(key.unwrap_or(span).start);
        let node = match start {
            Some(start) => start..self.end.max(start),
            None => {
                // The span is that of the `:` or `-` before, or of the token after.
                let end = self.map.unwritten(span);
                end..end
            }
        };
        let key = key.map(|key| self.map.byte(key.start)..self.map.byte(key.end));
        positions.insert(
            self.pointer.as_str(),
            Position {
                line,
                column,
                key,
                node,
                origin,
            },
        );
    }

    fn mark_end(&mut self, span: Span) {
        if self.positions.is_some() {
            let (start, end) = (self.map.byte(span.start), self.map.byte(span.end));
            let end = self.map.trim_end(start, end);
            self.end = self.end.max(end);
        }
    }

    fn style(&self) -> Origin {
        if self.flow > 0 {
            Origin::Flow
        } else {
            Origin::Block
        }
    }

    /// Whether the collection that starts at this byte, perhaps with an anchor and a tag, is written
    /// with brackets. Asked only for positions; without them no byte is known.
    fn is_flow(&self, start: usize) -> bool {
        if self.positions.is_none() {
            return false;
        }
        let mut rest = self.map.text.get(start..).unwrap_or_default();
        while let Some(word) = rest.strip_prefix(['&', '!']) {
            rest = word
                .trim_start_matches(|c: char| !c.is_whitespace())
                .trim_start();
        }
        rest.starts_with(['[', '{'])
    }

    fn error(&self, at: Marker, problem: Problem) -> ReadError {
        let (line, column) = self.map.place(at);
        ReadError {
            line,
            column,
            problem,
        }
    }

    fn unexpected(&self, span: Span) -> ReadError {
        self.error(
            span.start,
            Problem::Yaml("the document ends inside a node".into()),
        )
    }

    fn scan_error(&self, error: &ScanError) -> ReadError {
        let at = *error.marker();
        let problem = if error.info().contains("unknown anchor") {
            Problem::Alias
        } else if self.map.near_template(at) {
            Problem::Template
        } else {
            Problem::Yaml(error.info().to_owned())
        };
        self.error(at, problem)
    }
}

/// goyaml's `isMerge`: `<<` that is plain, or tagged `!!merge`.
fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, style, _, tag) if text == "<<" => match tag.as_deref() {
            None => *style == ScalarStyle::Plain,
            Some(tag) => core_suffix(tag) == Some("merge"),
        },
        _ => false,
    }
}

fn known_tag(tag: &saphyr_parser::Tag) -> Tag {
    match core_suffix(tag) {
        Some("bool") => Tag::Bool,
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("null") => Tag::Null,
        Some("str") => Tag::Text,
        Some("timestamp") => Tag::Timestamp,
        Some("binary") => Tag::Binary,
        Some(_) | None => Tag::Other,
    }
}

/// What follows `!!`; a tag may also be written in full, `!<tag:yaml.org,2002:int>`.
fn core_suffix(tag: &saphyr_parser::Tag) -> Option<&str> {
    const CORE: &str = "tag:yaml.org,2002:";
    match tag.handle.as_str() {
        CORE => Some(&tag.suffix),
        "" => tag.suffix.strip_prefix(CORE),
        _ => None,
    }
}

/// Copies a value, taking the bytes it holds from `budget`.
fn copy(value: &Value, depth: usize, budget: &mut usize) -> Result<Value, Problem> {
    let mut pay = |bytes: usize| {
        *budget = budget
            .checked_sub(bytes)
            .ok_or(Problem::Expansion(MAX_EXPANSION))?;
        Ok(())
    };
    pay(size_of::<Value>())?;
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => {
            pay(text.len())?;
            value.clone()
        }
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
            return Err(Problem::Depth(MAX_DEPTH));
        }
        Value::Array(list) => {
            let list: Result<Vec<_>, _> = list
                .iter()
                .map(|item| copy(item, depth + 1, budget))
                .collect();
            Value::Array(list?)
        }
        Value::Object(map) => {
            let mut copied = Map::new();
            for (key, value) in map {
                *budget = budget
                    .checked_sub(key.len() + size_of::<String>())
                    .ok_or(Problem::Expansion(MAX_EXPANSION))?;
                copied.insert(key.clone(), copy(value, depth + 1, budget)?);
            }
            Value::Object(copied)
        }
    })
}

/// From the parser's markers, which count characters from where it started, to the whole text.
struct SourceMap<'t> {
    text: &'t str,
    start: usize,
    /// The lines before, and the characters before on the first line.
    lines_before: usize,
    columns_before: usize,
    /// The byte of each character; empty where they are the same, or nobody asks.
    bytes: Vec<u32>,
}

impl<'t> SourceMap<'t> {
    fn new(text: &'t str, start: usize, positions: bool) -> Result<Self, ReadError> {
        let before = &text[..start];
        let rest = &text[start..];
        let mut bytes = Vec::new();
        if positions && !rest.is_ascii() {
            if u32::try_from(rest.len()).is_err() || rest.len() > MAX_TEXT * MIB {
                let problem = Problem::TooLong(MAX_TEXT);
                return Err(ReadError {
                    line: 1,
                    column: 1,
                    problem,
                });
            }
            #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
            bytes.extend(rest.char_indices().map(|(byte, _)| byte as u32));
            #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
            bytes.push(rest.len() as u32);
        }
        let line = before.rsplit('\n').next().unwrap_or_default();
        Ok(Self {
            text,
            start,
            lines_before: before.bytes().filter(|byte| *byte == b'\n').count(),
            columns_before: line.chars().filter(|c| *c != '\u{feff}').count(),
            bytes,
        })
    }

    /// Line and column, from 1.
    fn place(&self, marker: Marker) -> (u32, u32) {
        let line = marker.line().max(1);
        let column = marker.col() + 1 + if line == 1 { self.columns_before } else { 0 };
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        (number(self.lines_before + line), number(column))
    }

    /// The byte in the whole text; meaningful only where positions are asked for.
    fn byte(&self, marker: Marker) -> usize {
        let byte = match self.bytes.last() {
            None => marker.index(),
            Some(end) => self
                .bytes
                .get(marker.index())
                .map_or(*end as usize, |byte| *byte as usize),
        };
        (self.start + byte).min(self.text.len())
    }

    /// The end without the blanks and line breaks that the parser counts to a node.
    fn trim_end(&self, start: usize, end: usize) -> usize {
        match self.text.get(start..end) {
            Some(node) => start + node.trim_end_matches([' ', '\t', '\r', '\n']).len(),
            None => end,
        }
    }

    /// Where a null that is not written out would stand.
    fn unwritten(&self, span: Span) -> usize {
        let start = self.byte(span.start);
        match self.text.as_bytes().get(start) {
            Some(b':' | b'-' | b'?') => start + 1,
            _ => start,
        }
    }

    /// Whether a template's `{{` stands on this line or the one before.
    fn near_template(&self, marker: Marker) -> bool {
        let line = marker.line().max(1);
        self.text[self.start..]
            .split('\n')
            .skip(line.saturating_sub(2))
            .take(2)
            .any(|line| line.contains("{{"))
    }
}
