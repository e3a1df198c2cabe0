//! What a text says of a runtime's socket, and nothing that was read accounts for.
//!
//! A reader that does not know a file's shape finds nothing in it, and "nothing" is then untrue. So
//! every place of a text that names a socket must lie in something that was found, or in something
//! that was read as a text of its own; each other place is a gap, with its line. Comments count: what
//! is commented out today is uncommented tomorrow, and a hint in a comment is often the only one that
//! a template has. Pure.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::manifest::{Document, Positions, below};
use crate::names;

use crate::scan::asked;
use crate::scan::extent::{Extent, innermost};
use crate::scan::mentions::{LineIndex, Named, Words};
use crate::scan::placeholder;
use crate::scan::places::Places;
use crate::scan::result::Gap;
use crate::scan::told::{Told, beside};

/// What is known of one document.
#[derive(Debug, Default)]
pub struct Known {
    /// The pointers to what was found or read on its own: everything below is accounted for.
    pub accounted: Vec<String>,
    /// The pointers to what was judged as a Pod, found or not: a path of the node in it is told where
    /// it matters.
    pub judged: Vec<String>,
    /// The pointers to what lies in these and is none of a Pod's.
    pub beside: Vec<String>,
    /// The pointers to what a Pod that was judged gives to containers that it makes: these may run in the node's daemon.
    pub handed: Vec<String>,
}

/// The documents of a text, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub struct Documents<'d> {
    /// The documents.
    pub documents: &'d [Document],
    /// What is known of each.
    pub known: &'d [Known],
    /// Bytes of the text that are in no document and accounted for.
    pub elsewhere: &'d [Range<usize>],
}

/// The gaps of a text of manifests.
pub fn of_documents(words: &Words, all: &Documents<'_>, places: &mut Places<'_>) -> Vec<Gap> {
    let Documents {
        documents,
        known,
        elsewhere,
    } = *all;
    let text = places.text();
    let mut raw = words.all(text);
    raw.extend(words.ways(text));
    raw.sort_unstable();
    let nothing = Known::default();
    let mut values = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let known = known.get(index).unwrap_or(&nothing);
        let mut search = Search {
            words,
            known: Extent::of(&known.accounted, &known.beside),
            judged: Extent::of(&known.judged, &known.beside),
            values: &known.accounted,
            found: Vec::new(),
        };
        search.value(&document.value, &mut String::new());
        values.extend(search.found.into_iter().map(|found| (index, found)));
    }
    if raw.is_empty() && values.is_empty() {
        return Vec::new();
    }
    let known = accounted(documents, known, elsewhere, places);
    let mut items: Vec<Item> = values
        .into_iter()
        .map(|(document, found)| item(document, found, documents, &known, places))
        .collect();
    items.sort_by_key(|item| item.range.start);
    let mut told = Told::default();
    let lines = LineIndex::of(text);
    for mention in raw {
        // What a Pod that was judged runs, it runs in the daemon that it has.
        let is_judged = mention.what == Named::Bind && known.judges(mention.start);
        if known.holds(mention.start) || is_judged {
            continue;
        }
        let at = items.partition_point(|item| item.range.start <= mention.start);
        let line = lines.number(mention.start);
        // An escaped name is known by its line only.
        let item = at
            .checked_sub(1)
            .filter(|index| items[*index].range.contains(&mention.start))
            .or_else(|| items.iter().position(|item| item.line == line));
        match item.map(|index| &mut items[index]) {
            Some(item) => {
                item.is_told = true;
                if !item.is_known {
                    told.push(line, mention.what, &item.shown());
                }
            }
            None => told.push(line, mention.what, &beside(text, mention)),
        }
    }
    for item in items.iter().filter(|item| !item.is_told && !item.is_known) {
        told.push(item.line, item.what, &item.shown());
    }
    told.gaps()
}

/// The gaps of any other text. `known` are the bytes that are accounted for.
pub fn of_text(words: &Words, text: &str, known: &[Range<usize>]) -> Vec<Gap> {
    let mut told = Told::default();
    let mentions = words.every(text);
    if mentions.is_empty() {
        return Vec::new();
    }
    let own = asked::bytes(text).into_iter();
    let known = own.chain(known.iter().cloned());
    let known = innermost(known.map(|bytes| (bytes, true)).collect());
    let lines = LineIndex::of(text);
    for mention in mentions {
        let line = lines.number(mention.start);
        if !is_in(&known, mention.start) && !told.has(line) {
            told.push(line, mention.what, &beside(text, mention));
        }
    }
    told.gaps()
}

/// The bytes of these lines of `text`, which count from 1.
pub fn bytes_of(text: &str, lines: &Range<u32>) -> Range<usize> {
    let start_of = |line: u32| {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        match line.checked_sub(2) {
            None => 0,
            Some(before) => {
                let before = usize::try_from(before).unwrap_or(usize::MAX);
                let mut ends = ends.skip(before);
                ends.next().map_or(text.len(), |end| end + 1)
            }
        }
    };
    start_of(lines.start)..start_of(lines.end)
}

