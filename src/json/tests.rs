#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::json::*;

#[derive(Debug, Default, PartialEq)]
struct Thing<'a> {
    name: Text<'a>,
    count: i64,
    is_on: bool,
    parts: Vec<Thing<'a>>,
    rest: Raw<'a>,
    inner: Option<Box<Thing<'a>>>,
}

fields!(Thing<'a> {
    "name" => name,
    "count" => count,
    "isOn" => is_on,
    "parts" => parts,
    "rest" => rest,
    "inner" => inner,
});

fn told(text: &str) -> String {
    from_str::<Thing<'_>>(text).unwrap_err().to_string()
}

#[test]
fn fields_are_read_in_any_order_and_others_are_skipped() {
    let text = r#" { "rest" : {"a":[1,{"b":"]"}]} , "x":[[{"name":"no"}]], "inner":{"count":-7},
        "parts":[{"name":"a"},{"isOn":true}], "y":1.5e-3, "name":"n" } "#;
    let thing: Thing<'_> = from_str(text).unwrap();
    assert_eq!(&*thing.name, "n");
    assert_eq!(thing.rest.get(), r#"{"a":[1,{"b":"]"}]}"#);
    assert_eq!(thing.inner.unwrap().count, -7);
    let parts: Vec<_> = thing.parts.iter().map(|p| (&*p.name, p.is_on)).collect();
    assert_eq!(parts, [("a", false), ("", true)]);
}

