//! The statements of ../../tests/support, and what turns a broken one into a crash.
#![allow(dead_code, reason = "each target uses a part")]

#[path = "../../tests/support/invariants.rs"]
pub mod invariants;
#[path = "../../tests/support/model.rs"]
pub mod model;
#[path = "../../tests/support/order.rs"]
pub mod order;
#[path = "../../tests/support/parts.rs"]
pub mod parts;
#[path = "../../tests/support/pods.rs"]
pub mod pods;
#[path = "../../tests/support/rfc6902.rs"]
pub mod rfc6902;

use std::sync::LazyLock;

use dind_injector::decide::Policy;
use dind_injector::decide::rule::TcpAction;
use dind_injector::model::sidecar_mode::SidecarMode;

/// Policies under which nothing may keep the node's socket.
pub static POLICIES: LazyLock<[Policy; 3]> = LazyLock::new(|| {
    let mut container = Policy::offline();
    container.sidecar_mode = SidecarMode::Container;
    let mut replace = Policy::offline();
    replace.otherwise.tcp_docker_host = TcpAction::Replace;
    [Policy::offline(), container, replace]
});

/// Crashes where a statement does not hold.
pub fn assert(held: invariants::Held) {
    if let Err(error) = held {
        panic!("{error}");
    }
}
