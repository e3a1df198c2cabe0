//! A `subPath`, a `subPathExpr` or a variable of a container, rewritten for the sidecar.
//!
//! The same expression means something else in another container, whose variables differ. Known values are
//! written out; a value that only the kubelet knows is read from a variable of the sidecar with the same
//! source.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json::{Text, from_str, object};
use crate::model::expand::{Expanded, Piece, literal};
use crate::model::notice::Why;
use crate::model::path::CleanPath;
use crate::model::view::VolumeMount;
use crate::names;
use crate::plan::container::EnvEntry;

/// Variables of the sidecar that were copied from containers.
#[derive(Default)]
pub(super) struct Copies<'p> {
    /// The number of the first one.
    pub(super) first: usize,
    known: BTreeMap<&'p str, String>,
    pub(super) env: Vec<EnvEntry<'p>>,
}

impl<'p> Copies<'p> {
    /// The part of a volume that `mount` shows, for the sidecar. `expanded` is its `subPathExpr`.
    ///
    /// # Errors
    /// If it cannot be written, or the kubelet would not accept it.
    pub(super) fn sub_path(
        &mut self,
        mount: &VolumeMount<'_>,
        expanded: Option<Expanded<'p>>,
    ) -> Result<SubPath, Why> {
        let Some(expanded) = expanded else {
            return Ok(match &*mount.sub_path {
                "" => SubPath::None,
                sub => SubPath::Literal(sub.to_owned()),
            });
        };
        if let Some(text) = expanded.known() {
            refused_by_kubelet(text)?;
            return Ok(SubPath::Literal(text.to_owned()));
        }
        let expression = match expanded {
            Expanded::Pieces(pieces) if !pieces.iter().any(is_unset) => self.expression(&pieces),
            Expanded::Pieces(_) | Expanded::Unknown => None,
        };
        let expression = expression.ok_or(Why::UnknownSubPath)?;
        refused_by_kubelet(&expression)?;
        Ok(SubPath::Expression(expression))
    }

    /// A variable that has the same value in the sidecar, in which it must come after those that were copied.
    /// `None` if that value is not known there.
    pub(super) fn variable(
        &mut self,
        name: &'static str,
        value: &Expanded<'p>,
    ) -> Option<EnvEntry<'p>> {
        match value {
            Expanded::Pieces(pieces) => match pieces.as_slice() {
                // Where it is optional and missing, there is no variable, and not one of `$(…)`.
                [piece @ Piece::From(source)] if is_same_elsewhere(piece) => {
                    Some(EnvEntry::from_source(name, source))
                }
                pieces => Some(EnvEntry::new(name, self.expression(pieces)?)),
            },
            Expanded::Unknown => None,
        }
    }

    /// The text of which a kubelet makes the same in the sidecar. `None` if a part has another value there.
    fn expression(&mut self, pieces: &[Piece<'p>]) -> Option<String> {
        if !pieces.iter().all(is_same_elsewhere) {
            return None;
        }
        let mut expression = String::new();
        for piece in pieces {
            match piece {
                Piece::Known(text) => expression.push_str(&literal(text)),
                Piece::From(source) => {
                    expression.push_str("$(");
                    expression.push_str(&self.copied_variable(source));
                    expression.push(')');
                }
                Piece::Unset(name) => {
                    expression.push_str("$(");
                    expression.push_str(name);
                    expression.push(')');
                }
            }
        }
        Some(expression)
    }

    /// The sidecar's variable with that source. It gets a name of ours: one of the author's choice (`PATH`,
    /// `DOCKER_DRIVER`) could change the daemon.
    fn copied_variable(&mut self, source: &'p RawValue) -> String {
        let next = self.first + self.known.len();
        match self.known.entry(source.get()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let name = format!("{}{next}", names::env::COPIED);
                self.env.push(EnvEntry::from_source(name.clone(), source));
                new.insert(name).clone()
            }
        }
    }
}

pub(super) enum SubPath {
    None,
    Literal(String),
    /// A `subPathExpr` with the sidecar's own variables.
    Expression(String),
}

impl SubPath {
    pub(super) fn literal<'a>(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Literal(text) => Some(Cow::Owned(text.clone())),
            Self::None | Self::Expression(_) => None,
        }
    }

    pub(super) fn expression(&self) -> Option<String> {
        match self {
            Self::Expression(text) => Some(text.clone()),
            Self::None | Self::Literal(_) => None,
        }
    }
}

fn is_unset(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Unset(_))
}

/// Whether a piece means the same in the sidecar as in its container, if that has no `envFrom`. A resource without a container's name
/// means that of the container that reads it, and a file of a volume may not be there yet when the sidecar starts.
/// Source: `k8s.io/api/core/v1/types.go`, `EnvVarSource`, `ResourceFieldSelector`.
fn is_same_elsewhere(piece: &Piece<'_>) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(
        remote = "Self",
        default,
        rename_all = "camelCase",
        bound(deserialize = "'de: 'a")
    )]
    struct Source<'a> {
        field_ref: Option<IgnoredAny>,
        config_map_key_ref: Option<IgnoredAny>,
        secret_key_ref: Option<IgnoredAny>,
        resource_field_ref: Option<Amount<'a>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(
        remote = "Self",
        default,
        rename_all = "camelCase",
        bound(deserialize = "'de: 'a")
    )]
    struct Amount<'a> {
        container_name: Text<'a>,
    }
    object!(Source<'a>, Amount<'a>);
    match piece {
        Piece::Known(_) | Piece::Unset(_) => true,
        Piece::From(source) => from_str::<Source<'_>>(source.get()).is_ok_and(|source| {
            let amount = source.resource_field_ref;
            source.field_ref.is_some()
                || source.config_map_key_ref.is_some()
                || source.secret_key_ref.is_some()
                || amount.is_some_and(|amount| !amount.container_name.is_empty())
        }),
    }
}

/// Why the kubelet would not start a container with it: an expression can expand to a path that the API
/// server would refuse as `subPath`.
/// Source: `pkg/kubelet/kubelet_pods.go`, `makeMounts`.
fn refused_by_kubelet(sub_path: &str) -> Result<(), Why> {
    if sub_path.starts_with('/') {
        Err(Why::AbsoluteSubPath)
    } else if sub_path.split('/').any(|part| part == "..") {
        Err(Why::SubPathUpwards)
    } else {
        Ok(())
    }
}

/// Whether two `subPath` are one, however they are spelled: `repo/` is `repo`.
pub(super) fn is_same_part(one: Option<&str>, other: Option<&str>) -> bool {
    CleanPath::new(one.unwrap_or_default()) == CleanPath::new(other.unwrap_or_default())
}
