//! Names and addresses by which a Pod reaches the machine of its node.
//!
//! One address has many spellings, and each machine that runs nodes for developers has a name of its own. All that
//! `getaddrinfo` accepts is read here; what needs a DNS server is not looked up.

use std::net::{IpAddr, Ipv4Addr};

/// Docker's own bridge on a node, with Docker's defaults.
const BRIDGE: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

/// Names under which a Pod reaches the machine that runs its node.
const MACHINE: [&str; 12] = [
    "host.docker.internal",
    "gateway.docker.internal",
    "kubernetes.docker.internal",
    "docker.for.mac.localhost",
    "docker.for.win.localhost",
    "host.containers.internal",
    "host.minikube.internal",
    "control-plane.minikube.internal",
    "host.k3d.internal",
    "host.rancher-desktop.internal",
    "host.lima.internal",
    "host.orb.internal",
];

/// Names of the loopback address, as distributions write them into /etc/hosts.
const LOOPBACK: [&str; 8] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
];

/// Whether `host`, in lower case, is a name by which any Pod reaches the machine of its node.
pub(super) fn is_machine_name(host: &str) -> bool {
    MACHINE.contains(&host)
}

/// Whether `is` holds for such a name.
pub(super) fn may_be_machine(is: impl Fn(&str) -> bool) -> bool {
    MACHINE.into_iter().any(is)
}

/// Whether `host`, in lower case, is a name or an address by which any Pod reaches the machine of its node.
pub fn is_machine(host: &str) -> bool {
    is_machine_name(host) || address(host).and_then(of_v4) == Some(BRIDGE)
}

/// An address of IPv4 in either form. `::1` and `::` become 0.0.0.1 and 0.0.0.0.
fn of_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(ip) => ip.to_ipv4(),
    }
}

/// Whether it is a loopback or unspecified address: empty, `localhost`, 127.0.0.0/8, 0.0.0.0, ::1.
pub(super) fn is_loopback(host: &str) -> bool {
    let is_named = host.is_empty() || LOOPBACK.contains(&host) || host.ends_with(".localhost");
    let ip = address(host).and_then(of_v4);
    is_named || ip.is_some_and(|ip| ip.is_loopback() || ip.octets()[0] == 0)
}

/// Whether `is` holds for a name of the loopback address.
pub(super) fn may_be_loopback(is: impl Fn(&str) -> bool) -> bool {
    LOOPBACK.into_iter().any(is)
}

/// An address in any form that `getaddrinfo` accepts: 127.1, 0x7f000001, 2130706433, ::1%lo, and ::1:2375
/// without brackets.
fn address(host: &str) -> Option<IpAddr> {
    if host.contains(':') {
        let host = host.split('%').next().unwrap_or_default();
        let without_port = || host.rsplit_once(':').map(|(address, _)| address);
        let mut v6 = host.parse().ok();
        if v6.is_none() {
            v6 = without_port().and_then(|address| address.parse().ok());
        }
        return v6.map(IpAddr::V6);
    }
    let number = |text: &str| {
        let (digits, radix) = match text.strip_prefix("0x") {
            Some(hex) => (hex, 16),
            None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
            None => (text, 10),
        };
        u32::from_str_radix(digits, radix).ok()
    };
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let mut value = *last;
    for (index, part) in first.iter().enumerate() {
        value |= part << (24 - 8 * index);
    }
    Some(IpAddr::V4(Ipv4Addr::from(value)))
}
