//! A second reading of RFC 6902, as strict as the strictest of the implementations that
//! meet our patches: evanphx/json-patch (the API server) and the crate `json-patch`.
//!
//! Only `add`, `replace` and `remove`; every parent exists; an index is plain decimal, is in
//! range and never negative; what is replaced or removed is there.

use serde_json::Value;

/// Applies `patch` to `document`.
pub fn apply(document: &Value, patch: &Value) -> Result<Value, String> {
    let mut document = document.clone();
    let operations = patch.as_array().ok_or("a patch is a list")?;
    for (at, operation) in operations.iter().enumerate() {
        step(&mut document, operation).map_err(|error| format!("{at}: {error}: {operation}"))?;
    }
    Ok(document)
}

fn step(document: &mut Value, operation: &Value) -> Result<(), String> {
    let fields = operation.as_object().ok_or("an operation is an object")?;
    let op = fields.get("op").and_then(Value::as_str).ok_or("no op")?;
    let path = fields
        .get("path")
        .and_then(Value::as_str)
        .ok_or("no path")?;
    let expected = if op == "remove" { 2 } else { 3 };
    if fields.len() != expected {
        return Err(format!("{op} has {expected} fields"));
    }
    let tokens = tokens(path)?;
    let (last, parents) = tokens.split_last().ok_or("the whole document")?;
    let mut parent = document;
    for token in parents {
        parent = match parent {
            Value::Object(map) => map.get_mut(token).ok_or("no such parent")?,
            Value::Array(list) => {
                let index = index(token, list.len())?;
                &mut list[index]
            }
            _ => return Err("a parent is no object or list".to_owned()),
        };
    }
    let value = fields.get("value");
    match (op, parent) {
        ("add", Value::Object(map)) => {
            map.insert(last.clone(), value.ok_or("no value")?.clone());
        }
        ("add", Value::Array(list)) => {
            let at = if last == "-" {
                list.len()
            } else {
                index(last, list.len() + 1)?
            };
            list.insert(at, value.ok_or("no value")?.clone());
        }
        ("replace", Value::Object(map)) => {
            *map.get_mut(last).ok_or("nothing to replace")? = value.ok_or("no value")?.clone();
        }
        ("replace", Value::Array(list)) => {
            let at = index(last, list.len())?;
            list[at] = value.ok_or("no value")?.clone();
        }
        ("remove", Value::Object(map)) => {
            map.shift_remove(last).ok_or("nothing to remove")?;
        }
        ("remove", Value::Array(list)) => {
            let at = index(last, list.len())?;
            list.remove(at);
        }
        (_, Value::Object(_) | Value::Array(_)) => return Err("no such op".to_owned()),
        _ => return Err("the parent is no object or list".to_owned()),
    }
    Ok(())
}

fn tokens(path: &str) -> Result<Vec<String>, String> {
    let rest = path.strip_prefix('/').ok_or("a pointer starts with /")?;
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    Ok(rest.split('/').map(unescape).collect())
}

fn index(token: &str, below: usize) -> Result<usize, String> {
    let plain =
        token.bytes().all(|b| b.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    let index = token
        .parse::<usize>()
        .ok()
        .filter(|index| plain && *index < below);
    index.ok_or_else(|| format!("index {token:?} of a list of {below}"))
}
