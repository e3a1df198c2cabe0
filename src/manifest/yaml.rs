//! YAML documents, from the parser's events to values.
//!
//! Structure follows goyaml's `decode.go`, as [`crate::manifest::resolve`] does for scalars: tags on mappings
//! and lists mean nothing; `<<` overrides what stands above it and is overridden by what stands
//! below. Recursion is bounded by [`MAX_DEPTH`] and aliases as [`crate::manifest::anchors`] says.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle,
};
use serde_json::{Map, Value};

use crate::manifest::anchors::Anchors;
use crate::manifest::pointer::Pointer;
use crate::manifest::position::{Origin, Position, Positions};
use crate::manifest::resolve::{Scalar, Tag};
use crate::manifest::source::Source;
use crate::manifest::{Document, MAX_DEPTH, Problem, ReadError};

/// Reads YAML documents from byte `start` on, into `documents`. Empty documents come out as null.
pub(super) fn read(
    text: &str,
    start: usize,
    positions: bool,
    documents: &mut Vec<Document>,
) -> Result<(), ReadError> {
    let source = Source::new(text, start);
    // Another crate of the build may have turned comments on.
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(source.rest(), options),
        source,
        anchors: Anchors::new(),
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
            Event::DocumentStart(..) => {
                reader.positions = positions.then(Positions::default);
                reader.mark_end(span);
                let node = reader.next()?;
                let line = reader.source.place(node.1.start).0;
                let value = reader.node(node, None, 0)?;
                reader.anchors.clear();
                let positions = reader.positions.take();
                documents.push(Document {
                    value,
                    line,
                    positions,
                });
            }
            Event::StreamStart | Event::DocumentEnd => {}
            _ => return Err(reader.unexpected(span)),
        }
    }
}