#[test]
fn null_is_what_a_field_has_without_it() {
    let nulls = r#"{"name":null,"count":null,"isOn":null,"parts":null,"inner":null}"#;
    assert_eq!(from_str::<Thing<'_>>(nulls).unwrap(), Thing::default());
    assert_eq!(from_str::<Thing<'_>>("null").unwrap(), Thing::default());
}

#[test]
fn escapes_are_read_in_values_and_in_keys() {
    let text = r#"{"n\u0061me":"a\"b\\","x":"\\","count":3,"rest":"\\\""}"#;
    let thing: Thing<'_> = from_str(text).unwrap();
    assert_eq!((&*thing.name, thing.count), ("a\"b\\", 3));
    assert_eq!(thing.rest.get(), r#""\\\"""#);
}

/// A quote, a backslash and a bracket at every place of a block of the marks, and across two.
#[test]
fn blocks_are_read_as_one_text() {
    for before in 0..200 {
        let filling = "y".repeat(before);
        for (written, meant) in [
            (r"\\", "\\"),
            (r#"\""#, "\""),
            (r#"\\\""#, "\\\""),
            ("{[", "{["),
            ("é", "é"),
        ] {
            let text = format!(r#"{{"x":"{filling}{written}","name":"{filling}{written}"}}"#);
            let thing: Thing<'_> = from_str(&text).unwrap();
            assert_eq!(&*thing.name, format!("{filling}{meant}"), "{text}");
        }
    }
}

#[test]
fn an_error_names_the_field_and_the_place() {
    for (text, expected) in [
        ("", "an object was expected, at line 1 column 1"),
        ("{", "a comma or the end was expected, at line 1 column 2"),
        (
            r#"{"name":7}"#,
            "name: a string was expected, at line 1 column 9",
        ),
        (
            "{\"parts\":[{},\n{\"count\":\"1\"}]}",
            "parts[1].count: a whole number was expected, at line 2 column 10",
        ),
        (
            r#"{"isOn":1}"#,
            "isOn: true or false was expected, at line 1 column 9",
        ),
        (
            r#"{"parts":{}}"#,
            "parts: a list was expected, at line 1 column 10",
        ),
        (
            r#"{"inner":[]}"#,
            "inner: an object was expected, at line 1 column 10",
        ),
        (
            r#"{"count":1,"count":1}"#,
            "count: the field is there twice, at line 1 column 20",
        ),
        (
            r#"{"name":"\x"}"#,
            "name: a string has an escape that JSON does not have, at line 1 column 13",
        ),
        (
            r#"{"name" "a"}"#,
            "a colon was expected, at line 1 column 9",
        ),
        (
            r#"{"name":"a",}"#,
            "a value was expected, at line 1 column 13",
        ),
        (r"{name:1}", "a key was expected, at line 1 column 2"),
        (
            r#"{"name":"a"} {"#,
            "the end was expected, at line 1 column 14",
        ),
        (r#"{"name":"a"#, "a string has no end, at line 1 column 11"),
        (
            "{\"x\":\"\n\"}",
            "a string has a control character that is not escaped, at line 2 column 3",
        ),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
    let error = from_slice::<Thing<'_>>(b"{\"name\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "this is not UTF-8, at line 1 column 10");
}

#[test]
fn what_was_skipped_is_checked_where_it_is_written_again() {
    let thing: Thing<'_> = from_str(r#"{"rest":[1 2]}"#).unwrap();
    assert!(serde_json::to_string(&thing.rest).is_err());
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
    fn every_json_is_read_whole(value in any_json(), pretty in any::<bool>()) {
        let text = match pretty {
            true => serde_json::to_string_pretty(&value).unwrap(),
            false => value.to_string(),
        };
        prop_assert_eq!(&from_str::<Value>(&text).unwrap(), &value);
        let held = json!({"x": value, "name": "behind", "rest": value, "count": 5}).to_string();
        let thing: Thing<'_> = from_str(&held).unwrap();
        prop_assert_eq!((&*thing.name, thing.count), ("behind", 5));
        prop_assert_eq!(thing.rest.get(), value.to_string());
    }

    #[test]
    fn text_that_was_cut_is_never_read(value in any_json(), part in 0.0..1.0_f64) {
        let text = json!({"rest": value}).to_string();
        let mut end = (text.len() as f64 * part) as usize;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        prop_assert!(from_str::<Thing<'_>>(&text[..end]).is_err());
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in any::<String>()) {
        let _ = from_str::<Thing<'_>>(&text);
        let _ = from_str::<Value>(&text);
    }
}

#[derive(Default)]
struct Late<'a>(Option<Part<'a>>);

impl<'a> Read<'a> for Late<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Stop> {
        self.0 = Some(reader.part()?);
        Ok(())
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let parts: Vec<Late<'_>> = from_str(text).unwrap();
    parts.into_iter().filter_map(|part| part.0).collect()
}

#[test]
fn a_part_is_read_as_it_would_have_been_at_once() {
    let text = r#"[ {"name":"a","parts":[{"count":1}]} , 7, {"name" : "b"}, {"name":[]}]"#;
    let parts = parts(text);
    let names = [0, 2].map(|at| parts[at].read::<Thing<'_>>().unwrap().name.to_string());
    assert_eq!(names, ["a", "b"]);
    assert_eq!(parts[0].get(), r#"{"name":"a","parts":[{"count":1}]}"#);
    let error = parts[3].read::<Thing<'_>>().unwrap_err().to_string();
    assert_eq!(error, "name: a string was expected, at line 1 column 67");
}

#[test]
fn a_word_is_found_however_it_is_written() {
    for (text, word, is_there) in [
        (r#"["a docker b"]"#, "docker", true),
        (r#"["podman"]"#, "docker", false),
        (r#"["d\u006fcker"]"#, "docker", true),
        (r#"["a\nb"]"#, "docker", false),
        (r#"["a\/b"]"#, "a/b", true),
        (r#"["a/b"]"#, "a/b", true),
        (r#"["a\"b"]"#, "a\"b", true),
        (r#"["ab"]"#, "a\"b", false),
        (r#"["\n"]"#, "\n", true),
        (r#"["x"]"#, "", true),
    ] {
        let found = parts(text)[0].may_have(&Word::new(word));
        assert_eq!(found, is_there, "{word:?} in {text}");
    }
}

proptest! {
    #[test]
    fn no_word_of_a_text_is_missed(
        text in r#"[a-c"/\\\n\u{e9}]{0,12}"#,
        range in (0usize..12, 0usize..12),
        ascii in any::<bool>(),
    ) {
        let json = match ascii {
            true => format!("[{}]", json!(text).to_string().replace('\u{e9}', "\\u00e9")),
            false => json!([text]).to_string(),
        };
        let chars: Vec<char> = text.chars().collect();
        let end = range.1.min(chars.len());
        let word: String = chars[range.0.min(end)..end].iter().collect();
        prop_assert!(parts(&json)[0].may_have(&Word::new(&word)), "{word:?} in {json}");
    }

    /// Deep and wide ones, whose brackets fall anywhere in a block.
    #[test]
    fn a_bracket_is_closed_by_its_own(
        before in 0usize..130,
        value in r#"[\[\]]{0,300}"#,
    ) {
        let mut depth = 0_i32;
        let mut inner = String::new();
        for c in value.chars() {
            match c {
                '[' => { depth += 1; inner.push_str(if inner.ends_with(']') { ",[" } else { "[" }); }
                _ if depth > 0 => { depth -= 1; inner.push(']'); }
                _ => {}
            }
        }
        (0..depth).for_each(|_| inner.push(']'));
        let list = format!("[{inner}]");
        let text = format!("{}[{list},{list} ]", " ".repeat(before));
        let parts = parts(&text);
        prop_assert_eq!(parts[0].get(), &list);
        prop_assert_eq!(parts[1].get(), &list);
    }
}

#[derive(serde::Serialize)]
enum Kind {
    Unit,
    New(u8),
    Pair(bool, char),
    Named { a: Option<f64> },
}

#[derive(serde::Serialize)]
struct Zoo<'a> {
    kinds: [Kind; 4],
    raw: Box<serde_json::value::RawValue>,
    after: &'a str,
    none: Option<u8>,
    unit: (),
    bytes: &'a [u8],
    map: std::collections::BTreeMap<String, i64>,
    #[serde(flatten)]
    more: std::collections::BTreeMap<&'a str, Vec<f32>>,
}

#[test]
fn everything_is_written_as_serde_json_writes_it() {
    let zoo = Zoo {
        kinds: [
            Kind::Unit,
            Kind::New(1),
            Kind::Pair(true, '"'),
            Kind::Named { a: Some(1e300) },
        ],
        raw: serde_json::value::to_raw_value(&json!({"a": ["b\"c", 1.5]})).unwrap(),
        after: "a\"\\\u{1}\u{2028}é, and much more text, longer than sixteen bytes",
        none: None,
        unit: (),
        bytes: b"ab",
        map: [("a\nb".to_owned(), -7)].into(),
        more: [("x", vec![0.5, -0.0])].into(),
    };
    assert_eq!(to_text(&zoo).unwrap(), serde_json::to_string(&zoo).unwrap());
    let raws = [&zoo.raw, &zoo.raw];
    assert_eq!(
        to_text(&raws).unwrap(),
        serde_json::to_string(&raws).unwrap()
    );
}

proptest! {
    #[test]
    fn every_text_is_written_as_serde_json_writes_it(text in any::<String>(), plain in "[ -~é]*") {
        for text in [text, plain] {
            let expected = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(to_text(&text).unwrap(), &*expected);
            prop_assert_eq!(to_text(&format_args!("{text}")).unwrap(), expected);
        }
    }
}
