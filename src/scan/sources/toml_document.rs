//! TOML as a document like any other: the same values, each with its place.
//!
//! What a template left in it makes some lines unreadable; the others are read all the same.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::manifest::{Document, Positions, below};

use crate::scan::mentions::LineIndex;

/// A text of TOML, as far as it can be read.
#[derive(Debug)]
pub struct Toml {
    /// What it says.
    pub document: Document,
    /// The first line that cannot be read, and why.
    pub error: Option<(u32, String)>,
}

/// Reads `text`.
pub fn read(text: &str) -> Toml {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        lines: LineIndex::of(text),
        positions: Positions::default(),
    };
    reader.place("", 0..text.len(), None);
    let value = reader.table(table.get_ref(), "");
    let error = errors.into_iter().next().map(|error| {
        let start = error.span().map_or(0, |span| span.start);
        (reader.lines.place(start).0, error.message().to_owned())
    });
    Toml {
        document: Document {
            value,
            line: 1,
            positions: Some(reader.positions),
        },
        error,
    }
}

struct Reader<'t> {
    lines: LineIndex<'t>,
    positions: Positions,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, at: &str) -> Value {
        let mut map = Map::new();
        for (key, value) in table.iter() {
            let name = key.get_ref();
            let at = below(at, name);
            self.place(&at, value.span(), Some(key.span().start));
            map.insert(name.to_string(), self.value(value, &at));
        }
        Value::Object(map)
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, at: &str) -> Value {
        match value.get_ref() {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Boolean(value) => (*value).into(),
            DeValue::Integer(value) => value
                .to_string()
                .parse::<i64>()
                .map_or(Value::Null, Value::from),
            DeValue::Float(value) => value
                .to_string()
                .parse::<f64>()
                .map_or(Value::Null, Value::from),
            DeValue::Datetime(value) => value.to_string().into(),
            DeValue::Array(list) => {
                let mut values = Vec::new();
                for (index, one) in list.iter().enumerate() {
                    let at = format!("{at}/{index}");
                    self.place(&at, one.span(), None);
                    values.push(self.value(one, &at));
                }
                Value::Array(values)
            }
            DeValue::Table(table) => self.table(table, at),
        }
    }

    fn place(&mut self, pointer: &str, node: Range<usize>, key: Option<usize>) {
        let position = self.lines.position(node, key);
        self.positions.insert(pointer, position);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_that_is_no_toml_hides_no_other() {
        let text = "[[runners]]\n  name = \"a\"\n  {{- if .x }}\n  [[runners.kubernetes.volumes.host_path]]\n    host_path = \"/run/docker.sock\"\n";
        let read = read(text);
        let pointer = "/runners/0/kubernetes/volumes/host_path/0/host_path";
        let value = read.document.value.pointer(pointer);
        assert_eq!(value, Some(&Value::from("/run/docker.sock")));
        let positions = read.document.positions.unwrap();
        assert_eq!(positions.get(pointer).unwrap().line, 5);
        assert_eq!(read.error.unwrap().0, 3);
    }
}
