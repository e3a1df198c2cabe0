//! `$(NAME)` in a `subPathExpr`, expanded as the kubelet does.
//!
//! The text may come from a hostile author: `A=$(B)$(B)`, `B=$(C)$(C)`, … doubles at each step, so nothing
//! grows beyond `LONGEST`. Values that are unknown at admission (a Secret's key, `envFrom`, a Service's
//! variables) are never guessed.
//! Source: `k8s.io/kubernetes/third_party/forked/golang/expansion/expand.go` and
//! `pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`.

use std::collections::BTreeMap;

use crate::model::view::Container;
use serde_json::value::RawValue;

/// Bytes: `PATH_MAX` of Linux.
const LONGEST: usize = 4096;
/// Bytes of all values of one container together. Beyond it a value is not kept, so that a variable of 4 KB
/// that a hundred thousand others name cannot fill the memory.
const MOST_KEPT: usize = 256 << 10;
/// No path that a person wrote has more parts.
const MOST_PIECES: usize = 64;

#[derive(Clone, Debug)]
pub enum Piece<'a> {
    Known(String),
    /// The value of a variable with this `valueFrom`, known to the kubelet.
    From(&'a RawValue),
    /// A variable that is not in the container's `env`. It may be a Service's, or come from `envFrom`; the
    /// kubelet keeps `$(NAME)` as text if it is neither.
    Unset(String),
}

impl Piece<'_> {
    /// The cost of keeping and reading it, in bytes.
    fn size(&self) -> usize {
        match self {
            Self::Known(text) | Self::Unset(text) => text.len() + size_of::<Self>(),
            Self::From(source) => source.get().len() + size_of::<Self>(),
        }
    }
}

/// An expanded text. Variables in it may be unknown.
#[derive(Clone, Debug)]
pub enum Expanded<'a> {
    /// The parts, in order, with no two [`Piece::Known`] side by side.
    Pieces(Vec<Piece<'a>>),
    /// It would grow beyond `LONGEST`.
    Unknown,
}

impl Expanded<'_> {
    /// The cost of making it, in bytes.
    pub fn length(&self) -> usize {
        match self {
            Self::Pieces(pieces) => pieces.iter().map(Piece::size).sum(),
            Self::Unknown => LONGEST,
        }
    }

    /// The whole text, if all of it is known.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Pieces(pieces) => match pieces.as_slice() {
                [] => Some(""),
                [Piece::Known(text)] => Some(text),
                _ => None,
            },
            Self::Unknown => None,
        }
    }
}

/// `text` escaped so that a kubelet reads exactly this text and expands nothing in it.
pub fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// The variables of one container, evaluated once.
pub struct Environment<'c, 'a> {
    values: BTreeMap<&'c str, Expanded<'a>>,
}

impl<'c, 'a> Environment<'c, 'a> {
    /// Evaluates `env` in order: a variable sees only those before it.
    pub fn of(container: &'c Container<'a>) -> Self {
        let mut environment = Self {
            values: BTreeMap::new(),
        };
        let mut kept = 0;
        for var in container.env.iter() {
            let value = match var.value_from {
                // Do not expand what would not be kept.
                _ if kept > MOST_KEPT => Expanded::Unknown,
                // It would be read again by each variable that names it.
                Some(source) if source.get().len() > LONGEST => Expanded::Unknown,
                Some(source) => Expanded::Pieces(vec![Piece::From(source)]),
                None => environment.expand(&var.value),
            };
            kept += value.length();
            environment.values.insert(&var.name, value);
        }
        environment
    }