/// A string that names a socket.
struct Found<'d> {
    pointer: String,
    is_key: bool,
    is_known: bool,
    what: Named,
    text: &'d str,
}

struct Search<'d, 's> {
    words: &'s Words,
    known: Extent<'s>,
    judged: Extent<'s>,
    /// The pointers by which something is known.
    values: &'s [String],
    found: Vec<Found<'d>>,
}

impl<'d> Search<'d, '_> {
    fn value(&mut self, value: &'d Value, at: &mut String) {
        let length = at.len();
        match value {
            Value::String(text) => self.text(text, at, false),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if holds_text(item) {
                        push_token(at, &index.to_string());
                        self.value(item, at);
                        at.truncate(length);
                    }
                }
            }
            Value::Object(map) => {
                self.assignment(map, at);
                for (key, value) in map {
                    push_token(at, key);
                    self.text(key, at, true);
                    if is_host_path(key) {
                        self.host_path(value, at);
                    } else if let Some(path) = value.as_str().filter(|_| is_of_socket(key)) {
                        self.directory(path, at);
                    }
                    // OpenShift's builds; a template may fill it in.
                    if key == EXPOSED && !matches!(value, Value::Bool(false)) {
                        self.node(at.clone(), key);
                    }
                    if holds_text(value) {
                        self.value(value, at);
                    }
                    at.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A value that is given to a `hostPath` by the name of its place: `{path: …/hostPath/path, value: /run}` of a
    /// JSON patch, and `{name: x.hostPath.path, value: /run}` of a chart's parameters.
    fn assignment(&mut self, map: &'d Map<String, Value>, at: &str) {
        let mut places = ["path", "name"]
            .iter()
            .filter_map(|key| map.get(*key)?.as_str());
        let is_one = places.any(|place| place.contains("hostPath") || place.contains("host_path"));
        if let Some(value) = map.get("value").filter(|_| is_one) {
            self.host_path(value, &below(at, "value"));
        }
    }

    /// A directory of the node that leads to a runtime, by a path that has no socket's name in it.
    fn host_path(&mut self, value: &'d Value, at: &str) {
        let (path, pointer) = match value {
            Value::String(path) => (path.as_str(), at.to_owned()),
            Value::Object(map) => match map.get("path").and_then(Value::as_str) {
                Some(path) => (path, below(at, "path")),
                None => return,
            },
            // Terraform's JSON has each block in a list.
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.host_path(item, &below(at, &index.to_string()));
                }
                return;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => return,
        };
        let is_filled = placeholder::is_placeholder(path) && self.words.has_path(path);
        if (self.words.lead(path) || is_filled) && self.words.first(path).is_none() {
            self.node(pointer, path);
        }
    }

    /// The directory of a socket, as values of charts have it: `socketDir: /var/run`.
    fn directory(&mut self, path: &'d str, at: &str) {
        if path.starts_with('/') && self.words.has_path(path) && self.words.first(path).is_none() {
            self.node(at.to_owned(), path);
        }
    }

    fn node(&mut self, pointer: String, text: &'d str) {
        if !self.known.holds(&pointer) && !self.judged.holds(&pointer) {
            self.found.push(Found {
                pointer,
                is_key: false,
                is_known: false,
                what: Named::HostPath,
                text,
            });
        }
    }

    fn text(&mut self, text: &'d str, pointer: &str, is_key: bool) {
        if let Some(what) = self.words.first(text) {
            let pointer = pointer.to_owned();
            // What is known at a key's pointer is its value.
            let is_own = is_key && self.values.contains(&pointer);
            let is_known = !is_own && self.known.holds(&pointer);
            self.found.push(Found {
                pointer,
                is_key,
                is_known,
                what,
                text,
            });
        }
    }
}

/// What OpenShift calls it to give a build the node's socket.
const EXPOSED: &str = "exposeDockerSocket";

/// `hostPath`, and as TOML and HCL write it.
fn is_host_path(key: &str) -> bool {
    let words = ["hostPath", "HostPath", "host_path", "hostpath", "HOST_PATH"];
    words.iter().any(|word| key.contains(word))
}

/// `socketDir`, `dockerSock`.
fn is_of_socket(key: &str) -> bool {
    key.contains("sock") || key.contains("Sock") || key.contains("SOCK")
}

/// Appends a key as one token of a JSON pointer.
fn push_token(pointer: &mut String, key: &str) {
    pointer.push('/');
    crate::manifest::push_token(pointer, key);
}

/// Whether there may be a string in it.
fn holds_text(value: &Value) -> bool {
    value.is_string() || value.is_array() || value.is_object()
}

/// A string that names a socket, with its place in the text.
struct Item {
    range: Range<usize>,
    line: u32,
    pointer: String,
    what: Named,
    is_known: bool,
    is_told: bool,
}

impl Item {
    fn shown(&self) -> String {
        match self.pointer.strip_prefix('/') {
            Some(pointer) => format!("at {}", pointer.replace("~1", "/").replace("~0", "~")),
            None => "in a text that is not read as a Pod".to_owned(),
        }
    }
}

