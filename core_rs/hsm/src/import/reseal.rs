// SPDX-License-Identifier: Apache-2.0
//! The last step of every import: a seed in the HSM goes under the wrapping key.

use cryptoki_sys::CKR_KEY_SIZE_RANGE;
use kagimori_otp::{Hash, MAX_MAC};

use super::Rooms;
use crate::{
    canary::Canary,
    error::{Error, SeedTrouble},
    raw::Mechanism,
    session::{Object, Session},
    vault::mechanism,
};

/// RFC 4226 §4, R6: the shared secret has at least 128 bits.
pub(super) const SHORTEST_SEED: usize = 16;

impl Rooms {
    /// Wraps `seed` under the wrapping key of the canary's tenant and version,
    /// once the HSM has shown that it computes codes with it.
    pub(super) fn reseal(
        &self,
        session: &Session,
        seed: Object,
        hash: Hash,
        canary: &Canary,
    ) -> Result<Vec<u8>, Error> {
        try_out(session, seed, hash)?;
        let wrapping = self.keys_of(canary, session)?.wrapping;
        Ok(session.wrap(self.provider.key_wrap(), wrapping, seed)?)
    }
}

fn try_out(session: &Session, seed: Object, hash: Hash) -> Result<(), Error> {
    let mut unused = [0; MAX_MAC];
    let mechanism = Mechanism::plain(mechanism(hash));
    match session.sign(mechanism, seed, &[0; 8], &mut unused) {
        Ok(_) => Ok(()),
        Err(error) if error.is(CKR_KEY_SIZE_RANGE) => {
            Err(too_short("this HSM refuses a key shorter than its hash"))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn too_short(why: &str) -> Error {
    Error::seed(SeedTrouble::SeedTooShort, why)
}