    /// The value of a variable of `env`.
    pub fn value(&self, name: &str) -> Option<&Expanded<'a>> {
        self.values.get(name)
    }

    pub fn expand(&self, text: &str) -> Expanded<'a> {
        let mut out = Builder::default();
        let mut rest = text;
        // Set once no `)` follows: otherwise each `$(` in megabytes of text would search to the end.
        let mut is_closed = true;
        while let Some(dollar) = rest.find('$') {
            out.push(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            rest = match after.chars().next() {
                // A lone "$" at the end stays.
                None => {
                    out.push("$");
                    after
                }
                Some('$') => {
                    out.push("$");
                    &after[1..]
                }
                Some('(') => match is_closed.then(|| after.find(')')).flatten() {
                    Some(end) => {
                        match self.values.get(&after[1..end]) {
                            Some(Expanded::Pieces(pieces)) => out.append(pieces),
                            Some(Expanded::Unknown) => return Expanded::Unknown,
                            None => out.unset(&after[1..end]),
                        }
                        &after[end + 1..]
                    }
                    None => {
                        is_closed = false;
                        out.push("$(");
                        &after[1..]
                    }
                },
                Some(other) => {
                    out.push("$");
                    out.push(&after[..other.len_utf8()]);
                    &after[other.len_utf8()..]
                }
            };
            if out.is_too_much() {
                return Expanded::Unknown;
            }
        }
        out.push(rest);
        if out.is_too_much() {
            return Expanded::Unknown;
        }
        Expanded::Pieces(out.pieces)
    }
}

#[derive(Default)]
struct Builder<'a> {
    pieces: Vec<Piece<'a>>,
    length: usize,
}

impl<'a> Builder<'a> {
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.length += text.len();
        match self.pieces.last_mut() {
            Some(Piece::Known(last)) => last.push_str(text),
            Some(Piece::From(_) | Piece::Unset(_)) | None => {
                // Most texts grow once: a name, and what comes after it.
                let mut known = String::with_capacity(text.len() + 32);
                known.push_str(text);
                self.pieces.push(Piece::Known(known));
            }
        }
    }

    fn unset(&mut self, name: &str) {
        self.length += name.len();
        self.pieces.push(Piece::Unset(name.to_owned()));
    }

    fn append(&mut self, pieces: &[Piece<'a>]) {
        for piece in pieces {
            match piece {
                Piece::Known(text) => self.push(text),
                Piece::From(source) => self.pieces.push(Piece::From(source)),
                Piece::Unset(name) => self.unset(name),
            }
        }
    }

    fn is_too_much(&self) -> bool {
        self.length > LONGEST || self.pieces.len() > MOST_PIECES
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn expand(env: &str, text: &str) -> Option<String> {
        let container = format!(r#"{{"name":"c","env":{env}}}"#);
        let container: Container<'_> = crate::json::from_str(&container).unwrap();
        let expanded = Environment::of(&container).expand(text);
        expanded.known().map(str::to_owned)
    }

    #[test]
    fn expands_what_the_kubelet_expands() {
        let env = r#"[{"name":"A","value":"docker"},{"name":"B","value":"$(A).sock"}]"#;
        for (text, expected) in [
            ("$(B)", "docker.sock"),
            ("x/$(A)/y", "x/docker/y"),
            ("$$(A)", "$(A)"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("$(A) $(A $(B", "docker $(A $(B"),
            ("cost$", "cost$"),
            ("$é", "$é"),
            ("", ""),
        ] {
            assert_eq!(expand(env, text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn never_guesses_what_only_the_kubelet_knows() {
        let env = r#"[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]"#;
        assert_eq!(expand(env, "$(A)"), None);
        assert_eq!(expand(env, "$(OTHER)"), None);
        assert_eq!(expand(env, "plain").as_deref(), Some("plain"));
    }

    #[test]
    fn a_value_that_doubles_at_each_step_stays_small() {
        let mut env = vec![r#"{"name":"V0","value":"xxxxxxxx"}"#.to_owned()];
        for step in 1..64 {
            let before = step - 1;
            env.push(format!(
                r#"{{"name":"V{step}","value":"$(V{before})$(V{before})"}}"#
            ));
        }
        assert_eq!(expand(&format!("[{}]", env.join(",")), "$(V63)"), None);
    }
}