fn item(
    document: usize,
    found: Found<'_>,
    documents: &[Document],
    known: &Accounted,
    places: &mut Places<'_>,
) -> Item {
    let Found {
        pointer,
        is_key,
        is_known,
        what,
        text,
    } = found;
    let whole = places.text();
    let line = documents.get(document).map_or(1, |document| document.line);
    let positions = places.positions(document);
    let position = positions.and_then(|all| all.nearest(&pointer));
    let range = match position {
        Some(position) if is_key => position.key.clone().unwrap_or(0..0),
        Some(position) => position.node.clone(),
        None => 0..0,
    };
    let is_anchored = !is_known
        && known.texts.iter().any(|known| known == text)
        && positions.is_some_and(|all| is_anchored(all, whole, &pointer));
    Item {
        line: position.map_or(line, |position| position.line),
        range,
        pointer,
        what,
        is_known: is_known || is_anchored,
        is_told: false,
    }
}

/// Whether a node, or one that it is in, has a name under which it is used elsewhere.
fn is_anchored(positions: &Positions, text: &str, pointer: &str) -> bool {
    let mut pointer = pointer;
    loop {
        let node = positions.get(pointer).map(|position| position.node.start);
        if node.is_some_and(|start| text.get(start..).is_some_and(|rest| rest.starts_with('&'))) {
            return true;
        }
        match pointer.rfind('/') {
            Some(end) => pointer = &pointer[..end],
            None => return false,
        }
    }
}

/// What of a text is accounted for.
struct Accounted {
    ranges: Vec<Range<usize>>,
    /// What was judged as a Pod.
    pods: Vec<Range<usize>>,
    texts: Vec<String>,
}

impl Accounted {
    fn holds(&self, byte: usize) -> bool {
        is_in(&self.ranges, byte)
    }

    fn judges(&self, byte: usize) -> bool {
        is_in(&self.pods, byte)
    }
}

/// Whether one of `ranges`, which are in their order, has a byte.
fn is_in(ranges: &[Range<usize>], byte: usize) -> bool {
    let at = ranges.partition_point(|range| range.start <= byte);
    at > 0 && ranges[at - 1].contains(&byte)
}

fn accounted(
    documents: &[Document],
    known: &[Known],
    elsewhere: &[Range<usize>],
    places: &mut Places<'_>,
) -> Accounted {
    let elsewhere = elsewhere.iter().cloned();
    let mut ranges: Vec<_> = elsewhere.map(|range| (range, true)).collect();
    let mut pods = Vec::new();
    let mut texts = Vec::new();
    let mut before = 0;
    for (index, document) in documents.iter().enumerate() {
        let pointers = known.get(index).map_or(&[][..], |known| &known.accounted);
        let judged = known.get(index).map_or(&[][..], |known| &known.judged);
        let beside = known.get(index).map_or(&[][..], |known| &known.beside);
        let Some(positions) = places.positions(index) else {
            continue;
        };
        let handed = known.get(index).map_or(&[][..], |known| &known.handed);
        let nodes = |pointers: &[String]| -> Vec<_> {
            let found = pointers.iter().filter_map(|pointer| positions.get(pointer));
            found.map(|one| (one.node.clone(), false)).collect()
        };
        ranges.extend(nodes(beside));
        pods.extend(nodes(beside));
        pods.extend(nodes(handed));
        for pointer in judged {
            pods.extend(positions.get(pointer).map(|one| (one.node.clone(), true)));
            let mut expanded = Vec::new();
            if let Some(value) = document.value.pointer(pointer) {
                addresses(value, pointer, &mut expanded);
            }
            let nodes = expanded.iter().filter_map(|one| positions.get(one));
            ranges.extend(nodes.map(|position| (position.node.clone(), true)));
        }
        for pointer in pointers {
            if let Some(value) = document.value.pointer(pointer) {
                strings(value, &mut texts);
            }
            if let Some(position) = positions.get(pointer) {
                // A whole document has the comments that stand before it.
                let start = if pointer.is_empty() {
                    before
                } else {
                    position.node.start
                };
                ranges.push((start..position.node.end, true));
            }
        }
        before = positions.get("").map_or(before, |all| all.node.end);
    }
    Accounted {
        ranges: innermost(ranges),
        pods: innermost(pods),
        texts,
    }
}

/// The pointers to addresses of daemons in the Pods of a value that the kubelet fills in: where they lead was judged
/// with the Pod.
fn addresses(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                addresses(item, &below(at, &index.to_string()), found);
            }
        }
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            let address = text("value").filter(|_| text("name") == Some(names::DOCKER_HOST));
            if address.is_some_and(|address| address.contains("$(")) {
                found.push(below(at, "value"));
            }
            for (key, value) in map {
                addresses(value, &below(at, key), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every string of a value that an anchor may have brought: paths are short.
fn strings(value: &Value, found: &mut Vec<String>) {
    const LONGEST: usize = 256;
    match value {
        Value::String(text) if text.len() <= LONGEST && text.contains(['/', '.']) => {
            found.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(map) => map.values().for_each(|value| strings(value, found)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
