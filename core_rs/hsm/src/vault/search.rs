// SPDX-License-Identifier: Apache-2.0
//! A worker's place. Check the row, open the seed, ask it.

use std::{sync::Arc, time::Duration};

use cryptoki_sys::{CKM_SHA_1_HMAC, CKM_SHA256_HMAC, CKM_SHA512_HMAC};
use kagimori_otp::{Hash, MAX_MAC, Mac, search, search_pair};

use super::{Answer, Asked, Job, Vault, house::House};
use crate::{
    cache::HandleCache,
    canary::Canary,
    error::{Error, HsmError},
    lane::{Lane, Seat},
    pulse::Pulse,
    raw::Mechanism,
    row::{ROW_MAC, Row},
    session::{Object, Session},
};

/// A session and the seeds that are open in it, in a worker's hands.
pub(super) struct Station {
    lane: Lane<HandleCache>,
    house: Arc<House>,
}

impl Station {
    pub(super) fn new(lane: Lane<HandleCache>, house: Arc<House>) -> Self {
        Self { lane, house }
    }

    pub(super) fn answer(&mut self, job: &Job, pulse: &Pulse) -> Answer {
        if !job.is_what_its_seed_is_for() {
            return Answer { step: None, error: Some(Error::RowTampered), evaluated: 0 };
        }
        let mut evaluated = 0;
        let outcome = self.run(|house, seat| {
            let seed = house.open_seed(seat, &job.row)?;
            pulse.beat();
            ask(&seat.session, seed, job, pulse, &mut evaluated)
        });
        pulse.beat();
        match outcome.map_err(|error| self.judge(error, &job.row)) {
            Ok(step) => Answer { step, error: None, evaluated },
            Err(error) => Answer { step: None, error: Some(error), evaluated },
        }
    }

    pub(super) fn row_mac(&mut self, row: &Row) -> Result<[u8; ROW_MAC], Error> {
        self.run(|house, seat| {
            let keys = house.keyring.current(&house.partition, &seat.session)?;
            Ok(row.mac(&seat.session, keys.of_row(row)?.row)?)
        })
    }

    /// Opens the first canary.
    pub(super) fn ping(&mut self) -> Result<(), Error> {
        self.run(|house, seat| Ok(house.hear(&house.canaries[0], &seat.session)?))
    }

    /// Destroys some of what is expired.
    pub(super) fn tidy(&mut self) {
        self.lane.if_open(&self.house.partition, |seat| seat.held.sweep(&seat.session));
    }

    pub(super) fn run<T>(
        &mut self,
        mut work: impl FnMut(&House, &mut Seat<HandleCache>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let house = &*self.house;
        self.lane.run(&house.partition, || house.fresh_cache(), |seat| work(house, seat))
    }

    /// Tells a blob that is none from an HSM that is dead: some HSMs answer
    /// `CKR_GENERAL_ERROR` to both, but only a living one opens the canary.
    pub(super) fn judge(&mut self, error: Error, row: &Row) -> Error {
        match error {
            Error::Hsm(error) if error.is_about_the_blob() => Error::RowTampered,
            Error::Hsm(error) if error.may_be_about_the_blob() => match self.canary_of(row) {
                Ok(()) => Error::RowTampered,
                Err(_) => error.during("the canary does not open either").into(),
            },
            other => other,
        }
    }

    fn canary_of(&mut self, row: &Row) -> Result<(), Error> {
        self.run(|house, seat| Ok(house.hear(house.canary_beside(row), &seat.session)?))
    }
}

impl House {
    /// Opens a canary in this session.
    pub(super) fn hear(&self, canary: &Canary, session: &Session) -> Result<(), HsmError> {
        let keys = self.keyring.current(&self.partition, session)?;
        let keys = keys.of(&canary.tenant, canary.key_version)?;
        self.counts.count_opened();
        canary.sing(session, keys, &self.policy, &self.provider)
    }

    fn canary_beside(&self, row: &Row) -> &Canary {
        let same = |canary: &&Canary| {
            canary.tenant == row.tenant() && canary.key_version == row.key_version
        };
        self.canaries.iter().find(same).unwrap_or(&self.canaries[0])
    }

