//! What the program does with a cluster, against an API server of a few objects in memory.

mod api;
mod authority;
mod events;
mod namespaces;
mod placement;
mod rotation;
mod serve;
