//! What the CA's Secret contains, and how it changes.
//!
//! The Secret is the only thing that replicas share: each one that reads it must decide the same. Each change
//! is complete; if two replicas make one at the same time, the API server's version check rejects the later
//! one, which reads again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::names::ca_secret as key;
use crate::tls::{Authority, CaCert, CertError, LEAF_LIFETIME, read_bundle, write_bundle};

/// Former signing CAs that are remembered.
const MAX_PREVIOUS: usize = 8;
/// How long a former signing CA stays trusted: the longest time that a replica may serve a leaf of it without
/// having noticed the change, plus a day.
const PREVIOUS_TRUSTED: Duration = Duration::from_secs(LEAF_LIFETIME.as_secs() + 24 * 3600);

#[derive(Clone, Debug)]
pub struct Contents {
    /// The CA that signs leaves.
    pub signer: Arc<Authority>,
    pub next: Option<Arc<Authority>>,
    /// Former signing CAs, the last one first.
    pub previous: Vec<CaCert>,
    /// When the last of them was added.
    pub changed_at: Option<SystemTime>,
}

/// A change of the Secret.
#[derive(Clone, Debug)]
pub enum SecretChange {
    /// Creates a signing CA: there is no usable one.
    Found,
    /// The Secret was lost or broken. The CA in this process's memory is restored, so that nothing breaks,
    /// and a new one follows it, in case the Secret was deleted on purpose.
    Restore(Arc<Authority>),
    /// Adds a CA that will sign.
    Renew,
    /// The next CA now signs.
    Promote,
    /// Trusts a CA whose leaf is served, but that the Secret does not have.
    Remember(CaCert),
    /// Removes CAs of which no leaf can be valid any more.
    Forget,
}

impl Contents {
    /// Reads a Secret's data.
    ///
    /// # Errors
    /// If no CA in it can sign. An unusable next CA is ignored and replaced later.
    pub fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, CertError> {
        let part = |name: &'static str| data.get(name).ok_or(CertError::Missing(name));
        let pair = |cert, its_key| -> Result<_, CertError> {
            Ok(Arc::new(Authority::from_pem(part(cert)?, part(its_key)?)?))
        };
        let changed_at = data.get(key::CHANGED_AT).and_then(|text| {
            let seconds = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
            UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        });
        Ok(Self {
            signer: pair(key::CERT, key::KEY)?,
            next: pair(key::NEXT_CERT, key::NEXT_KEY).ok(),
            previous: data
                .get(key::PREVIOUS_CERTS)
                .map_or_else(Vec::new, |pem| read_bundle(pem)),
            changed_at,
        })
    }

    /// Writes to a Secret's data, and leaves other keys alone.
    pub fn write(&self, data: &mut BTreeMap<String, Vec<u8>>) {
        let Self {
            signer,
            next,
            previous,
            changed_at,
        } = self;
        let mut set = |name: &str, value: Option<String>| match value {
            Some(value) => drop(data.insert(name.to_owned(), value.into_bytes())),
            None => drop(data.remove(name)),
        };
        set(key::CERT, Some(signer.pem()));
        set(key::KEY, Some(signer.key_pem().to_owned()));
        let next = next.as_ref();
        set(key::NEXT_CERT, next.map(|next| next.pem()));
        set(key::NEXT_KEY, next.map(|next| next.key_pem().to_owned()));
        let previous_pem = previous.iter().map(CaCert::pem).collect::<String>();
        set(
            key::PREVIOUS_CERTS,
            (!previous.is_empty()).then_some(previous_pem),
        );
        let seconds = changed_at
            .filter(|_| !previous.is_empty())
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        set(
            key::CHANGED_AT,
            seconds.map(|since| since.as_secs().to_string()),
        );
    }

    /// Every CA to trust.
    pub fn trusted(&self) -> impl Iterator<Item = &CaCert> {
        [Some(&self.signer), self.next.as_ref()]
            .into_iter()
            .flatten()
            .map(|authority| authority.cert())
            .chain(&self.previous)
    }

    /// Whether there are CAs of which no leaf can be valid any more.
    pub(super) fn is_outlived(&self, now: SystemTime) -> bool {
        let until = self
            .changed_at
            .and_then(|at| at.checked_add(PREVIOUS_TRUSTED));
        let over = until.is_some_and(|until| now >= until);
        let expired = |ca: &CaCert| now > ca.validity().not_after;
        !self.previous.is_empty() && (over || self.previous.iter().all(expired))
    }

    /// The caBundle of these CAs alone.
    #[must_use]
    pub fn bundle(&self) -> String {
        write_bundle(&self.trusted().cloned().collect::<Vec<_>>())
    }

    fn remember(&mut self, ca: CaCert, now: SystemTime) {
        self.previous.retain(|known| *known != ca);
        self.previous.insert(0, ca);
        self.previous.truncate(MAX_PREVIOUS);
        self.changed_at = Some(now);
    }
}

impl SecretChange {
    /// The contents after the change; `None` if it does not apply. `before` are the present contents, if
    /// usable.
    ///
    /// # Errors
    /// If a new CA is needed and cannot be made.
    pub fn apply(
        self,
        before: Option<&Contents>,
        now: SystemTime,
    ) -> Result<Option<Contents>, CertError> {
        let found = |signer, next| Contents {
            signer,
            next,
            previous: Vec::new(),
            changed_at: None,
        };
        let fresh = || Authority::generate(now).map(Arc::new);
        Ok(match (self, before) {
            (Self::Found, None) => Some(found(fresh()?, None)),
            (Self::Restore(signer), None) => Some(found(signer, Some(fresh()?))),
            (Self::Found | Self::Restore(_), Some(_)) => None,
            (_, None) => None,
            (Self::Renew, Some(before)) => Some(Contents {
                next: Some(fresh()?),
                ..before.clone()
            }),
            (Self::Promote, Some(before)) => before.next.clone().map(|next| {
                let mut after = before.clone();
                after.next = None;
                after.remember(before.signer.cert().clone(), now);
                after.signer = next;
                after
            }),
            (Self::Remember(ca), Some(before)) => {
                let mut after = before.clone();
                after.remember(ca, now);
                Some(after)
            }
            (Self::Forget, Some(before)) => Some(Contents {
                previous: Vec::new(),
                changed_at: None,
                ..before.clone()
            }),
        })
    }

    /// A word for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Restore(_) => "restore",
            Self::Renew => "renew",
            Self::Promote => "promote",
            Self::Remember(_) => "remember",
            Self::Forget => "forget",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_moment_that_never_comes_outlives_nothing() {
        let now = SystemTime::now();
        let signer = Arc::new(Authority::generate(now).unwrap());
        let mut data = BTreeMap::new();
        let contents = Contents {
            previous: vec![signer.cert().clone()],
            changed_at: Some(now),
            signer,
            next: None,
        };
        contents.write(&mut data);
        let last = i64::MAX.to_string();
        data.insert(key::CHANGED_AT.to_owned(), last.into_bytes());
        let read = Contents::read(&data).unwrap();
        assert!(read.changed_at.is_some() && !read.is_outlived(now));
        assert!(contents.is_outlived(now + PREVIOUS_TRUSTED));
    }
}
