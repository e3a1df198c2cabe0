//! What a Pod is to this program, and the types that every stage shares.
//!
//! A review is parsed once into these types. Later stages pass them on and never read JSON again. Nothing
//! here decides or changes anything.

pub mod asked;
pub mod cluster;
pub mod docs_url;
pub mod expand;
pub mod injection;
pub mod map;
pub mod named_pipe;
pub mod namespaces;
pub mod node_storage;
pub mod nodes;
pub mod notice;
pub mod path;
pub mod place;
pub mod pointer;
pub mod profile;
pub mod quantity;
pub mod runtime_class;
mod same_place;
pub mod scope;
pub mod sidecar_mode;
pub mod sockets;
pub mod sockets_table;
mod sockets_tree;
pub mod start;
pub mod subject;
pub mod taint;
pub mod view;
pub mod written;
