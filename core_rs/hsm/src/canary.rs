// SPDX-License-Identifier: Apache-2.0
//! Canaries: sealed seeds of nobody's, whose HMAC the ceremony wrote down.

use subtle::ConstantTimeEq;

use crate::{
    error::{HsmError, Recovery},
    keys::{Provider, TenantKeys},
    policy::Policy,
    row::hmac_sha256,
    session::Session,
};

/// A canary of the ceremony.
#[derive(Clone)]
pub struct Canary {
    /// The tenant whose wrapping key sealed it.
    pub tenant: String,
    /// The version of that key.
    pub key_version: u32,
    /// The seed under the wrapping key.
    pub blob: Vec<u8>,
    /// What to compute the HMAC-SHA-256 of.
    pub challenge: Vec<u8>,
    /// What it must be.
    pub response: Vec<u8>,
}

impl Canary {
    /// Opens the seed as a verification would, and asks it its question.
    pub(crate) fn sing(
        &self,
        session: &Session,
        keys: TenantKeys,
        policy: &Policy,
        provider: &Provider,
    ) -> Result<(), HsmError> {
        let mechanism = provider.key_wrap();
        let seed = session.unwrap(mechanism, keys.wrapping, &self.blob, &policy.verify)?;
        let response = session.consume(seed, |seed| hmac_sha256(session, seed, &self.challenge))?;
        if bool::from(response.as_slice().ct_eq(&self.response)) {
            return Ok(());
        }
        let message = format!("tenant {}: the canary answers otherwise", self.tenant);
        Err(HsmError::unusable("C_Sign", message))
    }
}

/// The tenant's canary of the newest version that the ceremony made keys of.
pub(crate) fn newest<'c>(canaries: &'c [Canary], tenant: &str) -> Result<&'c Canary, HsmError> {
    let own = canaries.iter().filter(|canary| canary.tenant == tenant);
    own.max_by_key(|canary| canary.key_version).ok_or_else(|| no_keys_of(tenant))
}

pub(crate) fn no_keys_of(tenant: &str) -> HsmError {
    HsmError::without_call(format!("no keys of tenant {tenant} are open"), Recovery::Fatal)
}
