//! A network from which the daemon takes addresses.

use std::net::IpAddr;

use crate::model::profile::AddressPool;

use crate::policy_file::error::Problem;
use crate::policy_file::fields::Fields;
use crate::policy_file::form;
use crate::policy_file::kind::{Text, Whole};

pub(crate) fn read(fields: &mut Fields<'_, '_>) -> AddressPool {
    let base = fields.required("base", "A network.", &Text(&form::NETWORK));
    let size = fields.required(
        "size",
        "The prefix length of each network that is taken from it.",
        &Whole {
            least: 1,
            most: 128,
        },
    );
    let pool = AddressPool {
        base: base.unwrap_or_default(),
        size: size
            .and_then(|size| u8::try_from(size).ok())
            .unwrap_or_default(),
    };
    if pool.base.is_empty() || pool.size == 0 {
        return pool;
    }
    match network(&pool.base) {
        None => fields.fault(
            "base",
            Problem::Form {
                value: pool.base.clone(),
                expected: form::NETWORK.expected,
            },
        ),
        Some((prefix, most)) if pool.size < prefix || pool.size > most => {
            let allowed = format!("a prefix length from {prefix} to {most}");
            fields.fault(
                "size",
                Problem::Contradiction(format!(
                    "is {}, but networks taken from {} need {allowed}",
                    pool.size, pool.base
                )),
            );
        }
        Some(_) => {}
    }
    pool
}

/// The prefix length of a network, and the longest of its address family.
pub(crate) fn network(text: &str) -> Option<(u8, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let most = match address.parse().ok()? {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let prefix: u8 = prefix.parse().ok()?;
    (prefix <= most).then_some((prefix, most))
}
