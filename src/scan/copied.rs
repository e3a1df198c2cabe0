//! What kubectl notes of an object in its metadata: a copy of what was applied, from which nothing runs. The object is
//! judged itself. Pure.

use serde_json::Value;

use crate::manifest::push_token;

/// The annotation.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The pointers to such copies in a document, of whatever object in it.
pub(super) fn pointers(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(document, &mut String::new(), &mut found);
    found
}

fn walk(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    let mut inner = |value: &Value, key: &str, at: &mut String| {
        at.push('/');
        push_token(at, key);
        walk(value, at, found);
        at.truncate(length);
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                inner(item, &index.to_string(), at);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                inner(value, key, at);
            }
        }
        Value::String(_) if is_copy(at) => found.push(at.clone()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a pointer is that of the annotation in an object's metadata.
fn is_copy(at: &str) -> bool {
    let Some((holder, key)) = at.rsplit_once('/') else {
        return false;
    };
    key.replace("~1", "/") == COPY && holder.ends_with("/metadata/annotations")
}

/// Whether a text may have one.
pub(super) fn may_be_in(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), COPY.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_annotation_of_metadata_is_a_copy() {
        let of = |holder: &str| json!({holder: {"annotations": {COPY: "{}", "x": "y"}}});
        let list = json!({"items": [of("metadata"), of("data")], "metadata": {COPY: "{}"}});
        let found = pointers(&list);
        let key = COPY.replace('/', "~1");
        assert_eq!(found, [format!("/items/0/metadata/annotations/{key}")]);
        assert!(may_be_in(&list.to_string()) && !may_be_in("metadata"));
    }
}
