//! What the program does with a cluster, against an API server of a few objects in memory.

mod api;
mod authority;
mod events;
mod namespaces;
mod placement;
mod rotation;
mod serve;

use std::time::Duration;

use dind_injector::cluster::Timing;

/// Of a watch that is tried again at once, and never ends by itself.
fn impatient() -> Timing {
    Timing {
        watch: Duration::from_secs(60),
        first_retry: Duration::from_millis(5),
        last_retry: Duration::from_millis(50),
        ..Timing::default()
    }
}
