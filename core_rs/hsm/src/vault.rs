// SPDX-License-Identifier: Apache-2.0
//! The serving process's door to the HSM.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use kagimori_otp::{Code, Window, ocra::Check};
use parking_lot::RwLock;

use crate::{
    canary::{self, Canary},
    error::{Error, HsmError, Recovery},
    import::Verdict,
    keys::Provider,
    partition::Login,
    row::{ROW_MAC, Row},
    sealed::Sealed,
    self_test::{self, Finding},
};

mod cells;
mod delivered;
mod house;
mod provisioning;
mod search;

pub use cells::CellsAsked;
pub use delivered::Delivered;
use house::Staff;
pub use provisioning::Envelopes;
pub(crate) use search::{SeedMac, mechanism};

/// A longer wait is no wait but a mistake.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// How long a vault that closes waits for calls under way.
const FAREWELL: Duration = Duration::from_secs(5);

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

/// One question to a seed.
#[derive(Clone)]
pub struct Job {
    /// The token's row.
    pub row: Arc<Row>,
    /// What its seed is asked.
    pub asked: Asked,
}

/// What a seed is asked. One for signatures is never asked for a login's codes, and no
/// other seed is asked for a signature: the row is refused then.
#[derive(Clone)]
pub enum Asked {
    /// Which step has the code (RFC 4226, RFC 6238)?
    Code {
        /// The steps to try.
        window: Window,
        /// The code that was offered.
        code: Code,
        /// The code that must stand one step behind it: then two are offered.
        second: Option<Code>,
    },
    /// Is it the response to what was to be signed (RFC 6287)?
    Signature(Arc<Check>),
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
    staff: RwLock<Option<Staff>>,
}

