//! A value as YAML, the way `kubectl get -o yaml` prints it but with the keys in their order.
//!
//! What is written reads back, here and in `kubectl`, as the same value; only a whole float such as
//! `1000.0` comes back as an integer, since JSON made from YAML by `kubectl` knows no other.

use serde_json::{Map, Number, Value};

use crate::manifest::quote;

/// A key longer than this is written with `?`: readers look for a key's `:` only 1024 characters on.
const LONGEST_SIMPLE_KEY: usize = 512;

/// How block style is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Columns from a mapping's key to the keys below it; 1 to 9.
    pub step: usize,
    /// Columns from a key to the dashes of its list.
    pub dash: usize,
    /// Columns from a dash to its item; at least 2.
    pub item: usize,
}

impl Layout {
    /// As `kubectl` prints: two spaces a level, lists at the indentation of their key.
    pub const KUBECTL: Self = Self {
        step: 2,
        dash: 0,
        item: 2,
    };
}

impl Default for Layout {
    fn default() -> Self {
        Self::KUBECTL
    }
}

/// One document, with a line break at its end and without a `---` before it.
///
/// Block style, two spaces a level, lists at the indentation of their key. Strings of several lines
/// are literal blocks. Put `---\n` between documents, with no blank line: a literal block at the end
/// may keep the breaks that follow it.
pub fn to_yaml(value: &Value) -> String {
    to_block(value, 0, Layout::KUBECTL)
}

/// A value in block style, to stand at `indent` columns; its first line is not indented, for what
/// stands before it there may be a dash. With a line break at its end.
pub fn to_block(value: &Value, indent: usize, layout: Layout) -> String {
    let mut page = Page {
        out: String::new(),
        layout,
    };
    match value {
        Value::Object(map) if !map.is_empty() => page.mapping(map, indent, true),
        Value::Array(list) if !list.is_empty() => page.sequence(list, indent, true),
        // A literal block is indented by a step from what stands before it.
        Value::String(text) => page.string(text, indent.saturating_sub(layout.item), layout.step),
        leaf => page.scalar(leaf),
    }
    if !page.out.ends_with('\n') {
        page.out.push('\n');
    }
    page.out
}

struct Page {
    out: String,
    layout: Layout,
}

impl Page {
    /// A mapping whose keys stand at `indent`. `open` means that the cursor is already there, after a
    /// `- ` or `? `.
    fn mapping(&mut self, map: &Map<String, Value>, indent: usize, mut open: bool) {
        let Layout { step, dash, .. } = self.layout;
        for (key, value) in map {
            if !std::mem::take(&mut open) {
                self.start_line(indent);
            }
            let start = self.out.len();
            quote::inline(&mut self.out, key);
            if self.out.len() - start > LONGEST_SIMPLE_KEY {
                self.out.insert_str(start, "? ");
                self.start_line(indent);
            }
            self.out.push(':');
            match value {
                Value::Object(map) if !map.is_empty() => self.mapping(map, indent + step, false),
                Value::Array(list) if !list.is_empty() => {
                    self.sequence(list, indent + dash, false);
                }
                Value::String(text) => {
                    self.out.push(' ');
                    self.string(text, indent, step);
                }
                leaf => {
                    self.out.push(' ');
                    self.scalar(leaf);
                }
            }
        }
    }

    /// A list whose dashes stand at `indent`.
    fn sequence(&mut self, list: &[Value], indent: usize, mut open: bool) {
        let width = self.layout.item;
        for item in list {
            if !std::mem::take(&mut open) {
                self.start_line(indent);
            }
            self.out.push('-');
            self.out.extend(std::iter::repeat_n(' ', width - 1));
            match item {
                Value::Object(map) if !map.is_empty() => self.mapping(map, indent + width, true),
                Value::Array(list) if !list.is_empty() => {
                    self.sequence(list, indent + width, true);
                }
                Value::String(text) => self.string(text, indent, width),
                leaf => self.scalar(leaf),
            }
        }
    }

    /// A string that belongs to a key or dash at `indent`; its lines stand `step` columns further.
    fn string(&mut self, text: &str, indent: usize, step: usize) {
        let Some(literal) = quote::literal(text) else {
            return quote::inline(&mut self.out, text);
        };
        let out = &mut self.out;
        out.push('|');
        if literal.indented {
            out.push_str(&step.to_string());
        }
        out.push_str(literal.chomping);
        let lines = text.strip_suffix('\n').unwrap_or(text);
        for line in lines.split('\n') {
            out.push('\n');
            if !line.is_empty() {
                out.extend(std::iter::repeat_n(' ', indent + step));
                out.push_str(line);
            }
        }
        // A literal block ends with its own line break; the next line must not add another.
        out.push('\n');
    }

    fn scalar(&mut self, value: &Value) {
        scalar(&mut self.out, value);
    }

    /// Ends the line before, if it has not ended, and indents.
    fn start_line(&mut self, indent: usize) {
        let out = &mut self.out;
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n(' ', indent));
    }
}

pub(super) fn scalar(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(value) => number(out, value),
        Value::String(text) => quote::inline(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// A float with an exponent gets a dot and a sign, without which YAML 1.1 reads a string.
fn number(out: &mut String, number: &Number) {
    let text = number.to_string();
    match text.split_once('e') {
        None => out.push_str(&text),
        Some((mantissa, exponent)) => {
            out.push_str(mantissa);
            if !mantissa.contains('.') {
                out.push_str(".0");
            }
            out.push('e');
            if !exponent.starts_with(['-', '+']) {
                out.push('+');
            }
            out.push_str(exponent);
        }
    }
}
