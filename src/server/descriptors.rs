//! Raises the limit of open files: a container's soft limit may be 1024, below the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For everything that is not a connection: the API server's client, files, the runtime.
const SPARE: u64 = 256;

/// Raises this process's soft limit if it is too low for this many connections. Logs if it stays too low:
/// accepting then fails and waits.
pub(crate) fn make_room(connections: usize) {
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(SPARE);
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(&limit, needed) else {
        return;
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
        return;
    }
    let now = getrlimit(Resource::Nofile).current;
    if now.is_some_and(|now| now < needed) {
        tracing::warn!(
            limit = now,
            needed,
            "the limit of open files is below --max-connections"
        );
    }
}

/// The limit to set; `None` if the present one is enough or cannot be raised.
fn raised(limit: &Rlimit, needed: u64) -> Option<Rlimit> {
    let Rlimit { current, maximum } = limit;
    let now = (*current)?;
    let reachable = maximum.map_or(needed, |maximum| maximum.min(needed));
    (now < reachable).then_some(Rlimit {
        current: Some(reachable),
        maximum: *maximum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(current: Option<u64>, maximum: Option<u64>) -> Option<Option<u64>> {
        raised(&Rlimit { current, maximum }, 4000).map(|limit| limit.current)
    }

    #[test]
    fn a_low_limit_is_raised_as_far_as_it_is_needed_and_allowed() {
        assert_eq!(after(Some(1024), Some(1_048_576)), Some(Some(4000)));
        assert_eq!(after(Some(1024), None), Some(Some(4000)));
        assert_eq!(after(Some(1024), Some(2048)), Some(Some(2048)));
    }

    #[test]
    fn an_ample_limit_is_left_alone() {
        assert_eq!(after(Some(4000), Some(8000)), None);
        assert_eq!(after(None, None), None);
        assert_eq!(after(Some(1024), Some(1024)), None);
    }
}
