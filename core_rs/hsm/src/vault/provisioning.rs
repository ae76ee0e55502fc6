// SPDX-License-Identifier: Apache-2.0
//! A phone is set up: its password's MAC, and its seeds from their envelopes.
//!
//! An envelope is RSAES-OAEP under the tenant's provisioning key (RFC 8017 §7.1).
//! Its seed goes from there to the wrapping key inside the HSM.

use std::time::Duration;

use cryptoki_sys::CKR_KEY_SIZE_RANGE;
use kagimori_otp::Hash;
use zeroize::Zeroizing;

use super::{Vault, house::House, search::Station};
use crate::{
    canary::{self, Canary},
    error::{Error, HsmError},
    pulse::Pulse,
    row::{ROW_MAC, hmac_sha256, push},
    sealed::{Custody, Sealed, try_out},
    session::{Object, Session},
};

/// Keeps the MACs of passwords apart from anything else the row key signs.
const ACTIVATION: &[u8] = b"kagimori/activation/1";

/// Octets of a phone's seed: what every hash's HMAC takes without hashing it.
const SEED: usize = 64;

/// Octets of such a seed under key wrap with padding (RFC 5649 §3).
const WRAPPED_SEED: usize = SEED + 8;

const NOT_OPENED: &str = "the provisioning key does not open it";
const WRONG_LENGTH: &str = "it holds no seed of 64 octets";

/// Seeds that a phone sealed.
pub struct Envelopes {
    /// The tenant's service ID.
    pub tenant: String,
    /// The version of the tenant's provisioning key that they were sealed to.
    pub key_version: u32,
    /// The envelopes.
    pub octets: Vec<Vec<u8>>,
    /// The hash that the phone computes its codes with.
    pub hash: Hash,
}

impl Station {
    pub(super) fn password_mac(
        &mut self,
        tenant: &str,
        version: u32,
        encoded: &[u8],
    ) -> Result<[u8; ROW_MAC], Error> {
        self.run(|house, seat| {
            let keys = house.keyring.current(&house.partition, &seat.session)?;
            Ok(hmac_sha256(&seat.session, keys.of(tenant, version)?.row, encoded)?)
        })
    }

    /// All or none.
    pub(super) fn seal_envelopes(
        &mut self,
        asked: &Envelopes,
        pulse: &Pulse,
    ) -> Result<Vec<Sealed>, Error> {
        self.run(|house, seat| {
            let seal = |index| {
                let sealed = house.seal_envelope(&seat.session, asked, index);
                pulse.beat();
                sealed
            };
            (0..asked.octets.len()).map(seal).collect()
        })
    }
}

impl House {
    fn seal_envelope(
        &self,
        session: &Session,
        asked: &Envelopes,
        index: usize,
    ) -> Result<Sealed, Error> {
        let canary = canary::newest(&self.canaries, &asked.tenant)?;
        let seed = self.open_envelope(session, asked, index, canary)?;
        let blob = session.consume(seed, |seed| {
            try_out(session, seed, asked.hash).map_err(|error| refused_seed(error, index))?;
            self.wrap(session, seed, canary)
        })?;
        if blob.len() != WRAPPED_SEED {
            return Err(Error::Envelope(index, WRONG_LENGTH));
        }
        Ok(Sealed {
            blob,
            wrap_format: self.provider.wrap_format.clone(),
            key_version: canary.key_version,
            length: SEED,
            custody: Custody::SealedByApp,
        })
    }

    /// Some HSMs answer the same to an envelope of another key and when they are
    /// dead, but only a living one opens the canary.
    fn open_envelope(
        &self,
        session: &Session,
        asked: &Envelopes,
        index: usize,
        canary: &Canary,
    ) -> Result<Object, Error> {
        let key = self.provisioning_key(session, asked)?;
        let (oaep, envelope) = (self.provider.oaep(), &asked.octets[index]);
        self.counts.count_opened();
        match session.unwrap(oaep.mechanism(), key, envelope, &self.policy.reseal) {
            Err(error) if error.may_be_about_the_blob() => {
                self.hear(canary, session)?;
                Err(Error::Envelope(index, NOT_OPENED))
            }
            outcome => Ok(outcome?),
        }
    }

    fn wrap(&self, session: &Session, seed: Object, canary: &Canary) -> Result<Vec<u8>, Error> {
        let wrapping = self.wrapping_key(session, canary)?;
        Ok(session.wrap(self.provider.key_wrap(), wrapping, seed)?)
    }

    fn provisioning_key(&self, session: &Session, asked: &Envelopes) -> Result<Object, Error> {
        let label = self.policy.label("provisioning", &asked.tenant, asked.key_version)?;
        let found = self.found.private(&label, &self.partition, session)?;
        Ok(found.ok_or_else(|| self.partition.lacks(&label))?)
    }

    fn wrapping_key(&self, session: &Session, canary: &Canary) -> Result<Object, Error> {
        let keys = self.keyring.current(&self.partition, session)?;
        Ok(keys.of(&canary.tenant, canary.key_version)?.wrapping)
    }
}

impl Vault {
    /// `rounds` times `C_UnwrapKey`, `C_WrapKey` and `C_DestroyObject` for each
    /// envelope, in one session, and nothing else: what a set-up is measured against.
    #[doc(hidden)]
    pub fn bare_envelope_loop(
        &self,
        asked: Envelopes,
        rounds: u64,
        patience: Duration,
    ) -> Result<(), Error> {
        self.inside(|staff| {
            staff.lanes[0].ask(patience, move |station, pulse| {
                station.bare_envelope_loop(&asked, rounds, pulse)
            })?
        })
    }
}

impl Station {
    fn bare_envelope_loop(
        &mut self,
        asked: &Envelopes,
        rounds: u64,
        pulse: &Pulse,
    ) -> Result<(), Error> {
        self.run(|house, seat| {
            let session = &seat.session;
            let opening = house.provisioning_key(session, asked)?;
            let canary = canary::newest(&house.canaries, &asked.tenant)?;
            let wrapping = house.wrapping_key(session, canary)?;
            let (oaep, key_wrap) = (house.provider.oaep(), house.provider.key_wrap());
            for envelope in (0..rounds).flat_map(|_| &asked.octets) {
                let seed =
                    session.unwrap(oaep.mechanism(), opening, envelope, &house.policy.reseal)?;
                session.consume(seed, |seed| session.wrap(key_wrap, wrapping, seed))?;
                pulse.beat();
            }
            Ok(())
        })
    }
}

/// The domain, then the message behind its length.
pub(super) fn encoded(message: &[u8]) -> Zeroizing<Vec<u8>> {
    // With all the room from the start, so that no copy is left behind.
    let room = ACTIVATION.len() + size_of::<u32>() + message.len();
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    octets.extend_from_slice(ACTIVATION);
    push(&mut octets, message);
    octets
}

fn refused_seed(error: HsmError, index: usize) -> Error {
    if error.is(CKR_KEY_SIZE_RANGE) { Error::Envelope(index, WRONG_LENGTH) } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_password_is_told_apart_from_any_row() {
        assert_eq!(**encoded(b"4711"), *b"kagimori/activation/1\0\0\0\x044711");
        assert_eq!(encoded(b"4711").capacity(), encoded(b"4711").len());
    }
}
