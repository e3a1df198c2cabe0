//! `--config FILE`: the policy of a command, from a file or built in.

use std::path::PathBuf;
use std::{fs, io};

use clap::Args;

use crate::decide::Policy;
use crate::policy_file::{Config, ConfigErrors};
use crate::scan::result::PolicyFile;
use crate::text::visible;

/// The flag that names a policy file.
#[derive(Clone, Debug, Default, Args)]
pub struct PolicyArgs {
    /// Policy file (dind-injector.io/v1alpha1, kind Policy); see docs/policy.md
    #[arg(long, value_name = "FILE", env = "DIND_INJECTOR_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Why a policy file is not in force.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file.
    #[error("cannot read --config {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Its text.
    #[error("cannot use --config {}:\n{errors}", visible(&path.to_string_lossy()))]
    Refused {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        errors: ConfigErrors,
    },
}

impl PolicyArgs {
    /// The policy's file, as a report names it; none for the policy that is built in.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn file(&self) -> Result<Option<PolicyFile>, PolicyError> {
        let Some(path) = &self.config else {
            return Ok(None);
        };
        let bytes = fs::read(path).map_err(|error| PolicyError::Read {
            path: path.clone(),
            error,
        })?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Ok(Some(PolicyFile {
            path: path.display().to_string(),
            sha256: digits.collect(),
        }))
    }

    /// The policy for work without a cluster: the file's, or one that swaps everywhere.
    ///
    /// # Errors
    /// Where the file cannot be used.
    pub fn offline(&self) -> Result<Policy, PolicyError> {
        let Some(path) = &self.config else {
            return Ok(Policy::offline());
        };
        let text = fs::read_to_string(path).map_err(|error| PolicyError::Read {
            path: path.clone(),
            error,
        })?;
        match Config::from_yaml(&text) {
            Ok(config) => Ok(config.policy().clone()),
            Err(errors) => Err(PolicyError::Refused {
                path: path.clone(),
                errors,
            }),
        }
    }
}
