//! A Pod as it was written: a borrowed view of it, and what it reaches on its node.
//!
//! Nothing here changes a Pod, decides anything, or knows of HTTP.

pub mod concern;
pub mod daemon;
pub mod detect;
pub mod docker_host;
pub mod expand;
mod links;
pub mod map;
pub mod path;
pub mod place;
pub mod sockets;
pub mod sockets_table;
pub mod view;
pub mod written;
