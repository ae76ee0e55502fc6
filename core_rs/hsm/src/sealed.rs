// SPDX-License-Identifier: Apache-2.0
//! Seeds under a tenant's wrapping key, and what comes before they are put there.

use kagimori_otp::{Hash, MAX_MAC};

use crate::{
    error::HsmError,
    raw::Mechanism,
    session::{Object, Session},
    vault::mechanism,
};

/// Where a seed has been before it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// In the phone that drew it, and inside the HSM.
    SealedByApp,
    /// Only inside the HSM.
    UnwrappedInHsm,
    /// It, or the key it came under, in locked memory of the importing process.
    HostTransient,
    /// In clear in the vendor's file.
    ClearText,
    /// Only inside the HSM; but what it derives was open in the importing process, and
    /// stands on a card.
    CellsPrinted,
}

impl Custody {
    /// The label that the row bears.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SealedByApp => "SEALED_BY_APP",
            Self::UnwrappedInHsm => "UNWRAPPED_IN_HSM",
            Self::HostTransient => "HOST_TRANSIENT",
            Self::ClearText => "CLEAR_TEXT",
            Self::CellsPrinted => "CELLS_PRINTED",
        }
    }
}

/// A seed under a tenant's wrapping key.
pub struct Sealed {
    /// The wrapped seed.
    pub blob: Vec<u8>,
    /// How it is laid out.
    pub wrap_format: String,
    /// The version of the wrapping key.
    pub key_version: u32,
    /// Octets that were wrapped, of which the last may be zeros that were not
    /// the maker's: `SoftHSM` 2.6.1 wraps 20 octets as 24. HMAC pads its key
    /// with zeros itself, so the codes are the same.
    pub length: usize,
    /// Where the seed has been.
    pub custody: Custody,
}

/// Has the HSM compute a code, to see that it will.
pub(crate) fn try_out(session: &Session, seed: Object, hash: Hash) -> Result<(), HsmError> {
    let mut unused = [0; MAX_MAC];
    session.sign(Mechanism::plain(mechanism(hash)), seed, &[0; 8], &mut unused)?;
    Ok(())
}
