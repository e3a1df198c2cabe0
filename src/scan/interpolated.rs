//! The host of an address that a program puts together: `f"tcp://{ip}:2375"`, `"tcp://%s:2375" % ip`,
//! `"tcp://" + ip + ":2375"`. Pure.

use crate::scan::ways::{PORTS, is_own};
use crate::text::beginning;

/// Bytes behind an address in which the host may be given.
const LONGEST: usize = 256;

/// Whether all of a host is filled in by the program that has it, and not by the Pod's own address as far as its line,
/// which goes on with `rest`, says.
pub(super) fn is_host(host: &str, rest: &str) -> bool {
    let is_braced = host.strip_prefix('#').unwrap_or(host).starts_with('{') && host.ends_with('}');
    let is_one = is_braced && host.matches('{').count() == 1;
    let is_of_windows = host.len() > 2
        && host.starts_with('%')
        && host.ends_with('%')
        && host.matches('%').count() == 2;
    (is_one || is_verb(host) || is_of_windows) && !is_own(host) && !is_own(line(rest))
}

/// `%s`, `%v`, `%[1]s`, `%(name)s`.
fn is_verb(host: &str) -> bool {
    let Some(verb) = host.strip_prefix('%') else {
        return false;
    };
    let letter = match verb.find([']', ')']) {
        Some(end) if verb.starts_with(['[', '(']) => &verb[end + 1..],
        Some(_) | None => verb,
    };
    matches!(letter, "s" | "v")
}

/// A host between a scheme and a port that are strings of their own.
pub(super) struct Sum<'t> {
    /// What gives the host.
    pub host: &'t str,
    /// Whether one of Docker's ports follows.
    pub has_port: bool,
}

/// The host of an address whose scheme is a string that ends where `rest` starts.
pub(super) fn sum(rest: &str) -> Option<Sum<'_>> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let sum = line(&rest[1..]).trim_start();
    let value = sum
        .strip_prefix("..")
        .or_else(|| sum.strip_prefix(['+', '.']))?;
    let value = value.trim_start();
    // A sum has a name, or a call, behind its sign.
    if !value.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '$' | '_' | '(' | '@')) {
        return None;
    }
    let ends = PORTS.iter().filter_map(|port| {
        let port = format!("{quote}{port}");
        let end = value.find(&port)?;
        let is_whole = !value[end + port.len()..].starts_with(|c: char| c.is_ascii_digit());
        is_whole.then_some(end)
    });
    let end = ends.min();
    Some(Sum {
        host: &value[..end.unwrap_or(value.len())],
        has_port: end.is_some(),
    })
}

/// The rest of the line that a text begins with.
fn line(text: &str) -> &str {
    let text = beginning(text, LONGEST);
    text.split('\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::scan::ways::daemons;

    #[test]
    fn an_address_that_a_program_puts_together_is_found() {
        for text in [
            "base_url=f\"tcp://{os.environ['HOST_IP']}:2375\"",
            "\"tcp://{}:2375\".format(ip)",
            "\"tcp://%s:2375\" % ip",
            "\"tcp://%(ip)s:2375\" % x",
            "fmt.Sprintf(\"tcp://%s:2375\", os.Getenv(\"HOST_IP\"))",
            "fmt.Sprintf(\"tcp://%v:2375\", ip)",
            "\"tcp://\" + System.getenv(\"HOST_IP\") + \":2375\"",
            "'tcp://' . $ip . ':2375'",
            "os.environ[\"DOCKER_HOST\"] = \"tcp://\" + ip",
            "\"tcp://#{ip}:2375\"",
            "set DOCKER_HOST=tcp://%NODE%:2375",
            "requests.get(f\"http://{ip}:2375/info\")",
        ] {
            assert_eq!(daemons(text).len(), 1, "{text}");
        }
        for text in [
            "f\"tcp://{release}-dind:2375\"",
            "f\"tcp://{pod_ip}:2375\"",
            "\"tcp://%s:2375\" % pod.ip",
            "\"tcp://%s-docker:2375\" % name",
            "\"tcp://{}:2375\".format('localhost')",
            "\"tcp://\" + dind + \":2375\"",
            "\"tcp://\" + db + \":5432\"",
            "x.startswith(\"tcp://\") or docker + 1",
            "DOCKER_HOST; f\"https://{site}/x\"",
            "[\"tcp://\", \":2375\"]",
        ] {
            assert!(daemons(text).is_empty(), "{text}");
        }
    }
}
