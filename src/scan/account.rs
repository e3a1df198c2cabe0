//! What a text says of a runtime's socket, and nothing that was read accounts for.
//!
//! A reader that does not know a file's shape finds nothing in it, and "nothing" is then untrue. So
//! every place of a text that names a socket must lie in something that was found, or in something
//! that was read as a text of its own; each other place is a gap, with its line. Comments count: what
//! is commented out today is uncommented tomorrow, and a hint in a comment is often the only one that
//! a template has. Pure.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;

use crate::manifest::{Document, Positions, rest_below};

use crate::scan::addresses;
use crate::scan::asked;
use crate::scan::extent::innermost;
use crate::scan::mentions::{LineIndex, Mention, Named, Words};
use crate::scan::places::Places;
use crate::scan::pods_at::PodsAt;
use crate::scan::result::Gap;
use crate::scan::strings;
use crate::scan::strings::Found;
use crate::scan::told::{Told, beside};

/// What is known of one document.
#[derive(Debug, Default)]
pub struct Known {
    /// The pointers to what was found or read on its own: everything below is accounted for.
    pub accounted: Vec<String>,
    /// The pointers among these to what belongs to a Pod that was found. A daemon that it names by its address is
    /// another way than those that were found.
    pub told: Vec<String>,
    /// The pointers to the addresses of daemons that were found.
    pub addresses: Vec<String>,
    /// The Pods that were judged, for people, each with the pointers to what belongs to it.
    pub pods: Vec<(String, Vec<String>)>,
    /// The pointers to what was judged as a Pod, found or not: a path of the node in it is told where
    /// it matters.
    pub judged: Vec<String>,
    /// The pointers to what lies in these and is none of a Pod's.
    pub beside: Vec<String>,
    /// The pointers to what a Pod that was judged gives to containers that it makes: these may run in the node's daemon.
    pub handed: Vec<String>,
}

impl Known {
    /// The name of the Pod that what is at a pointer belongs to.
    pub fn pod(&self, pointer: &str) -> Option<&str> {
        if self
            .beside
            .iter()
            .any(|at| rest_below(pointer, at).is_some())
        {
            return None;
        }
        let belongs = |extent: &Vec<String>| {
            let mut extent = extent.iter();
            extent.any(|at| rest_below(pointer, at).is_some())
        };
        let pod = self.pods.iter().find(|(_, extent)| belongs(extent));
        pod.map(|(name, _)| name.as_str())
    }
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
        let found = strings::found(words, &document.value, known);
        values.extend(found.into_iter().map(|found| (index, found)));
    }
    if raw.is_empty() && values.is_empty() {
        return Vec::new();
    }
    let pods = match raw.iter().any(|mention| mention.what == Named::Daemon) {
        true => PodsAt::of(documents, known, places),
        false => PodsAt::default(),
    };
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
        if known.holds(mention) || is_judged {
            continue;
        }
        if mention.what == Named::Daemon
            && let Some(pod) = pods.name(mention.start)
        {
            told.push_daemon(lines.number(mention.start), pod);
            continue;
        }
        let at = items.partition_point(|item| item.range.start <= mention.start);
        let line = lines.number(mention.start);
        let item = at
            .checked_sub(1)
            .filter(|index| items[*index].range.contains(&mention.start));
        // An escaped name is known by its line only.
        let item = item.or_else(|| items.iter().position(|item| item.line == line));
        match item.map(|index| &mut items[index]) {
            Some(item) => {
                item.is_told = true;
                if !item.is_known {
                    told.push(line, mention.what, &item.shown());
                }
            }
            None if told.has(line) => {}
            None => told.push(line, mention.what, &beside(text, mention)),
        }
    }
    // Of a text in a string, each line that has one; of a value, the value's own.
    if items.iter().any(|item| item.is_text) {
        for mention in words.host_paths(text) {
            let at = items.partition_point(|item| item.range.start <= mention.start);
            let item = at.checked_sub(1).and_then(|index| items.get_mut(index));
            let is_in = |item: &&mut Item| item.is_text && item.range.contains(&mention.start);
            if let Some(item) = item.filter(is_in) {
                item.is_told = true;
                told.push(lines.number(mention.start), mention.what, &item.shown());
            }
        }
    }
    for item in items.iter().filter(|item| !item.is_told && !item.is_known) {
        told.push(item.line, item.what, &item.shown());
    }
    told.gaps()
}

