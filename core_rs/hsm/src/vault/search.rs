// SPDX-License-Identifier: Apache-2.0
//! Check the row, open the seed, search the window.

use std::time::Instant;

use cryptoki_sys::{CKM_SHA_1_HMAC, CKM_SHA256_HMAC, CKM_SHA512_HMAC};
use kagimori_otp::{Hash, MAX_MAC, Mac, search};

use super::{Answer, House, Job, Vault};
use crate::{
    cache::HandleCache,
    canary::Canary,
    error::{Error, HsmError},
    lane::{Lane, Seat},
    raw::Mechanism,
    row::Row,
    session::{Object, Session},
};

impl House {
    pub(super) fn answer(&self, job: &Job, until: Instant) -> Answer {
        let mut evaluated = 0;
        let outcome = self.on_lane_of(&job.row, until, |seat| {
            let seed = self.open_seed(seat, &job.row)?;
            search_window(&seat.session, seed, job, &mut evaluated)
        });
        match outcome.map_err(|error| self.judge(error, &job.row, until)) {
            Ok(step) => Answer { step, error: None, evaluated },
            Err(error) => Answer { step: None, error: Some(error), evaluated },
        }
    }

    /// Opens a canary in this session.
    pub(super) fn hear(&self, canary: &Canary, session: &Session) -> Result<(), HsmError> {
        let keys = self.keyring.current(&self.partition, session)?;
        let keys = keys.of(&canary.tenant, canary.key_version)?;
        canary.sing(session, keys, &self.policy, &self.provider)
    }

    /// A token's jobs always meet the same session: its seed is open there or nowhere.
    fn on_lane_of<T>(
        &self,
        row: &Row,
        until: Instant,
        work: impl FnMut(&mut Seat<HandleCache>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let fresh = || HandleCache::new(self.bounds, &self.counts);
        self.lane_of(row).run(&self.partition, until, fresh, work)
    }

    fn lane_of(&self, row: &Row) -> &Lane<HandleCache> {
        let [a, b, c, d, ..] = row.digest;
        let number = u32::from_be_bytes([a, b, c, d]) as usize;
        &self.lanes[number % self.lanes.len()]
    }

    /// A row that is found open here was checked when it was opened.
    ///
    /// Until its MAC is checked, nothing that a row says is believed beyond which
    /// key checks it, and no other seed is closed for it.
    fn open_seed(&self, seat: &mut Seat<HandleCache>, row: &Row) -> Result<Object, Error> {
        if let Some(seed) = seat.held.get(&row.digest) {
            return Ok(seed);
        }
        let keyring = self.keyring.current(&self.partition, &seat.session)?;
        // All keys of the ceremony are open: a row of another is none of ours.
        let keys = keyring.of_row(row).map_err(|_| Error::RowTampered)?;
        row.check(&seat.session, keys.row)?;
        self.check_wrap_format(row)?;
        seat.held.make_room(&row.digest, &seat.session)?;
        let mechanism = self.provider.key_wrap();
        let seed = seat.session.unwrap(mechanism, keys.wrapping, &row.blob, &self.policy.verify)?;
        seat.held.insert(row.digest, seed);
        Ok(seed)
    }

    fn check_wrap_format(&self, row: &Row) -> Result<(), Error> {
        if row.wrap_format == self.provider.wrap_format { Ok(()) } else { Err(Error::RowTampered) }
    }

    /// Tells a blob that is none from an HSM that is dead: some HSMs answer
    /// `CKR_GENERAL_ERROR` to both, but only a living one opens the canary.
    fn judge(&self, error: Error, row: &Row, until: Instant) -> Error {
        match error {
            Error::Hsm(error) if error.is_about_the_blob() => Error::RowTampered,
            Error::Hsm(error) if error.may_be_about_the_blob() => {
                match self.canary_of(row, until) {
                    Ok(()) => Error::RowTampered,
                    Err(_) => error.during("the canary does not open either").into(),
                }
            }
            other => other,
        }
    }

    fn canary_of(&self, row: &Row, until: Instant) -> Result<(), Error> {
        let same =
            |canary: &&Canary| canary.tenant == row.tenant && canary.key_version == row.key_version;
        let canary = self.canaries.iter().find(same).unwrap_or(&self.canaries[0]);
        self.on_lane_of(row, until, |seat| Ok(self.hear(canary, &seat.session)?))
    }
}

impl Vault {
    /// `rounds` times `C_SignInit` and `C_Sign` with the seed of `row` and
    /// nothing else: what a search is measured against.
    #[doc(hidden)]
    pub fn bare_hmac_loop(&self, row: &Row, rounds: u64) -> Result<(), Error> {
        self.inside(|house| {
            house.on_lane_of(row, super::patience(), |seat| {
                let seed = house.open_seed(seat, row)?;
                let mechanism = Mechanism::plain(mechanism(row.hash));
                let mut out = [0; MAX_MAC];
                for counter in 0..rounds {
                    seat.session.sign(mechanism, seed, &counter.to_be_bytes(), &mut out)?;
                }
                Ok(())
            })
        })
    }
}

fn search_window(
    session: &Session,
    seed: Object,
    job: &Job,
    evaluated: &mut u32,
) -> Result<Option<u64>, Error> {
    let mut mac = SeedMac { session, seed, hash: job.row.hash };
    match search(&mut mac, job.window.plan(), job.row.digits, &job.code) {
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
struct SeedMac<'s> {
    session: &'s Session,
    seed: Object,
    hash: Hash,
}

impl Mac for SeedMac<'_> {
    type Error = HsmError;

    fn hash(&self) -> Hash {
        self.hash
    }

    fn compute(&mut self, message: [u8; 8], out: &mut [u8; MAX_MAC]) -> Result<(), HsmError> {
        let mechanism = Mechanism::plain(mechanism(self.hash));
        let length = self.session.sign(mechanism, self.seed, &message, out)?;
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
