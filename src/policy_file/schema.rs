//! The file's form, for editors and for the documentation.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::policy_file::document;

pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Policy of dind-injector",
        "description": "Which Pods get their own Docker daemon, which are refused, and which rule decides.",
    });
    if let (Value::Object(schema), Value::Object(form)) = (&mut schema, document::schema()) {
        schema.extend(form);
    }
    schema
}

/// Every field as Markdown tables, one for each mapping, in the order of the schema.
pub fn tables() -> String {
    let mut schema = schema();
    let fields = |of: Option<&Value>| of?.get("properties")?.as_object().cloned();
    let shared = fields(schema.pointer("/properties/default")).unwrap_or_default();
    if let Some(Value::Object(rule)) = schema.pointer_mut("/properties/rules/items/properties") {
        rule.retain(|name, _| !shared.contains_key(name));
        rule.insert(
            "…".to_owned(),
            json!({"description": "Every field of `default`, for the Pods that match."}),
        );
    }
    let mut out = String::new();
    table(&mut out, "", &schema);
    out
}

fn table(out: &mut String, path: &str, mapping: &Value) {
    let Some(properties) = mapping.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required: Vec<&str> = mapping
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let title = if path.is_empty() {
        "The file".to_owned()
    } else {
        format!("`{path}`")
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "### {title}\n\n| field | form | default | meaning |");
    out.push_str("| --- | --- | --- | --- |\n");
    for (name, field) in properties {
        let default = match field.get("default") {
            _ if required.contains(&name.as_str()) => "required".to_owned(),
            None => String::new(),
            Some(value) => format!("`{}`", plain(value)),
        };
        let about = field
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "| `{name}` | {} | {default} | {about}{} |",
            form(field),
            meanings(field)
        );
    }
    out.push('\n');
    for (name, field) in properties {
        let (below, mapping) = match field.get("items") {
            Some(items) => (format!("{name}[]"), items),
            None => (name.clone(), field),
        };
        let below = if path.is_empty() {
            below
        } else {
            format!("{path}.{below}")
        };
        table(out, &below, mapping);
    }
}

/// A default as it would be written.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The type of a field's values, in a few words.
fn form(field: &Value) -> String {
    let text = |value: &Value| plain(value);
    if let Some(only) = field.get("const") {
        return format!("`{}`", text(only));
    }
    if let Some(values) = field.get("enum").and_then(Value::as_array) {
        let names: Vec<String> = values.iter().map(|v| format!("`{}`", text(v))).collect();
        return names.join(", ");
    }
    if let Some(options) = field.get("anyOf").and_then(Value::as_array) {
        let forms: Vec<String> = options.iter().map(form).collect();
        return forms.join(" or ");
    }
    match field.get("type") {
        Some(Value::String(kind)) if kind == "array" => {
            format!(
                "list of {}",
                form(field.get("items").unwrap_or(&Value::Null))
            )
        }
        Some(Value::String(kind)) if kind == "object" => match field.get("additionalProperties") {
            Some(Value::Object(values)) => {
                format!("mapping to {}", form(&Value::Object(values.clone())))
            }
            _ => "mapping".to_owned(),
        },
        Some(Value::String(kind)) if kind == "integer" => {
            let bound = |name: &str| field.get(name).map(ToString::to_string).unwrap_or_default();
            format!("{} to {}", bound("minimum"), bound("maximum"))
        }
        Some(Value::String(kind)) => kind.clone(),
        Some(_) => "quantity".to_owned(),
        None => String::new(),
    }
}

/// The meaning of each value of a choice.
fn meanings(field: &Value) -> String {
    let list = |field: &Map<String, Value>, name: &str| -> Vec<String> {
        let values = field.get(name).and_then(Value::as_array);
        values.map_or_else(Vec::new, |values| values.iter().map(plain).collect())
    };
    let choice = match field.get("items") {
        Some(items) => items.as_object(),
        None => field.as_object(),
    };
    let Some(choice) = choice else {
        return String::new();
    };
    let pairs: Vec<String> = list(choice, "enum")
        .iter()
        .zip(list(choice, "enumDescriptions"))
        .map(|(name, meaning)| format!("`{name}`: {meaning}"))
        .collect();
    if pairs.is_empty() {
        return String::new();
    }
    format!(" {}.", pairs.join("; "))
}
