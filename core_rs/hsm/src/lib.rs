// SPDX-License-Identifier: Apache-2.0
//! The HSM, driven through PKCS#11.
//!
//! A [`Vault`] serves: it checks a token's row, opens its seed inside the HSM
//! and searches a window of steps, or checks a signature. An [`ImportVault`] takes vendors' seeds over.
//! Neither ever asks for the value of a key.
//!
//! `cryptoki` drives context, slots, login and sessions; `cryptoki-sys` does
//! what it lacks. A vault's session belongs to one worker, a thread that callers
//! wait for as long as they like: a call that hangs cannot be cancelled. On any
//! error of the module a session is thrown away with every handle opened in it.
//! [`Recovery`] tells what can help: a new *session*, a new *login* and finding
//! the *object* again are tried once here; the *device* must come back by itself
//! and is looked for again at the next call; *fatal* needs a person.

mod batch;
mod cache;
mod canary;
mod digest;
mod error;
mod import;
mod keys;
mod lane;
mod locked;
mod module;
mod partition;
mod policy;
mod process;
mod pulse;
mod raw;
mod row;
mod rv;
mod sealed;
mod self_test;
mod session;
mod template;
mod vault;
mod worker;

pub use canary::Canary;
pub use cryptoki::types::AuthPin;
pub use error::{Error, HsmError, Recovery, SeedTrouble};
pub use import::{
    DeliveryKeys, DrawnCard, EncryptedSeed, ImportSettings, ImportVault, MacMethod, Pbkdf2,
    Refusal, Verdict,
};
pub use keys::Provider;
pub use partition::Login;
pub use process::harden;
pub use row::{Identity, ROW_MAC, Row};
pub use sealed::{Custody, Sealed};
pub use self_test::Finding;
pub use vault::{
    Answer, Asked, CacheCounts, CellsAsked, Delivered, Envelopes, Job, Settings, Status, Vault,
};
pub use zeroize::Zeroizing;
