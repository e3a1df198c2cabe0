#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::json::*;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(
    remote = "Self",
    default,
    rename_all = "camelCase",
    bound(deserialize = "'de: 'a")
)]
struct Thing<'a> {
    name: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    count: i64,
    #[serde(deserialize_with = "or_default")]
    is_on: bool,
    #[serde(deserialize_with = "or_default")]
    parts: Vec<Thing<'a>>,
    inner: Option<Box<Thing<'a>>>,
}

object!(Thing<'a>);

fn told(text: &str) -> String {
    from_str::<Thing<'_>>(text).unwrap_err().to_string()
}

#[test]
fn fields_are_read_in_any_order_and_others_are_skipped() {
    let text = r#" { "x":[[{"name":"no"}]], "inner":{"count":-7},
        "parts":[{"name":"a"},{"isOn":true}], "y":1.5e-3, "name":"n" } "#;
    let thing: Thing<'_> = from_str(text).unwrap();
    assert_eq!(&*thing.name, "n");
    assert_eq!(thing.inner.unwrap().count, -7);
    let parts: Vec<_> = thing.parts.iter().map(|p| (&*p.name, p.is_on)).collect();
    assert_eq!(parts, [("a", false), ("", true)]);
}

#[test]
fn null_is_what_a_field_has_without_it() {
    let nulls = r#"{"name":null,"count":null,"isOn":null,"parts":null,"inner":null}"#;
    assert_eq!(from_str::<Thing<'_>>(nulls).unwrap(), Thing::default());
}

#[test]
fn escapes_are_read_in_values_and_in_keys() {
    let text = r#"{"n\u0061me":"a\"b\\","x":"\\","count":3}"#;
    let thing: Thing<'_> = from_str(text).unwrap();
    assert_eq!((&*thing.name, thing.count), ("a\"b\\", 3));
}

#[test]
fn text_without_escapes_is_borrowed() {
    let text = r#"["plain é","a\nb"]"#;
    let texts: Vec<Text<'_>> = from_str(text).unwrap();
    assert!(matches!(texts[0].0, std::borrow::Cow::Borrowed("plain é")));
    assert!(matches!(texts[1].0, std::borrow::Cow::Owned(_)));
}

#[test]
fn an_error_names_the_field_and_the_place() {
    for (text, expected) in [
        ("", "EOF while parsing a value, at line 1 column 0"),
        ("{", "EOF while parsing an object, at line 1 column 1"),
        ("null", "an object was expected, at line 1 column 4"),
        (
            r#"{"name":7}"#,
            "name: a string was expected, at line 1 column 9",
        ),
        (
            "{\"parts\":[{},\n{\"count\":\"1\"}]}",
            "parts[1].count: a whole number was expected, at line 2 column 12",
        ),
        (
            r#"{"isOn":1}"#,
            "isOn: true or false was expected, at line 1 column 9",
        ),
        (
            r#"{"parts":{}}"#,
            "parts: a list was expected, at line 1 column 9",
        ),
        // As a list of its fields, as serde would read it.
        (
            r#"{"inner":[]}"#,
            "inner: an object was expected, at line 1 column 9",
        ),
        (
            r#"{"parts":[["a",1]]}"#,
            "parts[0]: an object was expected, at line 1 column 10",
        ),
        (
            r#"{"parts":[null]}"#,
            "parts[0]: an object was expected, at line 1 column 14",
        ),
        (
            r#"{"count":1,"count":1}"#,
            "count: the field appears twice, at line 1 column 18",
        ),
        (r#"{"name":"\x"}"#, "invalid escape, at line 1 column 11"),
        (
            r#"{"name":"a"} {"#,
            "trailing characters, at line 1 column 14",
        ),
        (
            "{\"x\":\"\n\"}",
            "control character (\\u0000-\\u001F) found while parsing a string, at line 1 column 6",
        ),
        (
            r#"{"name":"\ud800"}"#,
            "unexpected end of hex escape, at line 1 column 16",
        ),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
    let error = from_slice::<Thing<'_>>(b"{\"name\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "this is not UTF-8, at line 1 column 10");
}

#[test]
fn an_error_is_short_whatever_was_written() {
    let long = "é".repeat(1 << 20);
    for text in [
        format!(r#"{{"isOn":"{long}"}}"#),
        format!(r#"{{"parts":["{long}"]}}"#),
    ] {
        assert!(told(&text).len() < 1000);
    }
}

#[test]
fn nesting_costs_no_stack_where_it_is_skipped() {
    let deep = format!(
        r#"{{"x":{}1{},"name":"n"}}"#,
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    assert_eq!(&*from_str::<Thing<'_>>(&deep).unwrap().name, "n");
}

/// A type that holds itself, as none of a Pod's does.
#[test]
fn nesting_is_refused_where_it_is_read() {
    let deep = format!("{}{}", r#"{"inner":"#.repeat(1 << 16), "}".repeat(1 << 16));
    assert!(told(&deep).contains("recursion limit exceeded"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        r#"[\\"{}\[\]:,a]{0,80}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("(name|rest|x|[\\\\\"{}]{0,9})", inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_skipped_what_is_behind_it_is_read(value in any_json()) {
        let held = json!({"x": value, "name": "behind", "count": 5}).to_string();
        let thing: Thing<'_> = from_str(&held).unwrap();
        prop_assert_eq!((&*thing.name, thing.count), ("behind", 5));
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in any::<String>()) {
        if let Err(error) = from_str::<Thing<'_>>(&text) {
            prop_assert!(error.to_string().len() < 4096);
        }
    }
}
