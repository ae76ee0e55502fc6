// SPDX-License-Identifier: Apache-2.0
//! The last step of every import: a seed in the HSM goes under the wrapping key.

use cryptoki_sys::CKR_KEY_SIZE_RANGE;
use kagimori_otp::Hash;

use super::{Opener, unsupported};
use crate::{
    error::{Error, HsmError, SeedTrouble},
    sealed::{Custody, Sealed, try_out},
    session::Object,
};

/// RFC 4226 §4, R6: the shared secret has at least 128 bits.
const SHORTEST_SEED: usize = 16;

/// Octets that key wrap adds (RFC 3394, RFC 5649).
pub(super) const OVERHEAD: usize = 8;

impl Opener<'_> {
    /// Wraps `seed` under the wrapping key of the canary's tenant and version,
    /// once the HSM has shown that it computes codes with it.
    pub(super) fn reseal(&self, seed: Object, hash: Hash) -> Result<Vec<u8>, Error> {
        let session = self.inside.session;
        try_out(session, seed, hash).map_err(refused_seed)?;
        Ok(session.wrap(self.provider.key_wrap(), self.tenant_keys.wrapping, seed)?)
    }

    pub(super) fn sealed(&self, blob: Vec<u8>, length: usize, custody: Custody) -> Sealed {
        Sealed {
            blob,
            wrap_format: self.provider.wrap_format.clone(),
            key_version: self.canary.key_version,
            length,
            custody,
        }
    }
}

/// Whether a seed of `length` octets is taken for tokens with that hash.
pub(super) fn check_length(length: usize, hash: Hash) -> Result<(), Error> {
    if length < SHORTEST_SEED {
        return Err(too_short("a seed has at least 16 octets (RFC 4226 R6)"));
    }
    if length > hash.block() {
        return Err(unsupported("a seed longer than its hash's block"));
    }
    Ok(())
}

pub(super) fn not_opened() -> Error {
    Error::seed(SeedTrouble::UnwrapFailed, "the key does not open it")
}

fn refused_seed(error: HsmError) -> Error {
    if error.is(CKR_KEY_SIZE_RANGE) {
        return too_short("this HSM refuses a key shorter than its hash");
    }
    error.into()
}

fn too_short(why: &str) -> Error {
    Error::seed(SeedTrouble::SeedTooShort, why)
}
