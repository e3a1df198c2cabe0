//! The whole file.
//!
//! Rules refer to profiles and to `default`. So profiles are read first, then `default`, then the rules,
//! whatever their order in the file.

use std::sync::Arc;

use serde_json::Value;

use crate::decide::Policy;
use crate::decide::builtin;
use crate::decide::rule::Rule;
use crate::model::docs_url::DocsUrl;
use crate::model::profile::{DEFAULT_NAME, Profile};
use crate::model::sidecar_mode::SidecarMode;
use crate::model::sockets::Sockets;
use crate::names::API_VERSION;

use crate::policy_file::collection::{List, NamedRecords, Record};
use crate::policy_file::fields::{Fields, describe_mapping};
use crate::policy_file::kind::{Choice, Fixed, Kind};
use crate::policy_file::node::{Node, Report};
use crate::policy_file::registry::MIRROR;
use crate::policy_file::rule;
use crate::policy_file::rule::Known;
use crate::policy_file::socket::Socket;
use crate::policy_file::{KIND, SidecarChoice, profile};

pub(crate) struct Document {
    pub policy: Policy,
    pub sidecar_mode: SidecarChoice,
}

pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Document {
    fields.required(
        "apiVersion",
        "The version of this file's format.",
        &Fixed(API_VERSION),
    );
    fields.required("kind", "What the file is.", &Fixed(KIND));
    let sidecar_mode = fields.or(
        "sidecarMode",
        "How the sidecar is placed.",
        &Choice::<SidecarChoice>::new(),
        &SidecarChoice::Auto,
    );
    let sockets = fields.or(
        "sockets",
        "Other paths where nodes have a Docker socket, besides /var/run/docker.sock: of the socket itself, not \
         of its directory, and of no other runtime's.",
        &List::of(Socket),
        &Vec::new(),
    );
    let mirrors = fields.or_none(
        "registryMirrors",
        "Mirrors of Docker Hub, for every profile that does not name its own.",
        &List::of(MIRROR),
        &None,
    );
    let defined = fields.get(
        "profiles",
        "Sidecars that rules and annotations may choose, besides the built-in `privileged`, `userns` \
         and `rootless`. What a profile leaves out is as in the one that it extends.",
        &NamedRecords::new("profile", profile::read),
    );
    let mirrored = |mut profile: Profile| {
        profile.registry_mirrors = profile.registry_mirrors.or_else(|| mirrors.clone());
        Arc::new(profile)
    };
    let known: Vec<Arc<Profile>> = profile::all(defined.unwrap_or_default())
        .into_iter()
        .map(mirrored)
        .collect();
    let known = Known(&known);
    let base = known.get(DEFAULT_NAME);
    let base = base.unwrap_or_else(|| Arc::new(Profile::privileged()));
    let base = builtin::warn_rule(rule::DEFAULT, base);
    let otherwise = fields.get(
        "default",
        "Applies if no rule matches. Rules get the fields that they omit from it.",
        &Record(|fields: &mut Fields<'_, '_>| rule::read_default(fields, &base, known)),
    );
    let otherwise = otherwise.unwrap_or(base);
    let rules = fields.get(
        "rules",
        "The first rule that matches decides, for each way in which a Pod reaches or asks for a \
         daemon.",
        &Rules {
            base: &otherwise,
            known,
        },
    );
    Document {
        policy: Policy {
            rules: rules.unwrap_or_default(),
            otherwise,
            sockets: Sockets::new(&sockets).with_storage(known.storage()),
            sidecar_mode: match sidecar_mode {
                SidecarChoice::Auto => SidecarMode::default(),
                SidecarChoice::Fixed(mode) => mode,
            },
            docs: DocsUrl::default(),
        },
        sidecar_mode,
    }
}

/// The JSON Schema of the file.
pub(crate) fn schema() -> Value {
    describe_mapping(read)
}

struct Rules<'p> {
    base: &'p Rule,
    known: Known<'p>,
}

impl Rules<'_> {
    fn records(&self) -> NamedRecords<Rule, impl Fn(&mut Fields<'_, '_>, &[Rule]) -> Rule> {
        NamedRecords::new("rule", |fields: &mut Fields<'_, '_>, _: &[Rule]| {
            rule::read(fields, self.base, self.known)
        })
    }
}

impl Kind for Rules<'_> {
    type Value = Vec<Rule>;

    fn read<'d>(&self, node: &Node<'d>, report: &mut Report<'d>) -> Option<Vec<Rule>> {
        let rules = self.records().read(node, report)?;
        rule::refuse_unreachable(&rules, node, report);
        Some(rules)
    }

    fn schema(&self) -> Value {
        let mut schema = self.records().schema();
        // A field that a rule omits is as in `default`, so it has no fixed default.
        forget_defaults(&mut schema);
        schema
    }

    fn expected(&self) -> String {
        self.records().expected()
    }

    fn show(&self, _value: &Vec<Rule>) -> Option<Value> {
        None
    }
}

fn forget_defaults(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A field named `default` has a schema, and no value.
            if fields
                .get("default")
                .is_some_and(|value| !value.is_object())
            {
                fields.shift_remove("default");
            }
            fields.values_mut().for_each(forget_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
