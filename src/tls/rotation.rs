//! Plans what to do about the CA and the leaf, from what was seen and the time.
//!
//! A leaf must never be served before every webhook configuration trusts its CA, and a CA must stay trusted
//! while a leaf of it may be served. So a renewed CA takes three steps: it is published beside the old one,
//! it signs once the API servers have noticed, and the old one is removed when its last leaf has expired.
//! Pure, and the same in every replica, so that no leader is needed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::tls::{
    Authority, CaCert, Contents, SecretChange, Validity, is_ours, read_bundle, write_bundle,
};

/// The time, by both clocks: certificates use wall-clock time, waits a clock that never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub wall: SystemTime,
    /// The time since some fixed moment.
    pub ticks: Duration,
    /// How long there was no news of the Secret.
    pub silent: Duration,
}

/// How long to wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waits {
    /// From publishing a CA to its first leaf: API servers have to notice it.
    pub settle: Duration,
    /// How long a CA of ours that the Secret lacks stays in a caBundle, and one that the Secret remembers
    /// stays there: the replica that serves a leaf of it needs time to have it remembered, or to replace the
    /// leaf.
    pub keep_unknown: Duration,
    /// After how long a silence a leaf is not renewed: its CA may have been replaced meanwhile, and the other
    /// replicas remove that CA when its last known leaf has expired.
    pub silence: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(30),
            keep_unknown: Duration::from_secs(600),
            silence: Duration::from_secs(12 * 3600),
        }
    }
}

/// What is known of the Secret.
#[derive(Clone, Debug)]
pub enum SecretSeen {
    Unknown,
    Missing,
    /// It exists, but without a usable CA.
    Broken,
    Present(Contents),
}

/// What is known of one webhook configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BundleSeen {
    Unknown,
    /// It does not exist, so the API server does not call us by it.
    Missing,
    /// The caBundle of each of its webhooks.
    Present(Vec<Vec<u8>>),
}

/// What to do now.
#[derive(Debug, Default)]
pub struct Plan {
    pub secret: Option<SecretChange>,
    /// The caBundle of every configuration; `None` while it is unknown.
    pub bundle: Option<String>,
    /// The CA whose leaf is to be served instead of the present one.
    pub leaf: Option<Arc<Authority>>,
}

/// What one process remembers between plans.
#[derive(Debug)]
pub struct Rotation {
    waits: Waits,
    serving: Option<Serving>,
    /// Since when each CA that may sign is in every caBundle.
    published: Vec<(CaCert, Duration)>,
    /// Since when each unknown CA of ours is in a caBundle.
    unknown: Vec<(CaCert, Duration)>,
    /// Since when the Secret remembers these CAs.
    previous: (Vec<CaCert>, Duration),
}

#[derive(Clone, Debug)]
struct Serving {
    authority: Arc<Authority>,
    leaf: Validity,
}

impl Rotation {
    #[must_use]
    pub fn new(waits: Waits) -> Self {
        Self {
            waits,
            serving: None,
            published: Vec::new(),
            unknown: Vec::new(),
            previous: (Vec::new(), Duration::ZERO),
        }
    }

    /// Records that a leaf of this CA is served from now on.
    pub fn served(&mut self, authority: Arc<Authority>, leaf: Validity) {
        self.serving = Some(Serving { authority, leaf });
    }

