//! Addresses and limits of the server. Each default has its reason beside it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::tls::client_auth::ClientArgs;

/// The largest review. etcd stores an object of 1.5 MiB; Go's `encoding/json` writes each `<`, `>` and `&` in
/// it as six bytes, and the review of an update contains the object twice: 18 MiB, plus the fields around it.
const MAX_BODY: usize = 24 << 20;
/// The longest time for a body. The API server sends a review at once and waits 5 s by default, 30 s at most,
/// so a slower client is not an API server.
const BODY_TIMEOUT: &str = "10s";
/// The longest TLS handshake: one or two round trips, with a client under load.
const HANDSHAKE_TIMEOUT: &str = "5s";
/// The longest time from the first byte of a request's head to its last, and from an answer's being ready to
/// its being read. Bounds slow clients without bounding idle connections.
const STALL_TIMEOUT: &str = "10s";
/// The longest silence on a connection. The API server keeps idle connections for 90 s and does not retry a
/// review on one that the server closed first, so this must be longer.
const IDLE_TIMEOUT: &str = "120s";
/// Connections at one time. An API server keeps 25, so this is enough for dozens of them. Above it,
/// connections that have sent no request are closed.
const MAX_CONNECTIONS: usize = 4096;
/// Requests at one time that wait for the rest of their body. Reviews arrive whole, so those of an API server
/// hardly ever wait. Complete requests are answered at once and do not count.
const MAX_WAITING: usize = 512;
/// Memory for bodies that are incomplete or wait for their turn: one of the largest accepted size, or about a
/// hundred of the largest size seen in practice.
const MAX_WAITING_MEMORY: usize = 32 << 20;
/// How long to keep serving, unready, after a signal: Endpoints and kube-proxy need some seconds to stop
/// sending requests.
const SHUTDOWN_DELAY: &str = "5s";
/// How long connections then have to receive their last answer. Together with the delay, this is well below
/// the default `terminationGracePeriodSeconds` of 30.
const DRAIN_TIMEOUT: &str = "10s";

/// The server's flags.
#[derive(Clone, Debug, Eq, PartialEq, clap::Args)]
pub struct ServerArgs {
    /// Address of the webhook (HTTPS)
    #[arg(long, env = "DIND_INJECTOR_LISTEN", default_value = "[::]:8443")]
    pub listen: SocketAddr,
    /// Address of health checks and metrics (plain HTTP)
    #[arg(long, env = "DIND_INJECTOR_ADMIN_LISTEN", default_value = "[::]:9090")]
    pub admin_listen: SocketAddr,
    /// Who may send reviews
    #[command(flatten)]
    pub clients: ClientArgs,
    /// Limits of the server
    #[command(flatten)]
    pub limits: Limits,
    /// How the server stops
    #[command(flatten)]
    pub grace: Grace,
}

/// Limits that protect the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::Args)]
pub struct Limits {
    /// Largest request body, in bytes; a larger one is answered 413
    #[arg(long, default_value_t = MAX_BODY, value_name = "BYTES")]
    pub max_body: usize,
    /// Longest time for a request's body; a slower one is answered 408
    #[arg(long, default_value = BODY_TIMEOUT, value_name = "TIME", value_parser = duration)]
    pub body_timeout: Duration,
    /// Longest time for a TLS handshake
    #[arg(long, default_value = HANDSHAKE_TIMEOUT, value_name = "TIME", value_parser = duration)]
    pub handshake_timeout: Duration,
    /// Longest time to receive a request's head once it has begun, and to send an answer
    #[arg(long, default_value = STALL_TIMEOUT, value_name = "TIME", value_parser = duration)]
    pub stall_timeout: Duration,
    /// Longest silence on a connection; keep it above the API server's 90 s
    #[arg(long, default_value = IDLE_TIMEOUT, value_name = "TIME", value_parser = duration)]
    pub idle_timeout: Duration,
    /// Maximum number of connections
    #[arg(long, default_value_t = MAX_CONNECTIONS, value_name = "N")]
    pub max_connections: usize,
    /// Maximum number of requests with an incomplete body; above it, the longest-waiting one is answered 503
    /// with Retry-After
    #[arg(long, default_value_t = MAX_WAITING, value_name = "N")]
    pub max_waiting: usize,
    /// Maximum memory for incomplete bodies, in bytes; above it, as for --max-waiting
    #[arg(long, default_value_t = MAX_WAITING_MEMORY, value_name = "BYTES")]
    pub max_waiting_memory: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::Args)]
pub struct Grace {
    /// How long to keep serving, unready, after SIGTERM
    #[arg(long, default_value = SHUTDOWN_DELAY, value_name = "TIME", value_parser = duration)]
    pub shutdown_delay: Duration,
    /// How long connections then have to finish
    #[arg(long, default_value = DRAIN_TIMEOUT, value_name = "TIME", value_parser = duration)]
    pub drain_timeout: Duration,
}

/// The defaults, with both addresses on a free loopback port: for tests and demonstrations.
impl Default for ServerArgs {
    fn default() -> Self {
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            listen: free,
            admin_listen: free,
            clients: ClientArgs::default(),
            limits: Limits::default(),
            grace: Grace::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: MAX_BODY,
            body_timeout: default(BODY_TIMEOUT),
            handshake_timeout: default(HANDSHAKE_TIMEOUT),
            stall_timeout: default(STALL_TIMEOUT),
            idle_timeout: default(IDLE_TIMEOUT),
            max_connections: MAX_CONNECTIONS,
            max_waiting: MAX_WAITING,
            max_waiting_memory: MAX_WAITING_MEMORY,
        }
    }
}

impl Default for Grace {
    fn default() -> Self {
        Self {
            shutdown_delay: default(SHUTDOWN_DELAY),
            drain_timeout: default(DRAIN_TIMEOUT),
        }
    }
}

/// Parses a time: a whole number with `ms`, `s`, `m` or `h`.
///
/// # Errors
/// What was expected, for a command line's error message.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a whole number with ms, s, m or h, like 5s; got {text:?}");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}

#[expect(
    clippy::expect_used,
    reason = "the constants of this file; a test reads each"
)]
fn default(text: &str) -> Duration {
    duration(text).expect("a default is a time")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn flags_and_code_have_the_same_defaults() {
        let command = ServerArgs::augment_args(clap::Command::new("serve"));
        let matches = command.get_matches_from(["serve"]);
        let args = ServerArgs::from_arg_matches(&matches).unwrap();
        assert_eq!(args.limits, Limits::default());
        assert_eq!(args.grace, Grace::default());
    }

    #[test]
    fn idle_connections_outlive_the_api_servers_ninety_seconds() {
        assert!(Limits::default().idle_timeout > Duration::from_secs(90));
    }

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "5 s",
            "5sec",
            "99999999999999999999h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(duration(&format!("{}h", u64::MAX)).is_err());
    }
}