type Step<'t> = (Event<'t>, Span);

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    source: Source<'t>,
    anchors: Anchors,
    pointer: Pointer,
    positions: Option<Positions>,
    /// Whether nodes are read that stand at no pointer of their own: what `<<` is given.
    muted: bool,
    /// How many `[` and `{` are open.
    flow: usize,
    /// The byte after the last content seen: where a block mapping or list ends.
    end: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Step<'t>, ReadError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// One node. `key` is where its key stands, if it has one; `depth` counts the collections around.
    fn node(
        &mut self,
        (event, span): Step<'t>,
        key: Option<Span>,
        depth: usize,
    ) -> Result<Value, ReadError> {
        let start = match self.positions {
            Some(_) => self.source.start(self.end, span),
            None => 0,
        };
        let (value, anchor, origin) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_bare = style == ScalarStyle::Plain && anchor == 0 && tag.is_none();
                let written = !is_bare || self.source.is_written(&text, span);
                let scalar = self.scalar(text, style, tag.as_deref(), span)?;
                let value = match scalar.into_value() {
                    Ok(value) => value,
                    Err(float) => return Err(self.error(span, Problem::Float(float))),
                };
                if !written {
                    self.record_unwritten(key, span);
                    return Ok(value);
                }
                self.mark_end(span);
                (value, anchor, self.style())
            }
            Event::Alias(anchor) => {
                self.mark_end(span);
                let copy = self.anchors.expand(anchor, depth);
                (
                    copy.map_err(|problem| self.error(span, problem))?,
                    0,
                    Origin::Alias,
                )
            }
            Event::SequenceStart(style, anchor, _) => {
                let (list, origin) =
                    self.collection(style, span, depth, |reader| reader.list(depth + 1))?;
                (Value::Array(list), anchor, origin)
            }
            Event::MappingStart(style, anchor, _) => {
                let (map, origin) =
                    self.collection(style, span, depth, |reader| reader.mapping(depth + 1))?;
                (Value::Object(map), anchor, origin)
            }
            _ => return Err(self.unexpected(span)),
        };
        self.anchors
            .keep(anchor, &value)
            .map_err(|problem| self.error(span, problem))?;
        self.record(key, span, start, origin);
        Ok(value)
    }

    fn collection<T>(
        &mut self,
        style: StructureStyle,
        span: Span,
        depth: usize,
        read: impl FnOnce(&mut Self) -> Result<(T, Span), ReadError>,
    ) -> Result<(T, Origin), ReadError> {
        if depth >= MAX_DEPTH {
            return Err(self.error(span, Problem::Depth(MAX_DEPTH)));
        }
        let flow = usize::from(style == StructureStyle::Flow);
        self.mark_end(span);
        self.flow += flow;
        let origin = self.style();
        let (collection, end) = read(self)?;
        // Only a bracket is content: the end of a block collection is wherever the next token is.
        if style == StructureStyle::Flow && !end.is_empty() {
            self.mark_end(end);
        }
        self.flow -= flow;
        Ok((collection, origin))
    }

    /// The items up to the list's end, and where that is.
    fn list(&mut self, depth: usize) -> Result<(Vec<Value>, Span), ReadError> {
        let mut list = Vec::new();
        loop {
            let node = self.next()?;
            if node.0 == Event::SequenceEnd {
                return Ok((list, node.1));
            }
            let mark = self.enter(|pointer| pointer.enter_index(list.len()));
            list.push(self.node(node, None, depth)?);
            self.pointer.leave(mark);
        }
    }

    /// The entries up to the mapping's end, and where that is.
    fn mapping(&mut self, depth: usize) -> Result<(Map<String, Value>, Span), ReadError> {
        let mut map = Map::new();
        // The keys written out, once a merge has put others beside them.
        let mut written: Option<HashSet<String>> = None;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok((map, span));
            }
            if is_merge(&event) {
                written.get_or_insert_with(|| map.keys().cloned().collect());
                self.merge(&mut map, depth)?;
                continue;
            }
            self.mark_end(span);
            let key = self.key(event, span)?;
            let twice = match &mut written {
                None => map.contains_key(&key),
                Some(written) => !written.insert(key.clone()),
            };
            if twice {
                return Err(self.error(span, Problem::DuplicateKey(key)));
            }
            let mark = self.enter(|pointer| pointer.enter_key(&key));
            let node = self.next()?;
            let value = self.node(node, Some(span), depth)?;
            self.pointer.leave(mark);
            map.insert(key, value);
        }
    }

    /// What `<<` brings: goyaml sets its entries where it stands, over those above it.
    fn merge(&mut self, map: &mut Map<String, Value>, depth: usize) -> Result<(), ReadError> {
        let (event, span) = self.next()?;
        let is_alias = matches!(event, Event::Alias(_));
        let start = self.source.start(self.end, span);
        let was_muted = std::mem::replace(&mut self.muted, true);
        let value = self.node((event, span), None, depth)?;
        self.muted = was_muted;
        let sources = match value {
            Value::Object(source) => vec![Value::Object(source)],
            // Earlier mappings of a list win, so they are set last.
            Value::Array(sources) if !is_alias => sources.into_iter().rev().collect(),
            _ => return Err(self.error(span, Problem::Merge)),
        };
        for source in sources {
            let Value::Object(source) = source else {
                return Err(self.error(span, Problem::Merge));
            };
            for (key, value) in source {
                let mark = self.enter(|pointer| pointer.enter_key(&key));
                self.record(None, span, start, Origin::Merge);
                self.pointer.leave(mark);
                map.insert(key, value);
            }
        }
        Ok(())
    }

    fn key(&mut self, event: Event<'t>, span: Span) -> Result<String, ReadError> {
        let refused = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = self.scalar(text, style, tag.as_deref(), span)?;
                if anchor != 0
                    // An infinity is left out: no alias of it could have a value.
                    && let Ok(value) = scalar.clone().into_value()
                {
                    let kept = self.anchors.keep(anchor, &value);
                    kept.map_err(|problem| self.error(span, problem))?;
                }
                match scalar.into_key() {
                    Ok(key) => return Ok(key),
                    Err(refused) => refused,
                }
            }
            Event::Alias(anchor) => match self.anchors.get(anchor) {
                Some(Value::String(text)) => return Ok(text.clone()),
                Some(Value::Bool(bool)) => return Ok(bool.to_string()),
                Some(Value::Number(number)) => return Ok(number.to_string()),
                Some(Value::Null) => "null",
                Some(Value::Array(_)) => "a list",
                Some(Value::Object(_)) => "a mapping",
                None => return Err(self.error(span, Problem::Alias)),
            },
            // To people, `{{ .Values.x }}` is a template; to YAML, a mapping as a key.
            Event::SequenceStart(..) | Event::MappingStart(..)
                if self.source.near_template(span.start) =>
            {
                return Err(self.error(span, Problem::Template));
            }
            Event::SequenceStart(..) => "a list",
            Event::MappingStart(..) => "a mapping",
            _ => return Err(self.unexpected(span)),
        };
        Err(self.error(span, Problem::Key(refused)))
    }

    fn scalar(
        &self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&granit_parser::Tag>,
        span: Span,
    ) -> Result<Scalar<'t>, ReadError> {
        match tag {
            None if style == ScalarStyle::Plain => Ok(Scalar::plain(text)),
            None => Ok(Scalar::Text(text)),
            Some(tag) => Scalar::tagged(known_tag(tag), text).map_err(|text| {
                let tag = format!("!!{}", core_suffix(tag).unwrap_or_default());
                let at = span.tag_span().unwrap_or(span);
                self.error(at, Problem::Tag { tag, text })
            }),
        }
    }

    /// Moves the JSON pointer, if positions are kept at all.
    fn enter(&mut self, step: impl FnOnce(&mut Pointer) -> usize) -> usize {
        match self.positions {
            Some(_) if !self.muted => step(&mut self.pointer),
            _ => self.pointer.len(),
        }
    }

    /// Keeps the position of the node at the pointer, which ends with the last content seen.
    fn record(&mut self, key: Option<Span>, span: Span, start: usize, origin: Origin) {
        self.insert(key, span, start..self.end.max(start), origin);
    }

    /// As [`Reader::record`], for a null that nothing in the text stands for.
    fn record_unwritten(&mut self, key: Option<Span>, span: Span) {
        if self.positions.is_none() {
            return;
        }
        let at = self.source.unwritten(key, span);
        self.end = self.end.max(at);
        self.insert(key, span, at..at, self.style());
    }

    fn insert(&mut self, key: Option<Span>, span: Span, node: Range<usize>, origin: Origin) {
        let Some(positions) = self.positions.as_mut().filter(|_| !self.muted) else {
            return;
        };
        let (line, column) = match key {
            Some(key) => self.source.place(key.start),
            None => self.source.place_before(node.start, span.start),
        };
        let key = key.map(|key| self.source.byte(key.start)..self.source.byte(key.end));
        let position = Position {
            line,
            column,
            key,
            node,
            origin,
        };
        positions.insert(self.pointer.as_str(), position);
    }

    fn mark_end(&mut self, span: Span) {
        if self.positions.is_some() {
            self.end = self.end.max(self.source.end(span));
        }
    }

    fn style(&self) -> Origin {
        if self.flow > 0 {
            Origin::Flow
        } else {
            Origin::Block
        }
    }

    fn error(&self, at: Span, problem: Problem) -> ReadError {
        self.source.error(at.start, problem)
    }

    fn unexpected(&self, span: Span) -> ReadError {
        self.error(
            span,
            Problem::Yaml("the document ends inside a node".into()),
        )
    }

    fn scan_error(&self, error: &ScanError) -> ReadError {
        let at = *error.marker();
        let problem = match error.kind() {
            ErrorKind::UnknownAnchor => Problem::Alias,
            ErrorKind::RecursionLimitExceeded => Problem::Depth(MAX_DEPTH),
            _ if self.source.near_template(at) => Problem::Template,
            kind => Problem::Yaml(kind.to_string()),
        };
        self.source.error(at, problem)
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

fn known_tag(tag: &granit_parser::Tag) -> Tag {
    match core_suffix(tag) {
        Some("bool") => Tag::Bool,
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("null") => Tag::Null,
        Some("timestamp") => Tag::Timestamp,
        Some("binary") => Tag::Binary,
        // `!!str`, and tags of other people, with which goyaml leaves a string.
        Some(_) | None => Tag::Text,
    }
}

/// What follows `!!`; a tag may also be written in full, `!<tag:yaml.org,2002:int>`.
fn core_suffix(tag: &granit_parser::Tag) -> Option<&str> {
    const CORE: &str = "tag:yaml.org,2002:";
    match tag.handle() {
        CORE => Some(tag.suffix()),
        "" => tag.suffix().strip_prefix(CORE),
        _ => None,
    }
}
