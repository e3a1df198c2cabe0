//! The lists that a hostPath is filled in from, where that is done in a loop: `range` and `with` of a template, `for` of
//! Jinja, `loop` and `with_items` of Ansible, `for_each` of Terraform.
//!
//! Inside of a loop a value is known by `item.path`, `.path` or `each.value`, which name nothing that another file gives;
//! the list has a name of its own. Pure.

use serde_json::Value;

use crate::scan::given;

/// Bytes of a tag that are looked at.
const LONGEST: usize = 512;

/// Loops in loops end here.
const MAX_DEPTH: usize = 32;

/// A part of a template between a tag and its end.
#[derive(Debug)]
struct Block<'t> {
    start: usize,
    /// Nothing, as long as it is open.
    end: Option<usize>,
    /// The block that it is in.
    parent: Option<usize>,
    /// What is looped over; none for a condition.
    list: Option<&'t str>,
}

/// The loops of a template.
#[derive(Debug, Default)]
pub struct Loops<'t>(Vec<Block<'t>>);

impl<'t> Loops<'t> {
    /// Those of `text`.
    pub fn of(text: &'t str) -> Self {
        let mut blocks: Vec<Block<'t>> = Vec::new();
        let mut open: Option<usize> = None;
        for (start, tag) in tags(text) {
            let tag = tag.trim_matches(['-', '+', ' ', '\t', '\n', '\r']);
            let word = tag.split_whitespace().next().unwrap_or_default();
            match word {
                "range" | "with" | "for" | "if" | "define" | "block" | "macro" => {
                    let is_loop = matches!(word, "range" | "with" | "for");
                    blocks.push(Block {
                        start,
                        end: None,
                        parent: open,
                        list: is_loop.then_some(tag),
                    });
                    open = Some(blocks.len() - 1);
                }
                "end" | "endfor" | "endif" | "endwith" | "endblock" | "endmacro" => {
                    if let Some(block) = open.and_then(|index| blocks.get_mut(index)) {
                        block.end = Some(start);
                        open = block.parent;
                    }
                }
                _ => {}
            }
        }
        Self(blocks)
    }

    /// The names of what the loops around a byte are given.
    pub fn names(&self, byte: usize) -> Vec<String> {
        let mut names = Vec::new();
        let last = self.0.partition_point(|block| block.start < byte);
        let mut at = last.checked_sub(1);
        for _ in 0..MAX_DEPTH {
            let Some(block) = at.and_then(|index| self.0.get(index)) else {
                break;
            };
            if block.end.is_none_or(|end| byte < end) {
                names.extend(block.list.map(given::names).unwrap_or_default());
            }
            at = block.parent;
        }
        names
    }
}

/// What stands between `{{` and `}}`, or `{%` and `%}`, each with where it starts.
pub(super) fn tags(text: &str) -> impl Iterator<Item = (usize, &str)> {
    memchr::memchr_iter(b'{', text.as_bytes()).filter_map(move |at| {
        let rest = text.get(at + 1..)?;
        let close = match rest.as_bytes().first()? {
            b'{' => "}}",
            b'%' => "%}",
            _ => return None,
        };
        let tag = rest.get(1..)?;
        let head = &tag.as_bytes()[..tag.len().min(LONGEST)];
        let end = memchr::memmem::find(head, close.as_bytes())?;
        Some((at, tag.get(..end)?))
    })
}

/// The names of the lists that the mappings around a place of a document are made for, each once.
pub fn of_document(document: &Value, pointer: &str) -> Vec<String> {
    let is_list =
        |key: &str| matches!(key, "loop" | "for_each" | "forEach") || key.starts_with("with_");
    let mut names = Vec::new();
    let mut ends = memchr::memchr_iter(b'/', pointer.as_bytes());
    let mut at = Some(document);
    let mut start = ends.next();
    while let Some(value) = at {
        for (key, list) in value.as_object().into_iter().flatten() {
            if let Some(list) = list.as_str().filter(|_| is_list(key)) {
                names.extend(given::names(list));
            }
        }
        let Some(from) = start else { break };
        start = ends.next();
        let token = pointer.get(from..start.unwrap_or(pointer.len()));
        at = token.and_then(|token| value.pointer(token));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_list_of_a_loop_has_a_name() {
        for (text, names) in [
            ("{{- range .Values.dirs }}\n{{ .path }}X", vec!["dirs"]),
            (
                "{{ range $k, $v := .Values.dirs }}{{ if .x }}X",
                vec!["dirs"],
            ),
            ("{% for d in host_dirs %}X", vec!["host_dirs"]),
            ("{{ range .Values.dirs }}{{ end }}X", vec![]),
            (
                "{{ with .Values.own }}{{ range .dirs }}{{ end }}X",
                vec!["own"],
            ),
        ] {
            let found = Loops::of(text).names(text.find('X').unwrap_or_default());
            assert_eq!(found, names, "{text}");
        }
    }

    #[test]
    fn the_list_of_a_task_stands_beside_what_it_makes() {
        let task = json!({"k8s": {"spec": {"path": "{{ item.path }}"}}, "loop": "{{ host_dirs }}"});
        assert_eq!(of_document(&task, "/k8s/spec/path"), ["host_dirs"]);
        let block = json!({"volumes": [{"for_each": "${var.dirs}", "path": "${volume.value}"}]});
        assert_eq!(of_document(&block, "/volumes/0/path"), ["dirs"]);
    }
}
