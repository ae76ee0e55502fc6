// SPDX-License-Identifier: Apache-2.0
//! The tenants' digest keys: for looking up what must not be stored in clear.
//!
//! One HMAC in the HSM makes a tenant's digest key of its row key, when a vault
//! opens; the digests themselves are computed here.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    canary::{Canary, no_keys_of},
    error::HsmError,
    keys::Keys,
    row::{ROW_MAC, hmac_sha256},
    session::Session,
};

/// What the row key computes the MAC of to become a tenant's digest key.
const FINGERPRINT: &[u8] = b"kagimori/fingerprint/1";

/// Keyed, so that a digest does not begin with the key each time.
pub(crate) struct DigestKeys(HashMap<String, Hmac<Sha256>>);

impl DigestKeys {
    /// Derives those of all canaries' tenants.
    pub(crate) fn derive(
        canaries: &[Canary],
        keys: &Keys,
        session: &Session,
    ) -> Result<Self, HsmError> {
        let mut keyed = HashMap::new();
        for tenant in canaries.iter().map(|canary| &canary.tenant) {
            // The oldest version is kept, so that rotation changes no digest.
            let row_key = keys.of(tenant, oldest(canaries, tenant))?.row;
            let key = Zeroizing::new(hmac_sha256(session, row_key, FINGERPRINT)?);
            let hmac = Hmac::new_from_slice(&*key).expect("HMAC takes a key of any length");
            keyed.insert(tenant.clone(), hmac);
        }
        Ok(Self(keyed))
    }

    /// HMAC-SHA-256 of `message` under the tenant's digest key.
    pub(crate) fn digest(&self, tenant: &str, message: &[u8]) -> Result<[u8; ROW_MAC], HsmError> {
        let keyed = self.0.get(tenant).ok_or_else(|| no_keys_of(tenant))?;
        Ok(keyed.clone().chain_update(message).finalize().into_bytes().into())
    }
}

fn oldest(canaries: &[Canary], tenant: &str) -> u32 {
    let versions = canaries.iter().filter(|canary| canary.tenant == tenant);
    versions.map(|canary| canary.key_version).min().unwrap_or_default()
}
