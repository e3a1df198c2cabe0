//! Files as a kubelet mounts a ConfigMap or Secret: replaced all at once, by one rename.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A mounted folder.
pub struct Mount {
    folder: PathBuf,
    version: u32,
}

impl Mount {
    /// Mounts the first content.
    pub fn new(folder: PathBuf, files: &[(&str, &[u8])]) -> Result<Self, String> {
        let mut mount = Self { folder, version: 0 };
        mount.project(files)?;
        for (name, _) in files {
            let link = mount.path(name);
            symlink(Path::new("..data").join(name), link).map_err(|error| error.to_string())?;
        }
        Ok(mount)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts new content in place of the old.
    pub fn project(&mut self, files: &[(&str, &[u8])]) -> Result<(), String> {
        self.version += 1;
        let version = format!("..{}", self.version);
        let put = || {
            fs::create_dir_all(self.folder.join(&version))?;
            for (name, content) in files {
                fs::write(self.folder.join(&version).join(name), content)?;
            }
            symlink(&version, self.folder.join("..data_tmp"))?;
            fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data"))
        };
        put().map_err(|error: std::io::Error| error.to_string())
    }
}
