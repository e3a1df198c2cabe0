//! What a cluster did not show, as gaps of the result: one for each place and reason.

use std::collections::BTreeMap;

use crate::scan::result::{Gap, Why};

/// Why a list could not be read.
pub(super) enum Failure {
    Forbidden(String),
    Missing,
    Expired(String),
    Other(String),
}

/// What the cluster did not show, by namespace.
#[derive(Default)]
pub(super) struct Refused(BTreeMap<(String, Why), (Vec<&'static str>, String)>);

impl Refused {
    pub(super) fn add(&mut self, scope: Option<String>, what: &'static str, failure: Failure) {
        let place = match scope {
            Some(namespace) => format!("namespace {namespace}"),
            None => "the cluster".to_owned(),
        };
        let (why, text) = match failure {
            Failure::Forbidden(text) => (Why::Forbidden, text),
            Failure::Missing => (Why::Cluster, "the API server does not know it".to_owned()),
            Failure::Expired(text) | Failure::Other(text) => (Why::Cluster, text),
        };
        let (lists, _) = self.0.entry((place, why)).or_insert((Vec::new(), text));
        lists.push(what);
    }

    pub(super) fn gaps(self) -> impl Iterator<Item = Gap> {
        self.0.into_iter().map(|((place, why), (mut lists, text))| {
            lists.sort_unstable();
            let verb = match why {
                Why::Forbidden => "not allowed to see",
                _ => "could not read",
            };
            Gap {
                place,
                line: None,
                why,
                message: format!("{verb} {}: {text}", lists.join(", ")),
                mentions: None,
            }
        })
    }
}