/// The gaps of any other text. `known` are the bytes that are accounted for, `scripts` those of what the Pods run that
/// were found: a daemon that it names by its address is another way than theirs.
pub fn of_text(
    words: &Words,
    text: &str,
    known: &[Range<usize>],
    scripts: &[Range<usize>],
) -> Vec<Gap> {
    let mut told = Told::default();
    let mentions = words.every(text);
    if mentions.is_empty() {
        return Vec::new();
    }
    let own = asked::bytes(text).into_iter();
    let read = own.chain(known.iter().cloned()).map(|bytes| (bytes, true));
    let read: Vec<_> = read.collect();
    let all = read.iter().cloned();
    let all = all.chain(scripts.iter().map(|bytes| (bytes.clone(), true)));
    let all = innermost(all.collect());
    let read = innermost(read);
    let lines = LineIndex::of(text);
    for mention in mentions {
        let known = match mention.what {
            Named::Daemon => &read,
            Named::Socket | Named::Pipe | Named::HostPath | Named::Bind | Named::Switch => &all,
        };
        let line = lines.number(mention.start);
        if !is_in(known, mention.start) && !told.has(line) {
            told.push(line, mention.what, &beside(text, mention));
        }
    }
    told.gaps()
}

/// Those of `mentions` that are not where a Pod says where it sees its own daemon.
pub fn in_no_answer(text: &str, mentions: Vec<Mention>) -> impl Iterator<Item = Mention> {
    let own = asked::bytes(text).into_iter();
    let own = innermost(own.map(|bytes| (bytes, true)).collect());
    let mentions = mentions.into_iter();
    mentions.filter(move |mention| !is_in(&own, mention.start))
}

/// The gaps of the hostPaths alone of a text.
pub fn host_paths(words: &Words, text: &str) -> Vec<Gap> {
    let mut told = Told::default();
    let lines = LineIndex::of(text);
    for mention in words.host_paths(text) {
        told.push(
            lines.number(mention.start),
            mention.what,
            &beside(text, mention),
        );
    }
    told.gaps()
}

/// A string that names a socket, with its place in the text.
struct Item {
    range: Range<usize>,
    line: u32,
    pointer: String,
    what: Named,
    is_known: bool,
    is_text: bool,
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
        is_text,
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
        is_text,
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
    /// The same for addresses of daemons.
    of_daemons: Vec<Range<usize>>,
    /// What was judged as a Pod.
    pods: Vec<Range<usize>>,
    texts: Vec<String>,
}

impl Accounted {
    fn holds(&self, mention: Mention) -> bool {
        let ranges = match mention.what {
            Named::Daemon => &self.of_daemons,
            Named::Socket | Named::Pipe | Named::HostPath | Named::Bind | Named::Switch => {
                &self.ranges
            }
        };
        is_in(ranges, mention.start)
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
    let mut of_daemons = ranges.clone();
    let mut pods = Vec::new();
    let mut texts = Vec::new();
    let mut before = 0;
    let nothing = Known::default();
    for (index, document) in documents.iter().enumerate() {
        let Known {
            accounted: pointers,
            told,
            addresses: found,
            pods: _,
            judged,
            beside,
            handed,
        } = known.get(index).unwrap_or(&nothing);
        let Some(positions) = places.positions(index) else {
            continue;
        };
        let told: HashSet<&String> = told.iter().collect();
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
                addresses::expanded(value, pointer, &mut expanded);
            }
            let nodes = expanded.iter().filter_map(|one| positions.get(one));
            let nodes = nodes.map(|position| (position.node.clone(), true));
            let nodes: Vec<_> = nodes.collect();
            ranges.extend(nodes.iter().cloned());
            of_daemons.extend(nodes);
        }
        let found = found.iter().filter_map(|one| positions.get(one));
        of_daemons.extend(found.map(|position| (position.node.clone(), true)));
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
                let range = (start..position.node.end, true);
                if !told.contains(pointer) {
                    of_daemons.push(range.clone());
                }
                ranges.push(range);
            }
        }
        before = positions.get("").map_or(before, |all| all.node.end);
    }
    Accounted {
        ranges: innermost(ranges),
        of_daemons: innermost(of_daemons),
        pods: innermost(pods),
        texts,
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
