//! What a file of Terraform gives to names: variables by their defaults, and locals.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Body};

/// `var.x` with its default, and `local.x`.
pub(super) fn variables(body: &Body) -> HashMap<String, &Expression> {
    let all = given(body).into_iter();
    all.map(|(name, _, one)| (name, &one.value)).collect()
}

/// The bytes of those that are not among `used`: of a variable its name and its default, of a local both as they stand.
pub(super) fn unused(body: &Body, used: &HashSet<String>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (name, block, one) in given(body) {
        if !used.contains(&name) {
            let label = block.labels.first().and_then(|label| label.span());
            found.extend(label);
            found.extend(one.span());
        }
    }
    found
}

/// Each by its name, with the block and the attribute that give it.
fn given(body: &Body) -> Vec<(String, &Block, &Attribute)> {
    let mut found = Vec::new();
    for block in body.blocks() {
        match block.ident.as_str() {
            "variable" => {
                let default = block.body.get_attribute("default");
                if let (Some(label), Some(default)) = (block.labels.first(), default) {
                    found.push((format!("var.{}", label.as_str()), block, default));
                }
            }
            "locals" => {
                for one in block.body.attributes() {
                    found.push((format!("local.{}", one.key.as_str()), block, one));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_no_block_uses_has_its_bytes() {
        let text = "variable \"a\" {\n  description = \"x\"\n  default = 1\n}\nlocals {\n  b = 2\n  c = 3\n}\n";
        let body = hcl_edit::parser::parse_body(text).unwrap();
        let used = HashSet::from(["local.b".to_owned()]);
        let found = unused(&body, &used).into_iter();
        let found: Vec<_> = found.map(|bytes| text[bytes].trim()).collect();
        assert_eq!(found, ["\"a\"", "default = 1", "c = 3"]);
    }
}