impl Vault {
    /// Initialises the module, logs in once, opens every session and finds every key.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        Ok(Self { staff: RwLock::new(Some(Staff::gather(settings)?)) })
    }

    /// Answers each job; answers are in order, and there is one for each job
    /// when `patience` is over (an hour at most).
    ///
    /// A job that has not begun by then never will ([`Recovery::Busy`]). Of one
    /// that has begun nothing is known ([`Recovery::Hung`], `evaluated` 1).
    /// Where a call hangs, further jobs of that session are refused at once
    /// ([`Recovery::Hung`], `evaluated` 0) until it returns. A token's jobs
    /// always go to the same session, where its seed may be open.
    pub fn search(&self, jobs: Vec<Job>, patience: Duration) -> Result<Vec<Answer>, Error> {
        self.inside(|staff| Ok(staff.search(jobs, patience.min(MOST_PATIENCE))))
    }

    /// Whether both cells stand on the card of `row`. Both are always computed and
    /// compared. A card's answers always go to the same session.
    pub fn cells_match(
        &self,
        row: Arc<Row>,
        asked: CellsAsked,
        patience: Duration,
    ) -> Result<bool, Error> {
        self.inside(|staff| {
            let lane = &staff.lanes[staff.lane_of(&row)];
            lane.ask(patience, move |station, pulse| station.cells_match(&row, &asked, pulse))?
        })
    }

    /// The MAC of `row`; the MAC it holds is not looked at.
    pub fn row_mac(&self, row: &Arc<Row>, patience: Duration) -> Result<[u8; ROW_MAC], Error> {
        let row = Arc::clone(row);
        self.inside(|staff| staff.desk.ask(patience, move |station, _| station.row_mac(&row))?)
    }

    /// The MACs of `rows`, in order.
    pub fn row_macs(
        &self,
        rows: Vec<Arc<Row>>,
        patience: Duration,
    ) -> Result<Vec<[u8; ROW_MAC]>, Error> {
        self.inside(|staff| {
            staff.any_lane().ask(patience, move |station, pulse| {
                let mac = |row: &Arc<Row>| {
                    let mac = station.row_mac(row);
                    pulse.beat();
                    mac
                };
                rows.iter().map(mac).collect()
            })?
        })
    }

    /// HMAC-SHA-256 under the tenant's digest key. No call to the HSM.
    pub fn fingerprint(&self, tenant: &str, message: &[u8]) -> Result<[u8; ROW_MAC], Error> {
        self.inside(|staff| Ok(staff.house.digests.digest(tenant, message)?))
    }

    /// HMAC-SHA-256 of an activation password under the tenant's row key, in the
    /// HSM, and the version of that key: the newest where none is asked for.
    pub fn password_mac(
        &self,
        tenant: String,
        message: &[u8],
        version: Option<u32>,
        patience: Duration,
    ) -> Result<([u8; ROW_MAC], u32), Error> {
        let encoded = provisioning::encoded(message);
        self.inside(|staff| {
            let newest = || canary::newest(&staff.house.canaries, &tenant);
            let version = version.map_or_else(|| newest().map(|canary| canary.key_version), Ok)?;
            let mac = staff.any_lane().ask(patience, move |station, _| {
                station.password_mac(&tenant, version, &encoded)
            })??;
            Ok((mac, version))
        })
    }

    /// Moves phones' seeds from their envelopes under the tenant's newest wrapping
    /// key; answers are in order, and there are all of them or none.
    pub fn seal_envelopes(
        &self,
        asked: Envelopes,
        patience: Duration,
    ) -> Result<Vec<Sealed>, Error> {
        self.inside(|staff| {
            let lane = staff.any_lane();
            lane.ask(patience, move |station, pulse| station.seal_envelopes(&asked, pulse))?
        })
    }

    /// Checks each MAC, opens the seed inside the HSM and wraps it under the
    /// tenant's newest wrapping key; verdicts are in order. What only the host could
    /// open is refused. See [`crate::ImportVault::seal`].
    pub fn seal_delivered(
        &self,
        asked: Delivered,
        patience: Duration,
    ) -> Result<Vec<Verdict>, Error> {
        // Not in a lane: customers' codes would wait behind a whole delivery.
        self.inside(|staff| {
            staff.desk.ask(patience, move |station, pulse| station.seal_delivered(&asked, pulse))?
        })
    }

    /// Opens and uses a canary. Has seeds destroyed that lie about beyond their time.
    pub fn ping(&self, patience: Duration) -> Result<(), Error> {
        self.inside(|staff| {
            for lane in staff.lanes.iter().filter(|lane| !lane.pulse().is_stuck()) {
                lane.post(|station, _| station.tidy());
            }
            staff.desk.ask(patience, |station, _| station.ping())?
        })
    }

    /// Whether a call hangs: a worker that owed somebody an answer did nothing in
    /// the second half of his wait, and has not come on since.
    pub fn is_hung(&self) -> bool {
        self.inside(|staff| Ok(staff.is_hung())).unwrap_or(false)
    }

    /// Tries what must be refused and what must work, leaving no trace.
    pub fn self_test(&self) -> Result<Vec<Finding>, Error> {
        self.inside(|staff| {
            let house = &staff.house;
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
        self.inside(|staff| {
            let (maker, version) = staff.house.maker.clone();
            let wanted = staff.house.keyring.wanted().iter();
            let keys = wanted.map(|one| (one.tenant.clone(), one.version, one.version));
            Ok((maker, version, keys.collect()))
        })
    }

    /// How the handle caches do.
    pub fn cache_counts(&self) -> Result<CacheCounts, Error> {
        self.inside(|staff| {
            let counts = &staff.house.counts;
            let [hits, misses, entries] = [&counts.hits, &counts.misses, &counts.entries]
                .map(|counter| counter.load(Ordering::Relaxed));
            Ok((hits, misses, entries))
        })
    }

    /// How many seeds were opened since the vault was, canaries included.
    pub fn opened(&self) -> Result<u64, Error> {
        self.inside(|staff| Ok(staff.house.counts.opened.load(Ordering::Relaxed)))
    }

    /// Waits for calls under way, closes every session and finalises the module.
    ///
    /// A call that does not return in time is left behind, and the module with
    /// it: the process is about to end.
    pub fn close(&self) {
        let until = Instant::now() + FAREWELL;
        let Some(mut staff) = self.staff.try_write_until(until) else { return };
        if let Some(staff) = staff.take_if(|staff| staff.house.partition.module().is_ours()) {
            staff.dismiss(until);
        }
    }

    fn inside<T>(&self, work: impl FnOnce(&Staff) -> Result<T, Error>) -> Result<T, Error> {
        let staff = self.staff.read();
        let staff = staff
            .as_ref()
            .ok_or_else(|| HsmError::without_call("the vault is closed", Recovery::Fatal))?;
        staff.house.partition.module().check_process()?;
        work(staff)
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.close();
        if let Some(staff) = self.staff.get_mut().take() {
            staff.forget();
        }
    }
}
