//! A value in flow style, `{…}` and `[…]`: JSON, or what YAML takes inside its brackets.

use serde_json::Value;

use crate::manifest::{quote, write};

/// How flow style is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Whether every string is quoted, as JSON demands.
    pub json: bool,
    /// What stands between values.
    pub spacing: Spacing,
}

/// What stands between values in flow style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Nothing that need not: `{"a":[1,2]}`.
    Tight,
    /// One line with blanks: `{"a": [1, 2]}`.
    Line,
    /// A line for each value.
    Lines {
        /// The columns of the line on which the value starts.
        indent: usize,
        /// Columns for each level.
        step: usize,
    },
}

/// `value` in flow style, without a line break at its end.
pub fn to_flow(value: &Value, flow: Flow) -> String {
    let mut out = String::new();
    node(&mut out, value, flow);
    out
}

/// A key with its `:`, and the value.
pub fn to_flow_entry(key: &str, value: &Value, flow: Flow) -> String {
    let mut out = String::new();
    entry(&mut out, key, value, flow);
    out
}

fn node(out: &mut String, value: &Value, flow: Flow) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            items(
                out,
                flow,
                ['{', '}'],
                map.iter(),
                |out, (key, value), flow| {
                    entry(out, key, value, flow);
                },
            );
        }
        Value::Array(list) if !list.is_empty() => items(out, flow, ['[', ']'], list.iter(), node),
        Value::String(text) => string(out, text, flow),
        Value::Number(number) if flow.json => out.push_str(&number.to_string()),
        leaf => write::scalar(out, leaf),
    }
}

fn entry(out: &mut String, key: &str, value: &Value, flow: Flow) {
    string(out, key, flow);
    out.push(':');
    // After a plain key, YAML takes a `:` alone for a part of it.
    if flow.spacing != Spacing::Tight || !flow.json {
        out.push(' ');
    }
    node(out, value, flow);
}

fn items<T>(
    out: &mut String,
    flow: Flow,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut String, T, Flow),
) {
    let inner = match flow.spacing {
        Spacing::Lines { indent, step } => Flow {
            spacing: Spacing::Lines {
                indent: indent + step,
                step,
            },
            ..flow
        },
        Spacing::Tight | Spacing::Line => flow,
    };
    out.push(open);
    for (index, item) in items.enumerate() {
        match (index, inner.spacing) {
            (0, Spacing::Tight | Spacing::Line) => {}
            (_, Spacing::Tight) => out.push(','),
            (_, Spacing::Line) => out.push_str(", "),
            (_, Spacing::Lines { indent, .. }) => {
                if index > 0 {
                    out.push(',');
                }
                new_line(out, indent);
            }
        }
        write(out, item, inner);
    }
    if let Spacing::Lines { indent, .. } = flow.spacing {
        new_line(out, indent);
    }
    out.push(close);
}

fn string(out: &mut String, text: &str, flow: Flow) {
    if flow.json {
        // JSON takes DEL as it is, and YAML only as an escape, which JSON may write, too.
        out.push_str(&Value::from(text).to_string().replace('\u{7f}', "\\u007f"));
    } else {
        quote::in_flow(out, text);
    }
}

fn new_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::manifest::read;

    #[test]
    fn every_spacing_reads_back() {
        let value = json!({"a": ["x", "", "yes", "a, b", "#c", "a\nb", "\u{7f}", {}, [], null, 1e300, -3],
            "key with: colon": {"n": "1.5", "-": "-", "path": "/var/run/docker.sock"}});
        for json in [true, false] {
            for spacing in [
                Spacing::Tight,
                Spacing::Line,
                Spacing::Lines { indent: 4, step: 2 },
            ] {
                let text = to_flow(&value, Flow { json, spacing });
                let yaml = format!("a:\n  b: {text}\n");
                let document = read(&yaml).unwrap().remove(0).value;
                assert_eq!(document["a"]["b"], value, "{yaml}");
                if json {
                    let parsed: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(parsed, value);
                }
            }
        }
    }

    #[test]
    fn looks_as_people_write_it() {
        let value = json!([{"name": "docker", "mountPath": "/var/run/docker.sock"}]);
        let flow = |json, spacing| to_flow(&value, Flow { json, spacing });
        assert_eq!(
            flow(false, Spacing::Line),
            "[{name: docker, mountPath: /var/run/docker.sock}]"
        );
        assert_eq!(
            flow(true, Spacing::Lines { indent: 2, step: 2 }),
            "[\n    {\n      \"name\": \"docker\",\n      \"mountPath\": \"/var/run/docker.sock\"\n    }\n  ]"
        );
    }
}
