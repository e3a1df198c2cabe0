//! A file with a new text: whole or not at all.
//!
//! The new text is written beside the file and takes its place by a rename, with the file's
//! permissions. A file that was changed since it was read is left alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The system refused.
    #[error("cannot rewrite {}: {error}; it is as it was", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody else wrote to it.
    #[error("{} was changed while it was converted; it is as it was, run the command again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Gives the file at `path`, which says `before`, the text `after`. Where it is a link, the
/// file that it leads to.
///
/// # Errors
/// Where that cannot be done; the file is then as it was.
pub fn replace(path: &Path, before: &str, after: &str) -> Result<(), ReplaceError> {
    let failed = |error| ReplaceError::System {
        path: path.to_owned(),
        error,
    };
    let target = fs::canonicalize(path).map_err(failed)?;
    let (background, mut file) = create_beside(&target).map_err(failed)?;
    let written = write(&mut file, &target, after).and_then(|()| {
        if fs::read_to_string(&target)? == before {
            fs::rename(&background, &target).map(|()| true)
        } else {
            Ok(false)
        }
    });
    if !matches!(written, Ok(true)) {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_file(&background);
    }
    match written {
        Ok(true) => Ok(()),
        Ok(false) => Err(ReplaceError::Changed {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed(error)),
    }
}

fn create_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let process = std::process::id();
    let background = target.with_file_name(format!(".{name}.{process}.dind-injector"));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&background)?;
    Ok((background, file))
}

fn write(file: &mut File, target: &Path, text: &str) -> io::Result<()> {
    let metadata = fs::metadata(target)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root may give files away, and for others it is their own file as a rule.
        let _ = fchown(&*file, Some(metadata.uid()), Some(metadata.gid()));
    }
    file.set_permissions(metadata.permissions())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("dind-replace-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[cfg(unix)]
    #[test]
    fn keeps_permissions_and_links_and_leaves_nothing_beside() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = folder("keeps");
        let (file, link) = (dir.join("pod.yaml"), dir.join("link.yaml"));
        fs::write(&file, "before").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        replace(&link, "before", "after").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(&dir), ["link.yaml", "pod.yaml"]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn leaves_a_file_that_was_changed_meanwhile() {
        let dir = folder("changed");
        let file = dir.join("pod.yaml");
        fs::write(&file, "somebody else's").unwrap();
        let error = replace(&file, "before", "after").unwrap_err();
        assert!(matches!(error, ReplaceError::Changed { .. }));
        assert_eq!(fs::read_to_string(&file).unwrap(), "somebody else's");
        assert_eq!(names(&dir), ["pod.yaml"]);
        fs::remove_dir_all(dir).unwrap();
    }
}
