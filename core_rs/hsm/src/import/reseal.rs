// SPDX-License-Identifier: Apache-2.0
//! The last step of every import: a seed in the HSM goes under the wrapping key.

use cryptoki_sys::CKR_KEY_SIZE_RANGE;
use kagimori_otp::Hash;

use super::Rooms;
use crate::{
    canary::Canary,
    error::{Error, HsmError, SeedTrouble},
    sealed::try_out,
    session::{Object, Session},
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
        try_out(session, seed, hash).map_err(refused_seed)?;
        let wrapping = self.keys_of(canary, session)?.wrapping;
        Ok(session.wrap(self.provider.key_wrap(), wrapping, seed)?)
    }
}

fn refused_seed(error: HsmError) -> Error {
    if error.is(CKR_KEY_SIZE_RANGE) {
        return too_short("this HSM refuses a key shorter than its hash");
    }
    error.into()
}

pub(super) fn too_short(why: &str) -> Error {
    Error::seed(SeedTrouble::SeedTooShort, why)
}
