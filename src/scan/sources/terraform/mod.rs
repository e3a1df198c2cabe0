//! Terraform: `kubernetes_*` resources, manifests in HCL, and the values of a `helm_release`, each
//! block as a document like any other.
//!
//! Variables with a default and locals of the same file are filled in; every other expression is a
//! placeholder (`${…}`) that the rules for placeholders see. Nothing is run and no other file is read.
//! Source: the schema of hashicorp/kubernetes (`structures_pod.go`), whose blocks are the API's
//! fields in snake case and the singular.

mod names;
mod variables;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, Body, Structure};
use hcl_edit::template::{Element, Template};
use serde_json::{Map, Value, json};

use crate::manifest::{Document, Positions, below};

use crate::scan::mentions::LineIndex;
use crate::scan::sources::terraform::names::{KINDS, LISTS, Names, field};
use crate::scan::sources::terraform::variables::{unused, variables};

/// What a file of Terraform says.
#[derive(Debug, Default)]
pub struct Terraform {
    /// Its blocks, each with the places of what it holds.
    pub documents: Vec<Document>,
    /// What variables and locals are given, each with its bytes.
    pub assigned: Vec<(String, Range<usize>)>,
    /// The bytes of variables with a default and of locals that none of the blocks uses: another file may.
    pub unused: Vec<Range<usize>>,
}

/// A text that is no HCL.
#[derive(Debug, thiserror::Error)]
#[error("this is not valid HCL: {message}")]
pub struct HclError {
    /// The line, from 1.
    pub line: u32,
    message: String,
}

/// What a block is made for each of.
const EACH: &str = "for_each";

/// Expressions in expressions end here.
const MAX_DEPTH: usize = 32;

/// Whether `text` may be such a file.
pub fn looks_like(text: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| {
        ["resource \"", "module \"", "locals {", "variable \""]
            .iter()
            .any(|start| line.starts_with(start))
    })
}

/// Reads a file of Terraform.
///
/// # Errors
/// Where it is no HCL.
pub fn read(text: &str) -> Result<Terraform, HclError> {
    let body = hcl_edit::parser::parse_body(text).map_err(|error| HclError {
        line: u32::try_from(error.location().line()).unwrap_or(u32::MAX),
        message: error.message().to_owned(),
    })?;
    let mut reader = Reader {
        text,
        lines: LineIndex::of(text),
        variables: variables(&body),
        positions: Positions::default(),
        assigned: Vec::new(),
        used: HashSet::new(),
        depth: 0,
    };
    let mut found = Terraform::default();
    for block in body.blocks() {
        if matches!(block.ident.as_str(), "variable" | "locals") {
            continue;
        }
        reader.positions = Positions::default();
        let value = reader.document(block);
        found.documents.push(Document {
            value,
            line: reader.lines.place(block.span().unwrap_or_default().start).0,
            positions: Some(std::mem::take(&mut reader.positions)),
        });
    }
    found.assigned = reader.assigned;
    found.unused = unused(&body, &reader.used);
    Ok(found)
}

struct Reader<'t> {
    text: &'t str,
    lines: LineIndex<'t>,
    variables: HashMap<String, &'t Expression>,
    positions: Positions,
    assigned: Vec<(String, Range<usize>)>,
    /// The variables and locals that were filled in, by their names.
    used: HashSet<String>,
    depth: usize,
}

