//! A runtime's named pipe on a node with Windows.
//!
//! It is written as a path, with either slash and in any case, and on a node with Linux it is one.

use crate::model::sockets_table::{Runtime, pipes};

/// The runtime whose named pipe `path` is: `\\.\pipe\docker_engine`. Windows accepts both slashes and ignores
/// case.
pub fn named_pipe(path: &str) -> Option<Runtime> {
    /// Bytes. No pipe has a longer path.
    const LONGEST: usize = 256;
    if path.len() > LONGEST || !path.starts_with(['\\', '/', 'n', 'N']) {
        return None;
    }
    let path = path.to_ascii_lowercase().replace('\\', "/");
    let path = path.strip_prefix("npipe:").unwrap_or(&path);
    let name = path
        .trim_start_matches('/')
        .strip_prefix("./pipe/")
        .or_else(|| path.trim_start_matches('/').strip_prefix("?/pipe/"))?;
    let mut pipes = pipes();
    pipes.find_map(|(pipe, runtime)| (pipe == name).then_some(runtime))
}
