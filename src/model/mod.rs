//! What a Pod is to this program, and the words that every stage shares.
//!
//! A review is read once into these types; the stages after that pass them on and never read JSON
//! again. Nothing here decides or changes anything.

pub mod expand;
pub mod injection;
pub mod map;
pub mod namespaces;
pub mod node_storage;
pub mod notice;
pub mod path;
pub mod place;
pub mod pointer;
pub mod profile;
pub mod quantity;
pub mod scope;
pub mod sidecar_mode;
pub mod sockets;
pub mod sockets_table;
pub mod start;
pub mod subject;
pub mod view;
pub mod written;