impl Reader<'_> {
    fn document(&mut self, block: &Block) -> Value {
        let label = |index: usize| block.labels.get(index).map(|label| label.as_str());
        let kind = match block.ident.as_str() {
            "resource" | "data" => label(0).unwrap_or_default(),
            other => other,
        };
        self.place("", block.span(), None);
        let base = kind.trim_end_matches("_v1").trim_end_matches("_v1beta1");
        let names = match base {
            _ if base.starts_with("kubernetes_") && base != "kubernetes_manifest" => Names::Fields,
            _ => Names::Own,
        };
        let body = self.body(&block.body, "", names);
        let mut object = match body {
            Value::Object(object) => object,
            other => return other,
        };
        if kind == "kubernetes_manifest"
            && let Some(Value::Object(_)) = object.get("manifest")
        {
            // It stands one level further down than the object that it is.
            let positions = std::mem::take(&mut self.positions);
            self.positions = positions.below("/manifest");
            return object.remove("manifest").unwrap_or_default();
        }
        if let Some((_, version, kind)) = KINDS.iter().find(|(resource, ..)| *resource == base) {
            object.insert("apiVersion".to_owned(), (*version).into());
            object.insert("kind".to_owned(), (*kind).into());
            return Value::Object(object);
        }
        object.insert("kind".to_owned(), kind.into());
        let name = object.get("name").and_then(Value::as_str);
        let name = name.or_else(|| block.labels.last().map(|label| label.as_str()));
        let metadata = json!({"name": name, "namespace": object.get("namespace")});
        object.entry("metadata").or_insert(metadata);
        Value::Object(object)
    }

    fn body(&mut self, body: &Body, at: &str, names: Names) -> Value {
        let mut object = Map::new();
        self.fields(body, at, names, &mut object);
        Value::Object(object)
    }

    fn fields(&mut self, body: &Body, at: &str, names: Names, object: &mut Map<String, Value>) {
        for structure in body.iter() {
            match structure {
                Structure::Attribute(one) => {
                    let key = field(one.key.as_str(), names);
                    let at = below(at, &key);
                    self.place(&at, one.value.span(), one.span().map(|span| span.start));
                    let value = self.value(&one.value, &at);
                    object.insert(key, value);
                }
                Structure::Block(block) => self.block(block, at, names, object),
            }
        }
    }

    fn block(&mut self, block: &Block, at: &str, names: Names, object: &mut Map<String, Value>) {
        let (name, body, each) = match (block.ident.as_str(), block.labels.first()) {
            // `dynamic "volume" { for_each = …  content { … } }`
            ("dynamic", Some(label)) => {
                let content = block.body.get_blocks("content").next();
                let body = content.map_or(&block.body, |one| &one.body);
                (label.as_str(), body, block.body.get_attribute(EACH))
            }
            (name, _) => (name, &block.body, None),
        };
        if name == "persistent_volume_source" {
            self.fields(body, at, names, object);
            return;
        }
        let list = LISTS.iter().find(|(one, _)| *one == name);
        let key = match (list, names) {
            (Some((_, list)), Names::Fields) => (*list).to_owned(),
            _ => field(name, names),
        };
        let before = object.remove(&key);
        let is_list = names == Names::Fields && list.is_some();
        let at = below(at, &key);
        let mut list = match before {
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
            None if !is_list => {
                self.place(&at, block.span(), None);
                object.insert(key, self.body(body, &at, names));
                return;
            }
            None => Vec::new(),
        };
        let at = format!("{at}/{}", list.len());
        self.place(&at, block.span(), None);
        let mut one = self.body(body, &at, names);
        // By what it is filled in.
        if let (Some(each), Value::Object(fields)) = (each, &mut one) {
            let each = self.raw(each.value.span()).into();
            fields.insert(EACH.to_owned(), each);
        }
        list.push(one);
        object.insert(key, Value::Array(list));
    }

    fn value(&mut self, expression: &Expression, at: &str) -> Value {
        if self.depth >= MAX_DEPTH {
            return Value::Null;
        }
        self.depth += 1;
        let value = self.inner(expression, at);
        self.depth -= 1;
        value
    }

    fn inner(&mut self, expression: &Expression, at: &str) -> Value {
        match expression {
            Expression::Null(_) => Value::Null,
            Expression::Bool(value) => (**value).into(),
            Expression::Number(value) => match (value.as_i64(), value.as_f64()) {
                (Some(number), _) => number.into(),
                (None, Some(number)) => number.into(),
                (None, None) => Value::Null,
            },
            Expression::String(text) => text.as_str().into(),
            Expression::Array(list) => {
                let mut values = Vec::new();
                for (index, one) in list.iter().enumerate() {
                    let at = format!("{at}/{index}");
                    self.place(&at, one.span(), None);
                    values.push(self.value(one, &at));
                }
                Value::Array(values)
            }
            Expression::Object(object) => {
                let mut map = Map::new();
                for (key, one) in object.iter() {
                    let name = match key {
                        ObjectKey::Ident(name) => name.as_str().to_owned(),
                        ObjectKey::Expression(key) => match self.value(key, at) {
                            Value::String(name) => name,
                            other => other.to_string(),
                        },
                    };
                    let at = below(at, &name);
                    self.place(&at, one.expr().span(), None);
                    let value = self.value(one.expr(), &at);
                    map.insert(name, value);
                }
                Value::Object(map)
            }
            Expression::StringTemplate(template) => {
                let elements = template.iter();
                self.joined(elements).into()
            }
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template).into(),
            Expression::Parenthesis(inner) => self.value(inner.inner(), at),
            Expression::Variable(_) => self.placeholder(expression),
            Expression::Traversal(traversal) => self.traversal(traversal, expression, at),
            Expression::FuncCall(call) => self.call(call, expression, at),
            Expression::Conditional(one) => match self.value(&one.true_expr, at) {
                // Of two lists or objects the one that has something.
                value @ (Value::Array(_) | Value::Object(_)) => value,
                _ => self.placeholder(expression),
            },
            Expression::UnaryOp(_) | Expression::BinaryOp(_) | Expression::ForExpr(_) => {
                self.placeholder(expression)
            }
        }
    }

    fn traversal(&mut self, traversal: &Traversal, whole: &Expression, at: &str) -> Value {
        let first = match (&traversal.expr, traversal.operators.first()) {
            (Expression::Variable(root), Some(first)) if traversal.operators.len() == 1 => {
                match &**first {
                    TraversalOperator::GetAttr(name) => {
                        format!("{}.{}", root.as_str(), name.as_str())
                    }
                    _ => return self.placeholder(whole),
                }
            }
            _ => return self.placeholder(whole),
        };
        let Some(given) = self.variables.get(&first).copied() else {
            return self.placeholder(whole);
        };
        let value = self.value(given, at);
        if let (Value::String(text), Some(bytes)) = (&value, given.span()) {
            self.assigned.push((text.clone(), bytes));
        }
        self.used.insert(first);
        value
    }

    /// What is written in HCL as text of another language is the value that it is given.
    fn call(&mut self, call: &FuncCall, whole: &Expression, at: &str) -> Value {
        let name = call.name.name.as_str();
        let first = call.args.iter().next();
        match (name, first) {
            (
                "yamlencode" | "jsonencode" | "tolist" | "toset" | "tomap" | "sensitive",
                Some(one),
            ) => self.value(one, at),
            // Their items keep no places of their own: the call's is theirs.
            ("concat", Some(_)) => {
                let lists = call.args.iter().map(|one| self.value(one, ""));
                let mut all = Vec::new();
                for list in lists.collect::<Vec<_>>() {
                    match list {
                        Value::Array(list) => all.extend(list),
                        other => all.push(other),
                    }
                }
                Value::Array(all)
            }
            ("merge", Some(_)) => {
                let maps: Vec<Value> = call.args.iter().map(|one| self.value(one, "")).collect();
                let maps = maps.into_iter().filter_map(|map| match map {
                    Value::Object(map) => Some(map),
                    _ => None,
                });
                Value::Object(maps.flatten().collect())
            }
            ("join" | "format", Some(_)) => {
                self.text(call).unwrap_or_else(|| self.placeholder(whole))
            }
            _ => self.placeholder(whole),
        }
    }

    /// What `join` and `format` make of texts that are known.
    fn text(&mut self, call: &FuncCall) -> Option<Value> {
        let args: Vec<Value> = call.args.iter().map(|one| self.value(one, "")).collect();
        let (first, rest) = args.split_first()?;
        let first = first.as_str()?;
        let lists = rest.iter().flat_map(|one| match one {
            Value::Array(list) => list.as_slice(),
            other => std::slice::from_ref(other),
        });
        let parts: Vec<&str> = lists.map(Value::as_str).collect::<Option<_>>()?;
        if call.name.name.as_str() == "join" {
            return Some(parts.join(first).into());
        }
        let mut pieces = first.split("%s");
        let mut text = pieces.next()?.to_owned();
        let mut parts = parts.into_iter();
        for piece in pieces {
            text.push_str(parts.next()?);
            text.push_str(piece);
        }
        Some(text.into())
    }

    fn template(&mut self, template: &Template) -> String {
        self.joined(template.iter())
    }

    fn joined<'e>(&mut self, elements: impl Iterator<Item = &'e Element>) -> String {
        let mut text = String::new();
        for element in elements {
            match element {
                Element::Literal(literal) => text.push_str(literal.as_str()),
                Element::Interpolation(one) => match self.value(&one.expr, "") {
                    Value::String(value) => text.push_str(&value),
                    Value::Number(value) => text.push_str(&value.to_string()),
                    Value::Bool(value) => text.push_str(&value.to_string()),
                    Value::Null | Value::Array(_) | Value::Object(_) => {
                        text.push_str(&format!("${{{}}}", self.raw(one.expr.span())));
                    }
                },
                Element::Directive(one) => text.push_str(self.raw(one.span())),
            }
        }
        text
    }

    /// `${…}`, with the expression as it is written.
    fn placeholder(&self, expression: &Expression) -> Value {
        format!("${{{}}}", self.raw(expression.span()).trim()).into()
    }

    fn raw(&self, bytes: Option<Range<usize>>) -> &str {
        bytes
            .and_then(|bytes| self.text.get(bytes))
            .unwrap_or_default()
    }

    fn place(&mut self, pointer: &str, bytes: Option<Range<usize>>, key: Option<usize>) {
        let Some(node) = bytes else { return };
        let position = self.lines.position(node, key);
        self.positions.insert(pointer, position);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn blocks_are_the_fields_of_the_api() {
        let text = r#"
variable "socket" { default = "/run/docker.sock" }
resource "kubernetes_daemon_set_v1" "agent" {
  metadata { name = "agent" }
  spec {
    template {
      spec {
        host_pid = true
        container {
          name = "c"
          volume_mount {
            name = "s"
            mount_path = var.mount
          }
        }
        volume {
          name = "s"
          host_path { path = var.socket }
        }
      }
    }
  }
}
"#;
        let found = read(text).unwrap();
        let document = &found.documents[0];
        let spec = document.value.pointer("/spec/template/spec").unwrap();
        assert_eq!(document.value["kind"], "DaemonSet");
        assert_eq!(spec["hostPID"], true);
        assert_eq!(spec["volumes"][0]["hostPath"]["path"], "/run/docker.sock");
        assert_eq!(
            spec["containers"][0]["volumeMounts"][0]["mountPath"],
            "${var.mount}"
        );
        let positions = document.positions.as_ref().unwrap();
        let pointer = "/spec/template/spec/volumes/0/hostPath/path";
        assert_eq!(positions.get(pointer).unwrap().line, 18);
        assert_eq!(&text[found.assigned[0].1.clone()], "\"/run/docker.sock\"");
    }

    #[test]
    fn what_is_no_hcl_says_where() {
        assert_eq!(
            read("resource \"x\" \"y\" {\n  a = \n}\n")
                .unwrap_err()
                .line,
            2
        );
    }
}
