//! Streams, errors, bounds, positions and style, each by example.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use crate::manifest::*;

fn values(text: &str) -> Vec<Value> {
    let documents = read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    documents
        .into_iter()
        .map(|document| document.value)
        .collect()
}

fn error(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

fn position(text: &str, pointer: &str) -> Position {
    let documents = read_with_positions(text).unwrap();
    documents[0]
        .positions
        .as_ref()
        .unwrap()
        .get(pointer)
        .cloned()
        .unwrap()
}

#[test]
fn a_stream_gives_its_documents_with_their_first_lines() {
    let text = "# head\n---\na: 1\n---\n# nothing\n---\nnull\n--- # note\nb: 2\n...\n---\nc: 3";
    let documents = read(text).unwrap();
    let found: Vec<_> = documents
        .iter()
        .map(|document| (document.line, &document.value))
        .collect();
    let (a, b, c) = (json!({"a": 1}), json!({"b": 2}), json!({"c": 3}));
    assert_eq!(found, [(3, &a), (9, &b), (12, &c)]);
}

#[test]
fn an_empty_text_has_no_documents() {
    for text in [
        "",
        "\n",
        "\u{feff}",
        "---\n",
        "# a\n",
        "---\n---\n...\n",
        " \t\r\n",
    ] {
        assert_eq!(values(text), Vec::<Value>::new(), "{text:?}");
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_content() {
    let text = "\u{feff}a: b\r\nc: |\r\n  d\r\n  e\r\n";
    assert_eq!(values(text), [json!({"a": "b", "c": "d\ne\n"})]);
    assert_eq!(values("\u{feff}{\"a\": 1}\r\n"), [json!({"a": 1})]);
}

#[test]
fn keys_keep_their_order() {
    let text = "z: 1\na: 2\nm:\n  x: 1\n  b: 2\n";
    assert_eq!(to_yaml(&values(text)[0]), text);
}

#[test]
fn json_values_may_follow_each_other_and_turn_into_yaml_once() {
    assert_eq!(
        values("{\"a\":1}{\"b\":2}\n{\"c\":3}"),
        [json!({"a":1}), json!({"b":2}), json!({"c":3})]
    );
    assert_eq!(
        values("{\"a\":1}\n---\nb: yes\n"),
        [json!({"a": 1}), json!({"b": true})]
    );
    assert_eq!(
        values("{\"a\":1}\n---\n{\"b\":2}\n---\n{\"c\":3}\n").len(),
        3
    );
    assert_eq!(values("{a: 0644}"), [json!({"a": 420})]);
    assert_eq!(
        error("{\"a\":1}{\"b\":2}\nc: 3"),
        "2:1: this is not valid JSON: expected value"
    );
}

#[test]
fn json_numbers_stay_what_they_are() {
    let text = "{\"a\":1e3,\"b\":18446744073709551615,\"c\":0.1,\"d\":-0.0}";
    assert_eq!(
        values(text)[0].to_string(),
        "{\"a\":1000.0,\"b\":18446744073709551615,\"c\":0.1,\"d\":-0.0}"
    );
}

#[test]
fn errors_say_where_and_what_to_change() {
    let cases = [
        (
            "a: 1\nb:\n  c: 1\n  c: 2\n",
            "4:3: the key \"c\" stands twice in one mapping; keep one of the two",
        ),
        (
            "{\"a\": 1,\n \"é\": {\"b\": 1, \"b\": 2}}",
            "2:18: the key \"b\" stands twice in one mapping; keep one of the two",
        ),
        (
            "a: é\nb: .inf\n",
            "2:4: .inf has no form in JSON; put it in quotes if it is meant as a string",
        ),
        (
            "a: !!int x\n",
            "1:4: \"x\" is not a !!int; correct the value or remove the tag",
        ),
        (
            "~: 1\n",
            "1:1: null cannot be a key; write the key as a string in quotes",
        ),
        (
            "[a]: 1\n",
            "1:1: a list cannot be a key; write the key as a string in quotes",
        ),
        (
            "a: *b\n",
            "1:4: this alias names no anchor that ends before it in this document; define it above",
        ),
        (
            "a: &b 1\n---\na: *b\n",
            "3:4: this alias names no anchor that ends before it in this document; define it above",
        ),
        (
            "a: &b\n  c: *b\n",
            "2:6: this alias names no anchor that ends before it in this document; define it above",
        ),
        (
            "a:\n  <<: 1\n",
            "2:7: `<<` can merge only a mapping or a list of mappings",
        ),
        (
            "a: {{ .Values.a }}\n",
            "1:5: this looks like a template; render it first (`helm template`, say) and pass the result",
        ),
        (
            "{{- if .Values.a }}\na: 1\n{{- end }}\n",
            "1:3: this looks like a template; render it first (`helm template`, say) and pass the result",
        ),
        ("a: \"b\n", "1:4: this is not valid YAML: unclosed quote"),
        (
            "{\"a\": 1}\n  {\"b\": 1]",
            "2:10: this is not valid JSON: expected `,` or `}`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected, "{text:?}");
    }
}

#[test]
fn deep_nesting_is_an_error_not_an_overflow() {
    for open in ["[", "{a: ", "- ", "? ", "{\"a\":", "[[{\"a\": "] {
        let text = open.repeat(200_000);
        assert!(read(&text).is_err());
        assert!(read_with_positions(&text).is_err());
    }
    let block: String = (0..200)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert_eq!(read(&block).unwrap_err().problem, Problem::Depth(MAX_DEPTH));
    let json = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    assert_eq!(read(&json).unwrap_err().problem, Problem::Depth(MAX_DEPTH));
}

#[test]
fn nesting_to_the_bound_is_read_and_can_be_read_again_as_json() {
    let yaml = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let json = values(&yaml)[0].to_string();
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap(),
        values(&yaml)[0]
    );
    let text = format!("{}1{}", "{\"a\":".repeat(MAX_DEPTH), "}".repeat(MAX_DEPTH));
    assert_eq!(values(&text).len(), 1);
}

#[test]
fn aliases_cannot_multiply_a_text_without_bound() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    assert!(matches!(
        read(&laughs).unwrap_err().problem,
        Problem::Expansion(_)
    ));

    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(100_000),
        "*a, ".repeat(1000)
    );
    assert!(matches!(
        read(&long).unwrap_err().problem,
        Problem::Expansion(_)
    ));

    // Anchors within anchors are copied, too.
    let nested = format!(
        "{}{}{}",
        "[&a ".repeat(100),
        "x, ".repeat(50_000),
        "]".repeat(100)
    );
    assert!(matches!(
        read(&nested).unwrap_err().problem,
        Problem::Expansion(_)
    ));
}

#[test]
fn aliases_cannot_nest_deeper_than_the_text_may() {
    let mut text = String::from("a0: &a0 [1]\n");
    for n in 1..200 {
        text.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert_eq!(read(&text).unwrap_err().problem, Problem::Depth(MAX_DEPTH));
}

#[test]
fn a_merged_key_may_be_written_out_once_too() {
    let text = "x: &x {a: 1, b: 2}\nz:\n  <<: *x\n  a: 3\n";
    assert_eq!(values(text)[0]["z"], json!({"a": 3, "b": 2}));
    let twice = "x: &x {a: 1}\ny:\n  <<: *x\n  a: 3\n  a: 4\n";
    assert_eq!(
        read(twice).unwrap_err().problem,
        Problem::DuplicateKey("a".into())
    );
    let before = "x: &x {a: 1}\ny:\n  a: 3\n  <<: *x\n  a: 4\n";
    assert_eq!(
        read(before).unwrap_err().problem,
        Problem::DuplicateKey("a".into())
    );
}

const POD: &str = "\
# é: columns are characters, ranges are bytes
spec: &spec
  volumes:   # the volumes
  - name: socket
    hostPath: {path: \"/var/run/docker.sock\", type: Socket}
  - \"é\": &e |
      line 1
      line 2

    after:
  list: [a, b: c]
again: *spec
merged:
  <<: *spec
  own: 1
";

#[test]
fn every_node_knows_its_place() {
    let at = |pointer: &str| {
        let position = position(POD, pointer);
        let key = position.key.map(|key| &POD[key]);
        (
            position.line,
            position.column,
            key,
            &POD[position.node],
            position.origin,
        )
    };
    use Origin::{Alias, Block, Flow, Merge};
    assert_eq!(
        at("/spec/volumes/0/name"),
        (4, 5, Some("name"), "socket", Block)
    );
    assert_eq!(
        at("/spec/volumes/0"),
        (
            4,
            5,
            None,
            "name: socket\n    hostPath: {path: \"/var/run/docker.sock\", type: Socket}",
            Block
        )
    );
    assert_eq!(
        at("/spec/volumes/0/hostPath"),
        (
            5,
            5,
            Some("hostPath"),
            "{path: \"/var/run/docker.sock\", type: Socket}",
            Flow
        )
    );
    assert_eq!(
        at("/spec/volumes/0/hostPath/path"),
        (5, 16, Some("path"), "\"/var/run/docker.sock\"", Flow)
    );
    let (line, column, key, node, origin) = at("/spec/volumes/1/é");
    assert_eq!((line, column, key, origin), (6, 5, Some("\"é\""), Block));
    assert!(node == "&e |\n      line 1\n      line 2", "{node:?}");
    assert_eq!(
        at("/spec/volumes/1/after"),
        (10, 5, Some("after"), "", Block)
    );
    assert_eq!(at("/spec/list/1/b"), (11, 13, Some("b"), "c", Flow));
    assert_eq!(at("/again"), (12, 1, Some("again"), "*spec", Alias));
    assert_eq!(at("/merged/list"), (14, 3, None, "<<: *spec", Merge));
    assert_eq!(at("/merged/own"), (15, 3, Some("own"), "1", Block));
    let (line, column, _, node, _) = at("");
    assert_eq!((line, column), (2, 1));
    assert_eq!(node, POD.split_once('\n').unwrap().1.trim_end());
    assert_eq!(
        &POD[position(POD, "/spec").node.clone()]
            .lines()
            .last()
            .unwrap(),
        &"  list: [a, b: c]"
    );
}

#[test]
fn a_node_without_a_position_has_an_ancestor_with_one() {
    let documents = read_with_positions(POD).unwrap();
    let positions = documents[0].positions.as_ref().unwrap();
    assert!(positions.get("/again/volumes/0/name").is_none());
    assert_eq!(positions.nearest("/again/volumes/0/name").unwrap().line, 12);
    assert_eq!(
        positions.nearest("/spec/volumes/0/missing").unwrap().line,
        4
    );
    assert_eq!(positions.nearest("").unwrap().line, 2);
}

#[test]
fn positions_go_on_after_json() {
    let text = "{\"a\":\n  {\"b/c\": [1, \"é\", 2]}}\n---\nd: 1\n";
    let documents = read_with_positions(text).unwrap();
    let json = documents[0].positions.as_ref().unwrap();
    let two = json.get("/a/b~1c/2").unwrap();
    assert_eq!(
        (two.line, two.column, &text[two.node.clone()]),
        (2, 20, "2")
    );
    assert_eq!(&text[json.get("/a").unwrap().key.clone().unwrap()], "\"a\"");
    let yaml = documents[1].positions.as_ref().unwrap().get("/d").unwrap();
    assert_eq!(
        (yaml.line, yaml.column, &text[yaml.node.clone()]),
        (4, 1, "1")
    );
    assert_eq!((documents[0].line, documents[1].line), (1, 4));
}

#[test]
fn yaml_is_written_as_kubernetes_people_write_it() {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "build", "annotations": {"a/b": "true", "x": "1"}, "labels": {}},
        "spec": {
            "containers": [{
                "name": "c",
                "image": "docker:28-dind",
                "command": ["sh", "-c", "set -e\ndocker ps\n"],
                "args": ["--host=unix:///dind/docker.sock", "-", "a: b", "*", "it's", " x", "100m", "1e3", ""],
                "env": [{"name": "E", "value": "  indented\n\tand more"}],
                "resources": {"limits": {"cpu": 2, "memory": "1Gi"}},
            }],
            "matrix": [[1, [2.5, null]], [], [{"a": [true]}]],
        },
    });
    let expected = r#"apiVersion: v1
kind: Pod
metadata:
  name: build
  annotations:
    a/b: "true"
    x: "1"
  labels: {}
spec:
  containers:
  - name: c
    image: docker:28-dind
    command:
    - sh
    - -c
    - |
      set -e
      docker ps
    args:
    - --host=unix:///dind/docker.sock
    - '-'
    - 'a: b'
    - '*'
    - it's
    - ' x'
    - 100m
    - "1e3"
    - ""
    env:
    - name: E
      value: |2-
          indented
        	and more
    resources:
      limits:
        cpu: 2
        memory: 1Gi
  matrix:
  - - 1
    - - 2.5
      - null
  - []
  - - a:
      - true
"#;
    assert_eq!(to_yaml(&value), expected);
    assert_eq!(values(expected), [value]);
}

