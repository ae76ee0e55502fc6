// SPDX-License-Identifier: Apache-2.0
//! The serving process's door to the HSM.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit, Mac as _};
use kagimori_otp::{Code, Window};
use parking_lot::RwLock;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    cache::{Bounds, Counts, HandleCache},
    canary::Canary,
    error::{Error, HsmError, Recovery},
    keys::{Keyring, Provider},
    lane::Lane,
    module::Module,
    partition::{Login, Partition},
    policy::Policy,
    row::{ROW_MAC, Row, hmac_sha256},
    self_test::{self, Finding},
};

mod search;

pub(crate) use search::mechanism;

/// How long the desk's callers wait for each other.
const PATIENCE: Duration = Duration::from_secs(5);

/// A longer wait for a session is no wait but a mistake.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// What the row key computes the MAC of to become a tenant's digest key.
const FINGERPRINT: &[u8] = b"kagimori/fingerprint/1";

/// What a vault needs to know.
pub struct Settings {
    /// Path of the PKCS#11 module.
    pub module: String,
    /// The serving partition.
    pub login: Login,
    /// Text of the key policy.
    pub policy: String,
    /// What differs by maker.
    pub provider: Provider,
    /// The ceremony's canaries: one for each tenant and key version in use.
    pub canaries: Vec<Canary>,
    /// Sessions that search at the same time.
    pub sessions: usize,
    /// Seeds that may be open in all sessions together; at least one in each.
    pub cache_entries: usize,
    /// How long a seed may stay open.
    pub cache_lifetime: Duration,
}

/// One window to search.
#[derive(Clone)]
pub struct Job {
    /// The token's row.
    pub row: Arc<Row>,
    /// The steps to try.
    pub window: Window,
    /// The code that was offered.
    pub code: Code,
}

/// What a search came to.
pub struct Answer {
    /// The step that has the code, if one has.
    pub step: Option<u64>,
    /// What broke the search off, if something did.
    pub error: Option<Error>,
    /// Codes that the HSM computed, also for a search that was broken off.
    pub evaluated: u32,
}

/// Who made the module, its version, and (tenant, wrapping key, row key) versions.
pub type Status = (String, String, Vec<(String, u32, u32)>);

/// (hits, misses, entries) of the handle caches.
pub type CacheCounts = (u64, u64, u64);

/// The HSM, opened. It is used by many threads at once.
pub struct Vault {
    house: RwLock<Option<House>>,
}

/// What is open. Sessions come before the partition, which finalises the module.
struct House {
    lanes: Vec<Lane<HandleCache>>,
    desk: Lane<()>,
    keyring: Keyring,
    fingerprint_keys: HashMap<String, Zeroizing<[u8; ROW_MAC]>>,
    canaries: Vec<Canary>,
    policy: Policy,
    provider: Provider,
    bounds: Bounds,
    counts: Arc<Counts>,
    maker: (String, String),
    partition: Partition,
}

