// SPDX-License-Identifier: Apache-2.0
//! `kw-aes`: the seed goes from key to key inside the HSM.

use cryptoki_sys::{CKM_AES_KEY_WRAP, CKR_KEY_SIZE_RANGE};
use kagimori_otp::MAX_MAC;

use super::{
    EncryptedSeed, MacMethod, Rooms,
    mac::{MacAlgorithm, announced, compare},
    reseal::{SHORTEST_SEED, too_short},
    unsupported,
};
use crate::{
    canary::Canary,
    error::{Error, HsmError, SeedTrouble},
    raw::Mechanism,
    sealed::{Custody, Sealed},
    session::{Object, Session},
    template::Template,
};

/// Octets that key wrap adds (RFC 3394, RFC 5649).
const OVERHEAD: usize = 8;

impl Rooms {
    pub(super) fn seal_key_wrapped(
        &self,
        seed: &EncryptedSeed,
        tenant: &str,
    ) -> Result<Sealed, Error> {
        let length = seed.ciphertext.len().saturating_sub(OVERHEAD);
        if length < SHORTEST_SEED {
            return Err(too_short("a seed has at least 16 octets (RFC 4226 R6)"));
        }
        let canary = self.newest_canary(tenant)?;
        let blob = self.at_the_desk(|session| self.seal_inside(session, seed, canary))?;
        Ok(Sealed {
            blob,
            wrap_format: self.provider.wrap_format.clone(),
            key_version: canary.key_version,
            length,
            custody: Custody::UnwrappedInHsm,
        })
    }

    fn seal_inside(
        &self,
        session: &Session,
        seed: &EncryptedSeed,
        canary: &Canary,
    ) -> Result<Vec<u8>, Error> {
        let transport = self.vendor_key(session, "transport", seed.vendor)?;
        if let Some((mac, method)) = announced(seed)? {
            self.check_mac(session, transport, seed, mac, &method, canary)?;
        }
        let template = &self.policy.reseal;
        let opened = self.unwrap_either(session, transport, seed.ciphertext, template, canary)?;
        session.consume(opened, |opened| self.reseal(session, opened, seed.hash, canary))
    }

    /// The MAC key is opened in the HSM and used there, before the seed is opened.
    fn check_mac(
        &self,
        session: &Session,
        transport: Object,
        seed: &EncryptedSeed,
        mac: &[u8],
        method: &MacMethod,
        canary: &Canary,
    ) -> Result<(), Error> {
        let algorithm = MacAlgorithm::parse(method.algorithm)?;
        if !method.key_algorithm.starts_with("kw-aes") {
            let what = format!("a MAC key under {} beside key wrap", method.key_algorithm);
            return Err(unsupported(&what));
        }
        let template = &self.policy.verify;
        let key =
            self.unwrap_either(session, transport, method.key_ciphertext, template, canary)?;
        session.consume(key, |key| {
            let mut out = [0; MAX_MAC];
            let mechanism = Mechanism::plain(algorithm.mechanism());
            let length =
                session.sign(mechanism, key, seed.ciphertext, &mut out).map_err(refused_mac_key)?;
            compare(&out[..length], mac)
        })
    }

    /// Key wrap first (RFC 3394), then with padding (RFC 5649), which some write
    /// under the same name for lengths that plain key wrap cannot take.
    fn unwrap_either(
        &self,
        session: &Session,
        transport: Object,
        ciphertext: &[u8],
        template: &Template,
        canary: &Canary,
    ) -> Result<Object, Error> {
        let plain = Mechanism::plain(CKM_AES_KEY_WRAP);
        match session.unwrap(plain, transport, ciphertext, template) {
            Err(error) if error.may_be_about_the_blob() => {}
            outcome => return Ok(outcome?),
        }
        match session.unwrap(self.provider.key_wrap(), transport, ciphertext, template) {
            Err(error) if error.may_be_about_the_blob() => {
                // Some HSMs answer the same when they are dead: the canary tells.
                let keys = self.keys_of(canary, session)?;
                canary.sing(session, keys, &self.policy, &self.provider)?;
                let detail = "the vendor's transport key does not open it";
                Err(Error::seed(SeedTrouble::UnwrapFailed, detail))
            }
            outcome => Ok(outcome?),
        }
    }
}

fn refused_mac_key(error: HsmError) -> Error {
    if error.is(CKR_KEY_SIZE_RANGE) {
        let detail = "this HSM takes no MAC key shorter than its hash";
        return Error::seed(SeedTrouble::UnsupportedAlgorithm, detail);
    }
    error.into()
}