#[test]
fn single_values_are_documents_too() {
    for (value, text) in [
        (json!(null), "null\n"),
        (json!([]), "[]\n"),
        (json!("a\nb\n"), "|\n  a\n  b\n"),
        (json!("a\n\n"), "|+\n  a\n\n"),
        (json!("---"), "'---'\n"),
        (json!(1e22), "1.0e+22\n"),
        (json!(1.5e-9), "1.5e-9\n"),
    ] {
        assert_eq!(to_yaml(&value), text);
    }
}

#[test]
fn what_any_yaml_reader_might_retype_is_quoted() {
    for text in [
        "yes",
        "No",
        "ON",
        "y",
        "null",
        "~",
        "0644",
        "0o17",
        "012",
        "08",
        "0x1F",
        "1_000",
        "1e3",
        "1.",
        ".5",
        ".inf",
        "-.INF",
        ".nan",
        "2001-01-01",
        "2001-1-1T0:0:0Z",
        "12:30",
        "190:20:30.15",
        "+1",
        "-0",
        "=",
        "<<",
        "",
    ] {
        assert_eq!(to_yaml(&json!(text)), format!("\"{text}\"\n"));
        assert_eq!(to_yaml(&json!({text: 1})), format!("\"{text}\": 1\n"));
    }
    for text in [
        "yesterday",
        "1.2.3",
        "1Gi",
        "500m",
        "v1",
        "a#b",
        "a:b",
        "10.0.0.1",
        "-x",
        "--",
        ":8080",
        "?q",
        "é",
    ] {
        assert_eq!(to_yaml(&json!(text)), format!("{text}\n"));
    }
}

#[test]
fn an_unwritten_null_stands_behind_its_colon() {
    for (text, pointer, at) in [
        ("{a: b, c: }", "/c", 9),
        ("{a: b, c:}", "/c", 9),
        ("{a: b, \"c\" : , d: e}", "/c", 12),
        ("{a: b, c}", "/c", 8),
        ("{c, a: b}", "/c", 2),
        ("c: # none\na: b\n", "/c", 2),
        ("a: b\nc:\n", "/c", 7),
        ("? c\n: \na: b\n", "/c", 5),
        ("? c # d: e\n: \na: b\n", "/c", 12),
        ("? c\n:a: b\n", "/c", 3),
        ("? c\na: b\n", "/c", 3),
        ("- a\n-\n", "/1", 5),
    ] {
        assert_eq!(position(text, pointer).node, at..at, "{text:?}");
    }
}