    /// Whether the CA of the served leaf was in every caBundle at the last plan.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        let serving = self.serving.as_ref();
        serving.is_some_and(|serving| self.since(serving.authority.cert()).is_some())
    }

    pub fn plan(&mut self, secret: &SecretSeen, bundles: &[BundleSeen], now: Moment) -> Plan {
        let bundles_cas: Vec<Vec<Vec<CaCert>>> = bundles.iter().map(cas_of).collect();
        self.note_published(secret, bundles, &bundles_cas, now);
        self.note_unknown(secret, &bundles_cas, now);
        self.note_previous(secret, now);
        Plan {
            secret: self.secret(secret, now),
            bundle: self.bundle(secret, now),
            leaf: self.leaf(secret, now),
        }
    }

    fn secret(&self, seen: &SecretSeen, now: Moment) -> Option<SecretChange> {
        let valid = |authority: &Authority| authority.cert().validity().holds(now.wall).is_ok();
        let serving = self.serving.as_ref().map(|serving| &serving.authority);
        let serving = serving.filter(|authority| valid(authority));
        let contents = match seen {
            SecretSeen::Unknown => return None,
            SecretSeen::Missing | SecretSeen::Broken => {
                return Some(match serving {
                    Some(authority) => SecretChange::Restore(Arc::clone(authority)),
                    None => SecretChange::Found,
                });
            }
            SecretSeen::Present(contents) => contents,
        };
        if let Some(authority) = serving
            && !contents.trusted().any(|known| known == authority.cert())
        {
            return Some(SecretChange::Remember(authority.cert().clone()));
        }
        let signer = contents.signer.cert().validity();
        let due = signer.holds(now.wall).is_err() || now.wall >= signer.renew_at();
        match &contents.next {
            Some(next) if valid(next) => {
                let settled = self.has_settled(next.cert(), now);
                settled.then_some(SecretChange::Promote)
            }
            Some(_) | None if due => Some(SecretChange::Renew),
            Some(_) | None => {
                // Not by the wall clock alone: a replica with a wrong clock would undo another's change
                // forever.
                let (_, since) = &self.previous;
                let still = now.ticks.saturating_sub(*since) >= self.waits.keep_unknown;
                let outlived = still && contents.is_outlived(now.wall);
                outlived.then_some(SecretChange::Forget)
            }
        }
    }

    fn bundle(&self, seen: &SecretSeen, now: Moment) -> Option<String> {
        let SecretSeen::Present(contents) = seen else {
            // The published bundle is the best that is known.
            return None;
        };
        // By the Secret and not by the clock: a replica with a wrong clock must not make the API server
        // distrust the others.
        let mut cas: Vec<CaCert> = contents.trusted().cloned().collect();
        cas.extend(
            self.serving
                .iter()
                .map(|serving| serving.authority.cert().clone()),
        );
        let kept = self
            .unknown
            .iter()
            .filter(|(_, since)| now.ticks.saturating_sub(*since) < self.waits.keep_unknown);
        cas.extend(kept.map(|(ca, _)| ca.clone()));
        Some(write_bundle(&cas))
    }

    fn leaf(&self, seen: &SecretSeen, now: Moment) -> Option<Arc<Authority>> {
        let valid = |authority: &Authority| authority.cert().validity().holds(now.wall).is_ok();
        let signer = match seen {
            SecretSeen::Present(contents) => Some(&contents.signer),
            SecretSeen::Unknown | SecretSeen::Missing | SecretSeen::Broken => None,
        };
        let signer = signer.filter(|signer| valid(signer));
        let Some(Serving { authority, leaf }) = &self.serving else {
            let signer = signer.filter(|signer| self.since(signer.cert()).is_some());
            return signer.cloned();
        };
        if let Some(signer) = signer
            && signer.cert() != authority.cert()
        {
            let usable = leaf.holds(now.wall).is_ok();
            let settled = self.has_settled(signer.cert(), now);
            if settled || (!usable && self.since(signer.cert()).is_some()) {
                return Some(Arc::clone(signer));
            }
        }
        // No leaf outlives its CA: a new one would expire just as soon.
        let longer = leaf.not_after < authority.cert().validity().not_after;
        let due = leaf.holds(now.wall).is_err() || (longer && now.wall >= leaf.renew_at());
        let heard = now.silent < self.waits.silence;
        (due && heard && valid(authority)).then(|| Arc::clone(authority))
    }

    fn note_published(
        &mut self,
        seen: &SecretSeen,
        bundles: &[BundleSeen],
        cas: &[Vec<Vec<CaCert>>],
        now: Moment,
    ) {
        let unknown = bundles.contains(&BundleSeen::Unknown);
        let everywhere = |ca: &CaCert| {
            !unknown
                && cas
                    .iter()
                    .flatten()
                    .all(|bundle| bundle.iter().any(|known| known == ca))
        };
        let mut asked: Vec<CaCert> = match seen {
            SecretSeen::Present(contents) => contents.trusted().cloned().collect(),
            SecretSeen::Unknown | SecretSeen::Missing | SecretSeen::Broken => Vec::new(),
        };
        let serving = self.serving.iter();
        asked.extend(serving.map(|serving| serving.authority.cert().clone()));
        self.published = asked
            .into_iter()
            .filter(|ca| everywhere(ca))
            .map(|ca| {
                let since = self.since(&ca).unwrap_or(now.ticks);
                (ca, since)
            })
            .collect();
    }

    fn note_unknown(&mut self, seen: &SecretSeen, cas: &[Vec<Vec<CaCert>>], now: Moment) {
        let SecretSeen::Present(contents) = seen else {
            // While the Secret is unknown, no CA counts as unknown.
            self.unknown.clear();
            return;
        };
        let mut unknown: Vec<(CaCert, Duration)> = Vec::new();
        for ca in cas.iter().flatten().flatten() {
            let known = contents.trusted().any(|known| known == ca);
            let noted = unknown.iter().any(|(noted, _)| noted == ca);
            if known || noted || !is_ours(ca) || ca.validity().holds(now.wall).is_err() {
                continue;
            }
            let before = self.unknown.iter().find(|(noted, _)| noted == ca);
            let since = before.map_or(now.ticks, |(_, since)| *since);
            unknown.push((ca.clone(), since));
        }
        // CAs whose time is over stay recorded while they are published. Otherwise their time would start
        // again.
        self.unknown = unknown;
    }

    fn note_previous(&mut self, seen: &SecretSeen, now: Moment) {
        let previous = match seen {
            SecretSeen::Present(contents) => contents.previous.as_slice(),
            SecretSeen::Unknown | SecretSeen::Missing | SecretSeen::Broken => &[],
        };
        if self.previous.0 != previous {
            self.previous = (previous.to_vec(), now.ticks);
        }
    }

    fn since(&self, ca: &CaCert) -> Option<Duration> {
        let mut published = self.published.iter();
        published
            .find(|(known, _)| known == ca)
            .map(|(_, since)| *since)
    }

    fn has_settled(&self, ca: &CaCert, now: Moment) -> bool {
        self.since(ca)
            .is_some_and(|since| now.ticks.saturating_sub(since) >= self.waits.settle)
    }
}

fn cas_of(seen: &BundleSeen) -> Vec<Vec<CaCert>> {
    match seen {
        BundleSeen::Unknown | BundleSeen::Missing => Vec::new(),
        BundleSeen::Present(bundles) => bundles.iter().map(|pem| read_bundle(pem)).collect(),
    }
}
