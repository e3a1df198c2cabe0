//! What people and programs read: how a manifest changes, what a scan found.

pub mod changes;
pub mod checks;
pub mod columns;
pub mod compare;
pub mod csv;
pub mod diff;
pub mod document;
pub mod fold;
pub mod html;
pub mod moment;
pub mod patch;
pub mod sarif;
mod sentence;
pub mod table;
