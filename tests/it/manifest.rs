//! The manifest reader against what kubectl reads, and the writer against the reader.

use dind_injector::manifest::{Document, read, read_with_positions, to_yaml};
use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// See `tests/manifest/README.md`.
const KUBECTL: &str = include_str!("../manifest/kubectl.jsonl");

fn first(documents: Vec<Document>) -> Value {
    documents
        .into_iter()
        .next()
        .map_or(Value::Null, |document| document.value)
}

#[test]
fn a_text_means_what_it_means_to_kubectl() {
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in KUBECTL.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["yaml"].as_str().unwrap();
        let found = read(text);
        let as_kubectl = match (&found, row.get("json")) {
            (Ok(documents), Some(json)) => first(documents.clone()) == *json,
            (Err(_), None) => true,
            (Ok(_), None) | (Err(_), Some(_)) => false,
        };
        if as_kubectl == row.get("but").is_some() {
            wrong.push(format!("{line}\n    here: {found:?}"));
        }
        rows += 1;
    }
    assert!(rows > 500, "the table is cut short: {rows} rows");
    assert!(
        wrong.is_empty(),
        "{} of {rows} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn positions_never_change_what_is_read() {
    for line in KUBECTL.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["yaml"].as_str().unwrap();
        let plain = read(text);
        let positioned = read_with_positions(text).map(|documents| {
            let strip = |document| Document {
                positions: None,
                ..document
            };
            documents.into_iter().map(strip).collect::<Vec<_>>()
        });
        assert_eq!(positioned, plain, "{text:?}");
    }
}

/// Pieces that are something else than a string when they stand alone, or syntax within one.
const NASTY: &[&str] = &[
    "yes",
    "no",
    "on",
    "~",
    "null",
    "true",
    "0644",
    "0o17",
    "0x1F",
    "1e3",
    "1_000",
    ".inf",
    "1.5",
    "2001-01-01",
    "1:30",
    "=",
    "<<",
    "-",
    "- ",
    "--- ",
    "---",
    "...",
    "? ",
    "?",
    ":",
    ": ",
    " #",
    "#",
    "|",
    ">",
    "&a",
    "*a",
    "!t",
    "!!str",
    "%YAML",
    "@",
    "`",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\\",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r",
    "\r\n",
    "\0",
    "\u{7}",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{202e}",
    "é",
    "日本",
    "\u{10ffff}",
    "😀",
    "a",
    "#!/bin/sh\nset -e\n",
    "\techo\n",
    "  indented\n",
    "{{ .x }}",
    "$(A)",
    "http://x/?a=b",
    "/var/run/docker.sock",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(NASTY), 0..6).prop_map(|parts| parts.concat()),
        2 => prop::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
        1 => (prop::sample::select(NASTY), 100_usize..700).prop_map(|(part, times)| part.repeat(times)),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        // JSON made from YAML by kubectl has no whole floats below 1e21: those are integers.
        any::<f64>().prop_filter_map("a float that is no integer", |float| {
            let whole = float.fract() == 0.0
                && float.abs() < 1e21
                && float.to_bits() != (-0.0_f64).to_bits();
            if whole { None } else { Number::from_f64(float) }
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => number().prop_map(Value::Number),
        6 => text().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_the_same(value in value()) {
        let yaml = to_yaml(&value);
        let back = first(read(&yaml).map_err(|error| TestCaseError::fail(format!("{error}\n{yaml}")))?);
        prop_assert_eq!(&back, &value, "{}", yaml);
        // serde_json compares objects without their order; this does not.
        prop_assert_eq!(back.to_string(), value.to_string());
    }

    #[test]
    fn documents_read_back_from_a_stream(values in prop::collection::vec(value(), 1..4)) {
        let stream: String = values.iter().map(|value| format!("---\n{}", to_yaml(value))).collect();
        let back: Vec<_> = read(&stream).unwrap().into_iter().map(|document| document.value).collect();
        let sent: Vec<_> = values.into_iter().filter(|value| !value.is_null()).collect();
        prop_assert_eq!(back, sent, "{}", stream);
    }

    #[test]
    fn a_written_value_is_what_its_positions_point_at(value in value()) {
        let yaml = to_yaml(&value);
        for document in read_with_positions(&yaml).unwrap() {
            check_positions(&yaml, &document)?;
        }
        // A text that starts with `[` is YAML, as to kubectl.
        let json = serde_json::to_string_pretty(&serde_json::json!({ "value": value })).unwrap();
        for document in read_with_positions(&json).unwrap() {
            check_positions(&json, &document)?;
        }
    }

    #[test]
    fn hostile_text_is_read_or_refused_but_never_more(parts in prop::collection::vec(prop::sample::select(NASTY), 0..40)) {
        let text = parts.concat();
        let plain = read(&text).map(|documents| documents.len());
        let positioned = read_with_positions(&text).map(|documents| documents.len());
        prop_assert_eq!(plain, positioned);
    }
}

/// Every node of the value has a position, within the text, at the line and column it says.
fn check_positions(text: &str, document: &Document) -> Result<(), TestCaseError> {
    let positions = document.positions.as_ref().unwrap();
    let mut nodes = vec![(String::new(), &document.value)];
    let mut count = 0;
    while let Some((pointer, value)) = nodes.pop() {
        count += 1;
        let position = positions.get(&pointer);
        prop_assert!(position.is_some(), "nothing at {pointer:?} in\n{text}");
        let position = position.unwrap();
        let node = &text[position.node.clone()];
        let start = position
            .key
            .as_ref()
            .map_or(position.node.start, |key| key.start);
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        prop_assert_eq!(
            (position.line as usize, position.column as usize),
            (line, column)
        );
        if let Value::Bool(_) | Value::Number(_) = value {
            prop_assert_eq!(&first(read(node).unwrap()), value);
        }
        match value {
            Value::Object(map) => nodes.extend(map.iter().map(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                (format!("{pointer}/{key}"), value)
            })),
            Value::Array(list) => nodes.extend(
                list.iter()
                    .enumerate()
                    .map(|(index, value)| (format!("{pointer}/{index}"), value)),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    prop_assert_eq!(positions.len(), count);
    Ok(())
}
