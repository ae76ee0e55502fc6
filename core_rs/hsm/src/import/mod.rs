// SPDX-License-Identifier: Apache-2.0
//! Vendors' deliveries: seeds in, sealed seeds out.
//!
//! A delivery is opened inside the HSM where the HSM can (`kw-aes`, RSA). Where
//! only the host can (CBC under the vendor's transient key in a partition of its
//! own, or whatever is under a password), that must be asked for, and happens in
//! locked memory for as long as it takes. Both vaults open by the same [`Opener`]:
//! the importing process's is here, the serving process's has no import partition.

mod algorithm;
mod bare;
mod cards;
mod delivery;
mod derive;
mod host;
mod inside;
mod mac;
mod opener;
mod openings;
mod reseal;
mod vault;

pub use cards::DrawnCard;
pub use delivery::{DeliveryKeys, EncryptedSeed, MacMethod, Refusal};
pub use derive::Pbkdf2;
pub use opener::Verdict;
pub(crate) use opener::{Allowed, Opener, Room};
pub use vault::{ImportSettings, ImportVault};

use crate::error::{Error, SeedTrouble};

fn unsupported(what: &str) -> Error {
    Error::seed(SeedTrouble::UnsupportedAlgorithm, format!("{what} is not supported"))
}