impl Vault {
    /// Initialises the module, logs in once, opens every session and finds every key.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let house = House::open(settings)?;
        Ok(Self { house: RwLock::new(Some(house)) })
    }

    /// Searches each window in the calling thread; answers are in order.
    ///
    /// `patience` bounds the wait for sessions that others use, to an hour at most. A token's jobs
    /// always go to the same session, where its seed may be open.
    pub fn search(&self, jobs: &[Job], patience: Duration) -> Result<Vec<Answer>, Error> {
        let until = Instant::now() + patience.min(MOST_PATIENCE);
        self.inside(|house| Ok(jobs.iter().map(|job| house.answer(job, until)).collect()))
    }

    /// The MAC of `row`; the MAC it holds is not looked at.
    pub fn row_mac(&self, row: &Row) -> Result<[u8; ROW_MAC], Error> {
        self.inside(|house| {
            house.desk.run(
                &house.partition,
                patience(),
                || (),
                |seat| {
                    let keys = house.keyring.current(&house.partition, &seat.session)?;
                    Ok(row.mac(&seat.session, keys.of_row(row)?.row)?)
                },
            )
        })
    }

    /// HMAC-SHA-256 under the tenant's digest key. No call to the HSM.
    pub fn fingerprint(&self, tenant: &str, message: &[u8]) -> Result<[u8; ROW_MAC], Error> {
        self.inside(|house| {
            let key = house.fingerprint_keys.get(tenant).ok_or_else(|| {
                let message = format!("no keys of tenant {tenant} are open");
                HsmError::without_call(message, Recovery::Fatal)
            })?;
            Ok(digest(key, message))
        })
    }

    /// Opens and uses a canary. Destroys seeds that lie about beyond their time.
    pub fn ping(&self) -> Result<(), Error> {
        self.inside(|house| {
            for lane in &house.lanes {
                lane.if_idle(&house.partition, |seat| seat.held.sweep(&seat.session));
            }
            house.desk.run(
                &house.partition,
                patience(),
                || (),
                |seat| Ok(house.hear(&house.canaries[0], &seat.session)?),
            )
        })
    }

    /// Tries what must be refused and what must work, leaving no trace.
    pub fn self_test(&self) -> Result<Vec<Finding>, Error> {
        self.inside(|house| {
            let session = house.partition.session()?;
            let keys = house.keyring.current(&house.partition, &session)?;
            let mut findings = Vec::new();
            for canary in &house.canaries {
                let keys = keys.of(&canary.tenant, canary.key_version)?;
                let subject = self_test::Subject {
                    partition: &house.partition,
                    policy: &house.policy,
                    provider: &house.provider,
                    canary,
                    keys,
                };
                findings.extend(subject.examine()?);
            }
            Ok(findings)
        })
    }

    /// What is open.
    pub fn status(&self) -> Result<Status, Error> {
        self.inside(|house| {
            let (maker, version) = house.maker.clone();
            let wanted = house.keyring.wanted().iter();
            let keys = wanted.map(|one| (one.tenant.clone(), one.version, one.version));
            Ok((maker, version, keys.collect()))
        })
    }

    /// How the handle caches do.
    pub fn cache_counts(&self) -> Result<CacheCounts, Error> {
        self.inside(|house| {
            let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            let counts = &house.counts;
            Ok((read(&counts.hits), read(&counts.misses), read(&counts.entries)))
        })
    }

    /// Waits for calls under way, closes every session and finalises the module.
    pub fn close(&self) {
        drop(self.house.write().take_if(|house| house.partition.module().is_ours()));
    }

    fn inside<T>(&self, work: impl FnOnce(&House) -> Result<T, Error>) -> Result<T, Error> {
        let house = self.house.read();
        let house = house
            .as_ref()
            .ok_or_else(|| HsmError::without_call("the vault is closed", Recovery::Fatal))?;
        house.partition.module().check_process()?;
        work(house)
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.close();
        // What is left belongs to the parent process: closing it here could hang.
        mem::forget(self.house.get_mut().take());
    }
}

impl House {
    fn open(settings: Settings) -> Result<Self, Error> {
        if settings.sessions == 0 {
            return Err(Error::Policy("a vault needs at least one session".to_owned()));
        }
        let policy = Policy::parse(&settings.policy)?;
        let module = Arc::new(Module::initialise(&settings.module)?);
        let maker = module.describe()?;
        let partition = Partition::open(&module, &settings.login)?;
        let session = partition.session()?;
        let keyring = Keyring::open(&policy, &settings.canaries, &partition, &session)?;
        let keys = keyring.current(&partition, &session)?;
        let mut fingerprint_keys = HashMap::new();
        for canary in &settings.canaries {
            // The oldest version is kept, so that rotation changes no digest.
            let oldest = oldest(&settings.canaries, &canary.tenant);
            let row_key = keys.of(&canary.tenant, oldest)?.row;
            let key = Zeroizing::new(hmac_sha256(&session, row_key, FINGERPRINT)?);
            fingerprint_keys.insert(canary.tenant.clone(), key);
        }
        let bounds = Bounds {
            entries: (settings.cache_entries / settings.sessions).max(1),
            lifetime: settings.cache_lifetime,
        };
        let counts = Arc::default();
        let lane = |_| Lane::open(&partition, HandleCache::new(bounds, &counts));
        let lanes = (0..settings.sessions).map(lane).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            lanes,
            desk: Lane::open(&partition, ())?,
            keyring,
            fingerprint_keys,
            canaries: settings.canaries,
            policy,
            provider: settings.provider,
            bounds,
            counts,
            maker,
            partition,
        })
    }
}

fn digest(key: &[u8; ROW_MAC], message: &[u8]) -> [u8; ROW_MAC] {
    let keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    keyed.chain_update(message).finalize().into_bytes().into()
}

fn oldest(canaries: &[Canary], tenant: &str) -> u32 {
    let versions = canaries.iter().filter(|canary| canary.tenant == tenant);
    versions.map(|canary| canary.key_version).min().unwrap_or_default()
}

fn patience() -> Instant {
    Instant::now() + PATIENCE
}
