// SPDX-License-Identifier: Apache-2.0
//! What an open vault holds: workers, and what they share.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Answer, Job, Settings, search::Station};
use crate::{
    batch::Batch,
    cache::{Bounds, Counts, HandleCache},
    canary::Canary,
    error::{Error, HsmError, Recovery},
    keys::{Keyring, Provider},
    lane::Lane,
    module::Module,
    partition::Partition,
    policy::Policy,
    row::{ROW_MAC, Row, hmac_sha256},
    session::Session,
    worker::{Roll, Worker, stuck},
};

/// What the row key computes the MAC of to become a tenant's digest key.
const FINGERPRINT: &[u8] = b"kagimori/fingerprint/1";

/// The HSM, staffed. Workers hold the house too: a session goes before the
/// partition, and with the last of them the module is finalised.
pub(super) struct Staff {
    /// One to each session that searches.
    pub(super) lanes: Vec<Worker<Station>>,
    /// For everything else.
    pub(super) desk: Worker<Station>,
    pub(super) house: Arc<House>,
    roll: Roll,
}

/// What the workers share.
pub(super) struct House {
    pub(super) keyring: Keyring,
    /// Keyed, so that a digest does not begin with the key each time.
    fingerprints: HashMap<String, Hmac<Sha256>>,
    pub(super) canaries: Vec<Canary>,
    pub(super) policy: Policy,
    pub(super) provider: Provider,
    pub(super) bounds: Bounds,
    pub(super) counts: Arc<Counts>,
    pub(super) maker: (String, String),
    pub(super) partition: Partition,
}

impl Staff {
    /// Opens the house and every session in it.
    pub(super) fn gather(settings: Settings) -> Result<Self, Error> {
        let sessions = settings.sessions;
        if sessions == 0 {
            return Err(Error::Policy("a vault needs at least one session".to_owned()));
        }
        let house = Arc::new(House::open(settings)?);
        let roll = Roll::new();
        let lane = |number| start(format!("hsm-lane-{number}"), &house, &roll);
        Ok(Self {
            lanes: (0..sessions).map(lane).collect::<Result<_, _>>()?,
            desk: start("hsm-desk".to_owned(), &house, &roll)?,
            house,
            roll,
        })
    }

    /// Has every job done in its lane; answers are in order.
    pub(super) fn search(&self, jobs: Vec<Job>, patience: Duration) -> Vec<Answer> {
        let lanes: Vec<usize> = jobs.iter().map(|job| self.lane_of(&job.row)).collect();
        let pulses: Vec<_> = lanes.iter().map(|lane| self.lanes[*lane].pulse()).collect();
        let batch = Batch::new(jobs);
        for (worker, members) in self.lanes.iter().zip(self.by_lane(&lanes)) {
            if members.is_empty() {
                continue;
            }
            if worker.pulse().is_stuck() {
                batch.refuse(&members, &stuck());
                continue;
            }
            let group = batch.group(members);
            worker.post(move |station, pulse| group.work(|job| station.answer(job, pulse)));
        }
        batch.conclude(patience, &pulses)
    }

    /// A token's jobs always meet the same session: its seed is open there or nowhere.
    pub(super) fn lane_of(&self, row: &Row) -> usize {
        let [a, b, c, d, ..] = row.digest();
        u32::from_be_bytes([*a, *b, *c, *d]) as usize % self.lanes.len()
    }

    fn by_lane(&self, lanes: &[usize]) -> Vec<Vec<usize>> {
        let mut groups = vec![Vec::new(); self.lanes.len()];
        for (job, lane) in lanes.iter().enumerate() {
            groups[*lane].push(job);
        }
        groups
    }

    /// Whether a worker is caught in a call that somebody waited for in vain.
    pub(super) fn is_hung(&self) -> bool {
        self.lanes.iter().chain([&self.desk]).any(|worker| worker.pulse().is_stuck())
    }

    /// Lets the workers go. Where one of them does not, because its call never
    /// returns, the module is left as it is.
    pub(super) fn dismiss(self, until: Instant) {
        let Self { lanes, desk, house, roll } = self;
        drop((lanes, desk));
        roll.all_gone(until);
        drop(house);
    }

    /// Forgets a house of the parent process: to close it here could hang.
    pub(super) fn forget(self) {
        mem::forget(self);
    }
}

fn start(name: String, house: &Arc<House>, roll: &Roll) -> Result<Worker<Station>, Error> {
    let lane = Lane::open(&house.partition, house.fresh_cache())?;
    let station = Station::new(lane, Arc::clone(house));
    Ok(Worker::start(name, station, roll).map_err(|error| {
        HsmError::without_call(format!("a thread for the HSM: {error}"), Recovery::Fatal)
    })?)
}

impl House {
    fn open(settings: Settings) -> Result<Self, Error> {
        let policy = Policy::parse(&settings.policy)?;
        let module = Arc::new(Module::initialise(&settings.module)?);
        let maker = module.describe()?;
        let partition = Partition::open(&module, &settings.login)?;
        let session = partition.session()?;
        let keyring = Keyring::open(&policy, &settings.canaries, &partition, &session)?;
        let bounds = Bounds {
            entries: (settings.cache_entries / settings.sessions).max(1),
            lifetime: settings.cache_lifetime,
        };
        let mut house = Self {
            keyring,
            fingerprints: HashMap::new(),
            canaries: settings.canaries,
            policy,
            provider: settings.provider,
            bounds,
            counts: Arc::default(),
            maker,
            partition,
        };
        house.fingerprints = house.fingerprint_keys(&session)?;
        Ok(house)
    }

    fn fingerprint_keys(&self, session: &Session) -> Result<HashMap<String, Hmac<Sha256>>, Error> {
        let keys = self.keyring.current(&self.partition, session)?;
        let mut keyed = HashMap::new();
        for tenant in self.canaries.iter().map(|canary| &canary.tenant) {
            // The oldest version is kept, so that rotation changes no digest.
            let row_key = keys.of(tenant, oldest(&self.canaries, tenant))?.row;
            let key = Zeroizing::new(hmac_sha256(session, row_key, FINGERPRINT)?);
            let hmac = Hmac::new_from_slice(&*key).expect("HMAC takes a key of any length");
            keyed.insert(tenant.clone(), hmac);
        }
        Ok(keyed)
    }

    pub(super) fn fingerprint(&self, tenant: &str, message: &[u8]) -> Result<[u8; ROW_MAC], Error> {
        let keyed = self.fingerprints.get(tenant).ok_or_else(|| {
            let message = format!("no keys of tenant {tenant} are open");
            HsmError::without_call(message, Recovery::Fatal)
        })?;
        Ok(keyed.clone().chain_update(message).finalize().into_bytes().into())
    }

    pub(super) fn fresh_cache(&self) -> HandleCache {
        HandleCache::new(self.bounds, &self.counts)
    }
}

fn oldest(canaries: &[Canary], tenant: &str) -> u32 {
    let versions = canaries.iter().filter(|canary| canary.tenant == tenant);
    versions.map(|canary| canary.key_version).min().unwrap_or_default()
}
