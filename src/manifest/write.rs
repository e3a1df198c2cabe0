//! A value as YAML, the way `kubectl get -o yaml` prints it but with the keys in their order.
//!
//! What is written reads back, here and in `kubectl`, as the same value; only a whole float such as
//! `1000.0` comes back as an integer, since JSON made from YAML by `kubectl` knows no other.

use serde_json::{Map, Number, Value};

use super::quote;

/// A key longer than this is written with `?`: readers look for a key's `:` only 1024 characters on.
const LONGEST_SIMPLE_KEY: usize = 512;

/// One document, with a line break at its end and without a `---` before it.
///
/// Block style, two spaces a level, lists at the indentation of their key. Strings of several lines
/// are literal blocks. Put `---\n` between documents, with no blank line: a literal block at the end
/// may keep the breaks that follow it.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, false),
        Value::Array(list) if !list.is_empty() => sequence(&mut out, list, 0, false),
        Value::String(text) => string(&mut out, text, 0),
        leaf => scalar(&mut out, leaf),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// A mapping whose keys stand at `indent`. `open` means that the cursor is already there, after a
/// `- ` or `? `.
fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize, mut open: bool) {
    for (key, value) in map {
        if !std::mem::take(&mut open) {
            start_line(out, indent);
        }
        let start = out.len();
        quote::inline(out, key);
        if out.len() - start > LONGEST_SIMPLE_KEY {
            out.insert_str(start, "? ");
            start_line(out, indent);
        }
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2, false),
            Value::Array(list) if !list.is_empty() => sequence(out, list, indent, false),
            Value::String(text) => {
                out.push(' ');
                string(out, text, indent);
            }
            leaf => {
                out.push(' ');
                scalar(out, leaf);
            }
        }
    }
}

/// A list whose dashes stand at `indent`.
fn sequence(out: &mut String, list: &[Value], indent: usize, mut open: bool) {
    for item in list {
        if !std::mem::take(&mut open) {
            start_line(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2, true),
            Value::Array(list) if !list.is_empty() => sequence(out, list, indent + 2, true),
            Value::String(text) => string(out, text, indent),
            leaf => scalar(out, leaf),
        }
    }
}

/// A string that belongs to a key or dash at `indent`.
fn string(out: &mut String, text: &str, indent: usize) {
    let Some(literal) = quote::literal(text) else {
        return quote::inline(out, text);
    };
    out.push('|');
    if literal.indented {
        out.push('2');
    }
    out.push_str(literal.chomping);
    let lines = text.strip_suffix('\n').unwrap_or(text);
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent + 2));
            out.push_str(line);
        }
    }
    // A literal block ends with its own line break; the next line must not add another.
    out.push('\n');
}

fn scalar(out: &mut String, value: &Value) {
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

/// Ends the line before, if it has not ended, and indents.
fn start_line(out: &mut String, indent: usize) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out.extend(std::iter::repeat_n(' ', indent));
}