    /// A row that is found open here was checked when it was opened.
    ///
    /// Until its MAC is checked, nothing that a row says is believed beyond which
    /// key checks it, and no other seed is closed for it.
    pub(super) fn open_seed(
        &self,
        seat: &mut Seat<HandleCache>,
        row: &Row,
    ) -> Result<Object, Error> {
        if let Some(seed) = seat.held.get(row.digest()) {
            return Ok(seed);
        }
        let keyring = self.keyring.current(&self.partition, &seat.session)?;
        // All keys of the ceremony are open: a row of another is none of ours.
        let keys = keyring.of_row(row).map_err(|_| Error::RowTampered)?;
        row.check(&seat.session, keys.row)?;
        self.check_wrap_format(row)?;
        seat.held.make_room(row.digest(), &seat.session)?;
        let mechanism = self.provider.key_wrap();
        self.counts.count_opened();
        let seed =
            seat.session.unwrap(mechanism, keys.wrapping, row.blob(), &self.policy.verify)?;
        seat.held.insert(*row.digest(), seed);
        Ok(seed)
    }

    fn check_wrap_format(&self, row: &Row) -> Result<(), Error> {
        if row.wrap_format() == self.provider.wrap_format {
            Ok(())
        } else {
            Err(Error::RowTampered)
        }
    }
}

impl Vault {
    /// `rounds` times `C_SignInit` and `C_Sign` with the seed of `row` and
    /// nothing else: what a search is measured against.
    #[doc(hidden)]
    pub fn bare_hmac_loop(&self, row: &Arc<Row>, rounds: u64) -> Result<(), Error> {
        let row = Arc::clone(row);
        self.inside(|staff| {
            let lane = &staff.lanes[staff.lane_of(&row)];
            lane.ask(BARE_PATIENCE, move |station, pulse| {
                station.bare_hmac_loop(&row, rounds, pulse)
            })?
        })
    }
}

/// How long a bare loop may take; measuring is no serving.
const BARE_PATIENCE: Duration = Duration::from_mins(1);

impl Station {
    fn bare_hmac_loop(&mut self, row: &Row, rounds: u64, pulse: &Pulse) -> Result<(), Error> {
        self.run(|house, seat| {
            let seed = house.open_seed(seat, row)?;
            let mechanism = Mechanism::plain(mechanism(row.hash));
            let mut out = [0; MAX_MAC];
            for counter in 0..rounds {
                seat.session.sign(mechanism, seed, &counter.to_be_bytes(), &mut out)?;
                pulse.beat();
            }
            Ok(())
        })
    }
}

impl Job {
    /// What the row says of its purpose is as true as the row, which is not known yet:
    /// its MAC is over the purpose too.
    fn is_what_its_seed_is_for(&self) -> bool {
        self.row.signs == matches!(self.asked, Asked::Signature(_))
    }
}

fn ask(
    session: &Session,
    seed: Object,
    job: &Job,
    pulse: &Pulse,
    evaluated: &mut u32,
) -> Result<Option<u64>, Error> {
    let mac = |hash| SeedMac { session, seed, hash, pulse };
    let Row { hash, digits, .. } = *job.row;
    let outcome = match &job.asked {
        Asked::Code { window, code, second: None } => {
            search(&mut mac(hash), window.plan(), digits, code)
        }
        Asked::Code { window, code, second: Some(second) } => {
            search_pair(&mut mac(hash), window.plan(), digits, code, second)
        }
        Asked::Signature(check) => check.search(&mut mac(check.hash())),
    };
    match outcome {
        Ok(found) => {
            *evaluated += found.evaluated;
            Ok(found.step)
        }
        Err(interrupted) => {
            *evaluated += interrupted.evaluated;
            Err(interrupted.error.into())
        }
    }
}

/// HMAC under a seed in the HSM: one `C_Sign` each.
pub(crate) struct SeedMac<'s> {
    pub(crate) session: &'s Session,
    pub(crate) seed: Object,
    pub(crate) hash: Hash,
    pub(crate) pulse: &'s Pulse,
}

impl Mac for SeedMac<'_> {
    type Error = HsmError;

    fn hash(&self) -> Hash {
        self.hash
    }

    fn compute(&mut self, message: &[u8], out: &mut [u8; MAX_MAC]) -> Result<(), HsmError> {
        let mechanism = Mechanism::plain(mechanism(self.hash));
        let length = self.session.sign(mechanism, self.seed, message, out)?;
        self.pulse.beat();
        if length == self.hash.length() {
            return Ok(());
        }
        let wanted = self.hash.length();
        Err(HsmError::unusable("C_Sign", format!("a MAC came with {length} octets of {wanted}")))
    }
}

pub(crate) const fn mechanism(hash: Hash) -> u64 {
    match hash {
        Hash::Sha1 => CKM_SHA_1_HMAC,
        Hash::Sha256 => CKM_SHA256_HMAC,
        Hash::Sha512 => CKM_SHA512_HMAC,
    }
}
