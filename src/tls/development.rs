//! A CA and a serving pair as files, for trying the webhook by hand.
//!
//! The CA's key is never written, so nothing more can be signed with these files. Existing files are only
//! overwritten if asked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::tls::{Authority, CertError};

/// The three files, named like the keys of a Kubernetes TLS Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// Its base64 is a caBundle.
    pub ca: PathBuf,
    pub certificate: PathBuf,
    /// Readable by its owner only.
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    #[error(transparent)]
    Cert(#[from] CertError),
    #[error("{} exists: give --force to replace it, or another --dir", .0.display())]
    Exists(PathBuf),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Writes `ca.crt`, `tls.crt` and `tls.key` into `directory`, which is created if missing. All are valid for
/// a year.
///
/// # Errors
/// If a name cannot be in a certificate, one of the files exists and `replace` is not set, or the directory
/// cannot be written.
pub fn write_development(
    directory: &Path,
    names: &[String],
    replace: bool,
    now: SystemTime,
) -> Result<Written, DevelopmentError> {
    let written = Written {
        ca: directory.join("ca.crt"),
        certificate: directory.join("tls.crt"),
        key: directory.join("tls.key"),
    };
    let Written {
        ca,
        certificate,
        key,
    } = &written;
    if !replace {
        // Check all before writing any, so that new and old files are never mixed.
        for path in [ca, certificate, key] {
            if path.symlink_metadata().is_ok() {
                return Err(DevelopmentError::Exists(path.clone()));
            }
        }
    }
    let authority = Authority::generate(now)?;
    let pair = authority.long_pair(names, now)?;
    fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
    for (path, text, mode) in [
        (ca, &authority.pem(), 0o644),
        (certificate, &pair.certificate, 0o644),
        (key, &pair.key, 0o600),
    ] {
        write(path, text, mode).map_err(|source| failed(path, source))?;
    }
    Ok(written)
}

/// Writes a new file and renames it, so that an old file's mode never applies to a new key, and a server that
/// follows the files never reads half of one.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = create(&beside, mode)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&beside, path)
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

fn failed(path: &Path, source: io::Error) -> DevelopmentError {
    DevelopmentError::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tls::ServingPair;

    /// A directory of the test's own, removed at its end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("dind-injector-certs-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn names() -> Vec<String> {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    }

    #[test]
    fn what_is_written_can_be_served_for_a_year() {
        let directory = Directory::new("served");
        let now = SystemTime::now();
        let written = write_development(&directory.0, &names(), false, now).unwrap();
        let (certificate, key) = (
            fs::read(&written.certificate).unwrap(),
            fs::read(&written.key).unwrap(),
        );
        let pair = ServingPair::from_pem(&certificate, &key, now).unwrap();
        let left = pair.validity().not_after.duration_since(now).unwrap();
        assert!(left.as_secs() > 364 * 24 * 3600, "{left:?}");
        let ca = fs::read_to_string(&written.ca).unwrap();
        assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_its_owners_also_where_an_old_one_was_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = Directory::new("mode");
        fs::create_dir_all(&directory.0).unwrap();
        let key = directory.0.join("tls.key");
        fs::write(&key, "old").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o666)).unwrap();
        write_development(&directory.0, &names(), true, SystemTime::now()).unwrap();
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_overwritten_unasked_and_no_half_set_is_left() {
        let directory = Directory::new("kept");
        fs::create_dir_all(&directory.0).unwrap();
        fs::write(directory.0.join("tls.key"), "mine").unwrap();
        let refused = write_development(&directory.0, &names(), false, SystemTime::now());
        assert!(matches!(refused, Err(DevelopmentError::Exists(_))));
        let left = fs::read_dir(&directory.0).unwrap().count();
        assert_eq!(left, 1);
        assert_eq!(
            fs::read_to_string(directory.0.join("tls.key")).unwrap(),
            "mine"
        );
    }
}
