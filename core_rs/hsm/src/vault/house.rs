// SPDX-License-Identifier: Apache-2.0
//! What an open vault holds: workers, and what they share.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Answer, Job, Settings, search::Station};
use crate::{
    batch::Batch,
    cache::{Bounds, Counts, HandleCache},
    canary::Canary,
    digest::DigestKeys,
    error::{Error, HsmError, Recovery},
    keys::{FoundKeys, Keyring, Provider},
    lane::Lane,
    module::Module,
    partition::Partition,
    policy::Policy,
    row::Row,
    worker::{Roll, Worker, stuck},
};

/// The HSM, staffed. Workers hold the house too: a session goes before the
/// partition, and with the last of them the module is finalised.
pub(super) struct Staff {
    /// One to each session that searches.
    pub(super) lanes: Vec<Worker<Station>>,
    /// For everything else.
    pub(super) desk: Worker<Station>,
    pub(super) house: Arc<House>,
    turn: AtomicUsize,
    roll: Roll,
}

/// What the workers share.
pub(super) struct House {
    pub(super) keyring: Keyring,
    pub(super) found: FoundKeys,
    pub(super) digests: DigestKeys,
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
            turn: AtomicUsize::new(0),
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

    /// The lanes in turn, for work that no open seed draws to one of them.
    pub(super) fn any_lane(&self) -> &Worker<Station> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let (before, after) = self.lanes.split_at(turn);
        let free = |lane: &&Worker<Station>| !lane.pulse().is_stuck();
        after.iter().chain(before).find(free).unwrap_or(&after[0])
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
        let Self { lanes, desk, house, roll, .. } = self;
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
        let keys = keyring.current(&partition, &session)?;
        Ok(Self {
            digests: DigestKeys::derive(&settings.canaries, &keys, &session)?,
            keyring,
            found: FoundKeys::default(),
            canaries: settings.canaries,
            policy,
            provider: settings.provider,
            bounds,
            counts: Arc::default(),
            maker,
            partition,
        })
    }

    pub(super) fn fresh_cache(&self) -> HandleCache {
        HandleCache::new(self.bounds, &self.counts)
    }
}
