//! The CA's rotation without an API server: replicas that plan, clocks that jump, and others
//! that delete and overwrite.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dind_injector::names::ca_secret;
use dind_injector::tls::{
    Authority, BundleSeen, CA_LIFETIME, CaCert, Contents, LEAF_LIFETIME, Moment, Plan, Rotation,
    SecretChange, SecretSeen, Validity, Waits, read_bundle,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// 2027, on a Tuesday.
const START: Duration = Duration::from_secs(1_800_000_000);

/// The cluster and its clock.
struct World {
    wall: SystemTime,
    ticks: Duration,
    secret: Seen<SecretSeen>,
    bundles: Seen<Vec<BundleSeen>>,
    replicas: Vec<Replica>,
}

/// Something with a version, as the API server keeps it.
#[derive(Clone)]
struct Seen<T> {
    version: u64,
    value: T,
}

struct Replica {
    rotation: Rotation,
    serving: Option<(Arc<Authority>, Validity)>,
    /// How far its wall clock is ahead.
    ahead: Duration,
    secret: Seen<SecretSeen>,
    bundles: Seen<Vec<BundleSeen>>,
    /// When it last looked.
    heard: Duration,
}

impl<T> Seen<T> {
    fn write(&mut self, value: T) {
        self.version += 1;
        self.value = value;
    }
}

impl World {
    /// No Secret, and two configurations as they are installed: without a caBundle.
    fn new(replicas: usize) -> Self {
        let empty = BundleSeen::Present(vec![vec![]]);
        let mut world = Self {
            wall: UNIX_EPOCH + START,
            ticks: Duration::ZERO,
            secret: Seen {
                version: 1,
                value: SecretSeen::Missing,
            },
            bundles: Seen {
                version: 1,
                value: vec![empty.clone(), empty],
            },
            replicas: Vec::new(),
        };
        for _ in 0..replicas {
            world.start(Duration::ZERO);
        }
        world
    }

    fn start(&mut self, ahead: Duration) {
        self.replicas.push(Replica {
            rotation: Rotation::new(Waits::default()),
            serving: None,
            ahead,
            secret: self.secret.clone(),
            bundles: self.bundles.clone(),
            heard: self.ticks,
        });
    }

    fn restart(&mut self, index: usize) {
        let ahead = self.replicas[index].ahead;
        self.replicas.remove(index);
        self.start(ahead);
    }

    fn observe(&mut self, index: usize) {
        let replica = &mut self.replicas[index];
        replica.secret = self.secret.clone();
        replica.bundles = self.bundles.clone();
        replica.heard = self.ticks;
    }

    /// One look of a replica at what it saw last, which then sees what came of it. Says whether it did
    /// something.
    fn act(&mut self, index: usize) -> bool {
        let acted = self.act_deaf(index);
        self.observe(index);
        acted
    }

    /// The same, of one that hears nothing.
    fn act_deaf(&mut self, index: usize) -> bool {
        let ticks = self.ticks;
        let replica = &mut self.replicas[index];
        let wall = self.wall + replica.ahead;
        let moment = Moment {
            wall,
            ticks,
            silent: ticks - replica.heard,
        };
        let Plan {
            secret,
            bundle,
            leaf,
        } = replica
            .rotation
            .plan(&replica.secret.value, &replica.bundles.value, moment);
        let mut acted = false;
        if let Some(authority) = leaf {
            let before = replica.serving.as_ref().map(|(before, _)| before.cert());
            if before != Some(authority.cert()) {
                assert!(
                    trusts(&replica.bundles.value, authority.cert()),
                    "a leaf is served of a CA that is not trusted"
                );
            }
            let pair = authority.leaf(&["x.y.svc".to_owned()], wall).unwrap();
            let leaf = pair.validity();
            replica.rotation.served(Arc::clone(&authority), leaf);
            replica.serving = Some((authority, leaf));
            acted = true;
        }
        if let Some(change) = secret
            && replica.secret.version == self.secret.version
        {
            let before = match &replica.secret.value {
                SecretSeen::Present(contents) => Some(contents),
                SecretSeen::Unknown | SecretSeen::Missing | SecretSeen::Broken => None,
            };
            let after = change.apply(before, wall).unwrap().unwrap();
            self.secret.write(SecretSeen::Present(stored(&after)));
            acted = true;
        }
        if let Some(pem) = bundle
            && self.replicas[index].bundles.version == self.bundles.version
        {
            acted |= self.publish(&pem);
        }
        acted
    }

    fn publish(&mut self, pem: &str) -> bool {
        let set = |seen: &BundleSeen| match seen {
            BundleSeen::Present(hooks) => {
                BundleSeen::Present(vec![pem.as_bytes().to_vec(); hooks.len()])
            }
            BundleSeen::Unknown | BundleSeen::Missing => seen.clone(),
        };
        let after: Vec<_> = self.bundles.value.iter().map(set).collect();
        if after == self.bundles.value {
            return false;
        }
        for replica in &self.replicas {
            if let Some((authority, leaf)) = &replica.serving
                && leaf.holds(self.wall + replica.ahead).is_ok()
                && trusts(&self.bundles.value, authority.cert())
            {
                assert!(
                    trusts(&after, authority.cert()),
                    "a CA is not trusted any more while a leaf of it is served"
                );
            }
        }
        self.bundles.write(after);
        true
    }

    /// All replicas, until none has anything to do.
    fn rest(&mut self) {
        for _ in 0..50 {
            let mut acted = false;
            for index in 0..self.replicas.len() {
                self.observe(index);
                acted |= self.act(index);
            }
            if !acted {
                return;
            }
        }
        panic!("the replicas never come to rest");
    }

    /// Lets time pass, with the replicas at rest before and after.
    fn pass(&mut self, time: Duration) {
        self.rest();
        self.wall += time;
        self.ticks += time;
        self.rest();
    }

    /// Long enough for a renewal to go its way: published, settled, signing.
    fn pass_renewal(&mut self) {
        self.pass(SECOND);
        self.pass(31 * SECOND);
        self.pass(31 * SECOND);
    }

    fn contents(&self) -> &Contents {
        match &self.secret.value {
            SecretSeen::Present(contents) => contents,
            other => panic!("{other:?}"),
        }
    }

    fn signer(&self) -> CaCert {
        self.contents().signer.cert().clone()
    }

    fn served_by(&self, index: usize) -> CaCert {
        let serving = self.replicas[index].serving.as_ref();
        serving.expect("nothing is served").0.cert().clone()
    }

    /// Every replica serves a leaf that is valid and trusted.
    fn is_well(&self) {
        for (index, replica) in self.replicas.iter().enumerate() {
            let (authority, leaf) = replica.serving.as_ref().expect("nothing is served");
            assert!(leaf.holds(self.wall + replica.ahead).is_ok(), "{index}");
            assert!(trusts(&self.bundles.value, authority.cert()), "{index}");
        }
    }

    fn published(&self) -> Vec<CaCert> {
        match &self.bundles.value[0] {
            BundleSeen::Present(hooks) => read_bundle(&hooks[0]),
            other => panic!("{other:?}"),
        }
    }
}

fn trusts(bundles: &[BundleSeen], ca: &CaCert) -> bool {
    bundles.iter().all(|seen| match seen {
        BundleSeen::Unknown => false,
        BundleSeen::Missing => true,
        BundleSeen::Present(hooks) => hooks.iter().all(|pem| read_bundle(pem).contains(ca)),
    })
}

/// As it comes back from a Secret.
fn stored(contents: &Contents) -> Contents {
    let mut data = BTreeMap::new();
    contents.write(&mut data);
    Contents::read(&data).unwrap()
}

#[test]
fn the_first_replica_founds_a_ca_and_all_serve_leaves_of_it() {
    let mut world = World::new(3);
    world.rest();
    world.is_well();
    let signer = world.signer();
    for index in 0..3 {
        assert_eq!(world.served_by(index), signer);
    }
    assert_eq!(world.published(), [signer]);
}

#[test]
fn replicas_that_race_to_found_a_ca_agree_on_the_first() {
    let mut world = World::new(2);
    // Both have seen that there is no Secret.
    assert!(world.act(0));
    let first = world.signer();
    assert!(!world.act(1), "its write conflicts");
    world.rest();
    assert_eq!(world.signer(), first);
    world.is_well();
}

#[test]
fn nothing_is_served_before_the_configurations_trust_it() {
    let mut world = World::new(1);
    world.bundles.write(vec![BundleSeen::Unknown]);
    world.rest();
    assert!(world.replicas[0].serving.is_none());
    world
        .bundles
        .write(vec![BundleSeen::Present(vec![vec![], vec![]])]);
    world.rest();
    world.is_well();
}

#[test]
fn a_missing_configuration_holds_nothing_up() {
    let mut world = World::new(1);
    world
        .bundles
        .write(vec![BundleSeen::Missing, BundleSeen::Missing]);
    world.rest();
    world.is_well();
    let empty = BundleSeen::Present(vec![vec![]]);
    world.bundles.write(vec![empty.clone(), empty]);
    world.rest();
    assert_eq!(world.published(), [world.signer()]);
}

#[test]
fn a_leaf_is_renewed_at_two_thirds_of_its_life() {
    let mut world = World::new(1);
    world.rest();
    let expiry = |world: &World| world.replicas[0].serving.as_ref().unwrap().1.not_after;
    let first = expiry(&world);
    world.pass(LEAF_LIFETIME * 6 / 10);
    assert_eq!(expiry(&world), first);
    world.pass(LEAF_LIFETIME / 10);
    assert!(expiry(&world) > first);
}

#[test]
fn a_leaf_that_ends_with_its_ca_is_not_made_again_and_again() {
    let mut world = World::new(1);
    // It comes to rest: renewal did not happen for months, and does now.
    world.pass(CA_LIFETIME - 600 * SECOND);
    world.is_well();
    world.pass_renewal();
    world.is_well();
    let ends = world.replicas[0].serving.as_ref().unwrap().1.not_after;
    assert!(ends > world.wall + DAY);
}

#[test]
fn who_hears_nothing_of_the_secret_stops_before_its_ca_is_forgotten() {
    let mut world = World::new(2);
    world.pass(CA_LIFETIME * 6 / 10);
    let old = world.signer();
    let step = DAY / 4;
    for _ in 0..4 * 60 {
        world.wall += step;
        world.ticks += step;
        // The other renews, and forgets; `publish` looks whether a leaf is still served then.
        while {
            world.observe(0);
            world.act(0)
        } {}
        world.act_deaf(1);
    }
    assert!(!world.published().contains(&old));
    let (authority, leaf) = world.replicas[1].serving.as_ref().unwrap();
    assert_eq!(*authority.cert(), old);
    assert!(leaf.holds(world.wall).is_err(), "and readiness says so");
    world.rest();
    world.is_well();
}

#[test]
fn a_renewed_ca_is_published_then_signs_then_the_old_one_is_forgotten() {
    let mut world = World::new(2);
    world.rest();
    let old = world.signer();
    world.pass(CA_LIFETIME * 6 / 10);
    assert_eq!(world.published(), std::slice::from_ref(&old));
    world.pass(CA_LIFETIME / 10);
    let next = world.contents().next.as_ref().unwrap().cert().clone();
    assert_eq!(world.published().len(), 2);
    assert_eq!(
        world.signer(),
        old,
        "it does not sign before it has settled"
    );
    world.pass(29 * SECOND);
    assert_eq!(world.served_by(1), old);
    world.pass(SECOND);
    assert_eq!(world.signer(), next);
    assert_eq!(world.served_by(0), next);
    assert_eq!(world.served_by(1), next);
    assert_eq!(world.contents().previous, std::slice::from_ref(&old));
    assert_eq!(world.published().len(), 2, "the old one is still trusted");
    world.pass(LEAF_LIFETIME);
    assert_eq!(world.published().len(), 2);
    world.pass(2 * DAY);
    assert_eq!(world.contents().previous, []);
    assert_eq!(world.published().len(), 2, "nobody objects for ten minutes");
    world.pass(600 * SECOND);
    assert_eq!(world.published(), [next]);
    world.is_well();
}

#[test]
fn a_new_ca_settles_anew_when_a_ca_bundle_lost_it() {
    let mut world = World::new(1);
    world.rest();
    world.pass(CA_LIFETIME * 7 / 10);
    let old = world.signer();
    world.pass(20 * SECOND);
    let without = BundleSeen::Present(vec![old.pem().into_bytes()]);
    world.bundles.write(vec![without.clone(), without]);
    world.rest();
    world.pass(20 * SECOND);
    assert_eq!(world.signer(), old);
    world.pass(10 * SECOND);
    assert_ne!(world.signer(), old);
}

#[test]
fn an_overwritten_ca_bundle_is_put_right() {
    let mut world = World::new(2);
    world.rest();
    let right = world.bundles.value.clone();
    for wrong in [&b""[..], b"garbage", b"-----BEGIN CERTIFICATE-----\n"] {
        let wrong = BundleSeen::Present(vec![wrong.to_vec()]);
        world.bundles.write(vec![wrong.clone(), wrong]);
        world.rest();
        assert_eq!(world.bundles.value, right);
    }
}

#[test]
fn nothing_is_written_that_is_as_it_should_be() {
    let mut world = World::new(3);
    world.rest();
    let versions = |world: &World| (world.secret.version, world.bundles.version);
    let before = versions(&world);
    for _ in 0..100 {
        world.pass(3600 * SECOND);
    }
    assert_eq!(versions(&world), before);
}

#[test]
fn a_deleted_secret_is_restored_and_its_ca_replaced_without_a_gap() {
    let mut world = World::new(2);
    world.rest();
    let lost = world.signer();
    world.secret.write(SecretSeen::Missing);
    world.rest();
    assert_eq!(world.signer(), lost, "the one in memory");
    world.pass_renewal();
    assert_ne!(
        world.signer(),
        lost,
        "it may have been deleted to be rid of it"
    );
    assert_eq!(world.served_by(0), world.signer());
    world.pass(9 * DAY);
    world.pass(600 * SECOND);
    assert_eq!(world.published(), [world.signer()]);
    world.is_well();
}

#[test]
fn a_broken_secret_is_restored() {
    let mut world = World::new(2);
    world.rest();
    let lost = world.signer();
    world.secret.write(SecretSeen::Broken);
    world.rest();
    assert_eq!(world.signer(), lost);
    world.is_well();
}

#[test]
fn a_newcomer_that_founds_a_ca_does_not_cut_off_who_serves_the_old_one() {
    let mut world = World::new(1);
    world.rest();
    let old = world.served_by(0);
    world.secret.write(SecretSeen::Missing);
    world.start(Duration::ZERO);
    // The newcomer is first, all the way to its leaf.
    while world.act(1) {}
    assert_ne!(world.served_by(1), old);
    assert!(
        trusts(&world.bundles.value, &old),
        "by its name it is one of ours"
    );
    world.rest();
    assert_eq!(
        world.contents().previous,
        std::slice::from_ref(&old),
        "remembered by who serves it"
    );
    world.is_well();
    world.pass_renewal();
    assert_eq!(world.served_by(0), world.signer());
    world.is_well();
}

#[test]
fn a_ca_of_our_name_that_nobody_serves_is_trusted_for_ten_minutes_and_no_longer() {
    let mut world = World::new(2);
    world.rest();
    let stranger = Authority::generate(world.wall).unwrap();
    let right = world.bundles.value.clone();
    let both = format!("{}{}", world.signer().pem(), stranger.pem());
    let both = BundleSeen::Present(vec![both.into_bytes()]);
    world.bundles.write(vec![both.clone(), both]);
    world.pass(599 * SECOND);
    assert!(trusts(&world.bundles.value, stranger.cert()));
    world.pass(SECOND);
    assert_eq!(world.bundles.value, right);
}

#[test]
fn a_ca_expired_while_nobody_ran_is_replaced() {
    let mut world = World::new(1);
    world.rest();
    let old = world.signer();
    world.wall += CA_LIFETIME * 2;
    world.restart(0);
    world.pass_renewal();
    assert_ne!(world.signer(), old);
    world.is_well();
}

#[test]
fn a_clock_that_jumps_ahead_costs_nothing_but_a_renewal() {
    let mut world = World::new(2);
    world.rest();
    // The wall clock alone: no time has passed to wait for others.
    world.wall += CA_LIFETIME * 3 / 4;
    world.rest();
    world.is_well();
    world.pass_renewal();
    world.is_well();
}

#[test]
fn a_clock_that_jumps_back_costs_nothing() {
    let mut world = World::new(2);
    world.rest();
    for back in [DAY, 400 * DAY] {
        world.wall -= back;
        world.pass_renewal();
        world.is_well();
    }
}

#[test]
fn one_replica_with_a_wrong_clock_takes_no_certificate_from_the_others() {
    let mut world = World::new(2);
    world.rest();
    world.start(CA_LIFETIME * 3);
    for _ in 0..20 {
        world.pass(31 * SECOND);
        for index in 0..2 {
            let (authority, leaf) = world.replicas[index].serving.as_ref().unwrap();
            assert!(leaf.holds(world.wall).is_ok());
            assert!(trusts(&world.bundles.value, authority.cert()));
        }
    }
}

#[test]
fn a_secret_without_a_usable_ca_is_told_apart_by_what_is_wrong() {
    let now = UNIX_EPOCH + START;
    let contents = SecretChange::Found.apply(None, now).unwrap().unwrap();
    let other = SecretChange::Found.apply(None, now).unwrap().unwrap();
    let mut data = BTreeMap::new();
    contents.write(&mut data);
    let with = |key: &str, value: Option<&[u8]>| {
        let mut data = data.clone();
        match value {
            Some(value) => drop(data.insert(key.to_owned(), value.to_vec())),
            None => drop(data.remove(key)),
        }
        Contents::read(&data)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(with("unrelated", Some(b"kept")), Ok(()));
    let wrong = [
        (ca_secret::CERT, None, "the Secret has no ca.crt"),
        (ca_secret::KEY, None, "the Secret has no ca.key"),
        (
            ca_secret::CERT,
            Some(&b"x"[..]),
            "the certificate is not usable PEM",
        ),
        (ca_secret::KEY, Some(b"x"), "the key is not usable PEM"),
        (ca_secret::KEY, Some(b"\xff"), "the key is not usable PEM"),
        (
            ca_secret::KEY,
            Some(other.signer.key_pem().as_bytes()),
            "the CA's certificate and key do not go together",
        ),
    ];
    for (key, value, expected) in wrong {
        let error = with(key, value).unwrap_err();
        assert!(error.starts_with(expected), "{key}: {error}");
    }
    // A serving certificate is no CA.
    let leaf = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    let mut data = data.clone();
    data.insert(ca_secret::CERT.to_owned(), leaf.cert.pem().into_bytes());
    let key = leaf.signing_key.serialize_pem().into_bytes();
    data.insert(ca_secret::KEY.to_owned(), key);
    let error = Contents::read(&data).unwrap_err().to_string();
    assert!(error.contains("not a CA's"), "{error}");
}

#[test]
fn what_else_is_in_the_secret_is_left_alone() {
    let now = UNIX_EPOCH + START;
    let contents = SecretChange::Found.apply(None, now).unwrap().unwrap();
    let mut data = BTreeMap::from([("mine".to_owned(), b"kept".to_vec())]);
    contents.write(&mut data);
    let keys: Vec<_> = data.keys().map(String::as_str).collect();
    assert_eq!(keys, ["ca.crt", "ca.key", "mine"]);
}

/// What happens to a cluster between two looks.
#[derive(Clone, Debug)]
enum Happens {
    Pass(u32),
    DeleteSecret,
    BreakSecret,
    Restart(usize),
    /// A replica acts on what it saw before the last happening.
    ActOnOldNews(usize),
    Act(usize),
    OverwriteBundles,
    DeleteConfiguration,
    InstallConfiguration,
}

fn happens() -> impl Strategy<Value = Happens> {
    let seconds = prop_oneof![
        Just(1u32),
        Just(31),
        Just(700),
        Just(2 * 86_400),
        Just(40 * 86_400),
        Just(130 * 86_400)
    ];
    prop_oneof![
        4 => seconds.prop_map(Happens::Pass),
        1 => Just(Happens::DeleteSecret),
        1 => Just(Happens::BreakSecret),
        2 => (0..3usize).prop_map(Happens::Restart),
        3 => (0..3usize).prop_map(Happens::ActOnOldNews),
        3 => (0..3usize).prop_map(Happens::Act),
        1 => Just(Happens::OverwriteBundles),
        1 => Just(Happens::DeleteConfiguration),
        1 => Just(Happens::InstallConfiguration),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever happens, no replica serves what is not trusted, none takes another's trust
    /// away (`World` asserts both at each step), and all is well in the end.
    #[test]
    fn no_order_of_events_breaks_the_promise(events in prop::collection::vec(happens(), 1..40)) {
        let mut world = World::new(3);
        world.rest();
        for event in events {
            match event {
                Happens::Pass(seconds) => world.pass(seconds * SECOND),
                Happens::DeleteSecret => world.secret.write(SecretSeen::Missing),
                Happens::BreakSecret => world.secret.write(SecretSeen::Broken),
                Happens::Restart(index) => world.restart(index),
                Happens::ActOnOldNews(index) => drop(world.act(index)),
                Happens::Act(index) => {
                    world.observe(index);
                    world.act(index);
                }
                Happens::OverwriteBundles => {
                    let wrong = |seen: &BundleSeen| match seen {
                        BundleSeen::Present(_) => BundleSeen::Present(vec![b"wrong".to_vec()]),
                        other => other.clone(),
                    };
                    let wrong = world.bundles.value.iter().map(wrong).collect();
                    world.bundles.write(wrong);
                }
                Happens::DeleteConfiguration => {
                    let mut bundles = world.bundles.value.clone();
                    bundles[1] = BundleSeen::Missing;
                    world.bundles.write(bundles);
                }
                Happens::InstallConfiguration => {
                    let mut bundles = world.bundles.value.clone();
                    bundles[1] = BundleSeen::Present(vec![vec![], vec![]]);
                    world.bundles.write(bundles);
                }
            }
        }
        world.pass_renewal();
        world.pass_renewal();
        world.is_well();
        world.pass(10 * DAY);
        world.pass_renewal();
        world.is_well();
        for index in 0..3 {
            prop_assert_eq!(world.served_by(index), world.signer());
        }
    }
}
