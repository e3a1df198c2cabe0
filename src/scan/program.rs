//! Programs on `PATH` that make of a folder what its files alone do not say: helm, kustomize, kubectl.

use std::io;
use std::path::Path;
use std::process::Command;

/// What a program prints; `None` if it is not on `PATH`.
///
/// # Errors
/// What it says if it fails, in a line; comments (`#`) are none.
pub fn printed(command: &mut Command) -> Result<Option<String>, String> {
    match command.output() {
        Ok(output) if output.status.success() => {
            Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().find(|line| !line.starts_with('#'));
            Err(said.unwrap_or("it failed").to_owned())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// A folder as an argument, and for people; the working directory is `.`.
pub fn folder_name(folder: &Path) -> String {
    match folder.to_string_lossy() {
        name if name.is_empty() => ".".to_owned(),
        name => name.into_owned(),
    }
}
