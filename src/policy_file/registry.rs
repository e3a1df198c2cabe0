//! Registries, as dockerd takes them.
//!
//! dockerd refuses to start with one that it cannot parse, and the Pod waits for it without a word. Source of what it
//! takes: `daemon/pkg/registry/config.go` of moby, `ValidateMirror` and `validateHostPort`.

use crate::policy_file::form;
use crate::policy_file::kind::Sound;
use crate::policy_file::pool::network;

/// A mirror of Docker Hub.
pub(crate) const MIRROR: Sound = Sound {
    form: &form::MIRROR,
    refuse: |url| {
        let (_, rest) = url.split_once("://")?;
        refuse_port(rest.split_once('/').map_or(rest, |(host, _)| host))
    },
};

/// A registry without TLS, or a network of such.
pub(crate) const INSECURE_REGISTRY: Sound = Sound {
    form: &form::REGISTRY,
    refuse: |registry| {
        if registry.contains('/') {
            let is_one = network(registry).is_some();
            return (!is_one).then_some(
                "which is no network; write an address and a prefix of at most 32 (IPv6: 128), such as 10.0.0.0/8",
            );
        }
        refuse_port(registry)
    },
};

fn refuse_port(host: &str) -> Option<&'static str> {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let (_, port) = host.rsplit_once(':')?;
    let is_port = is_address || port.ends_with(']') || port.parse::<u16>().is_ok();
    (!is_port).then_some("whose port is none; write one from 0 to 65535")
}
