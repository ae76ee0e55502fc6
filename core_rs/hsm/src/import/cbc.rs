// SPDX-License-Identifier: Apache-2.0
//! AES-CBC on an HSM that does not unwrap it: the seed passes through the host.
//!
//! The MAC is checked first, over IV and ciphertext: unauthenticated CBC is a
//! padding oracle. The plaintext is in locked memory only, from `C_Decrypt`
//! until `C_CreateObject` has returned.

use cryptoki_sys::CKM_AES_CBC;

use super::{
    EncryptedSeed, ImportRoom, MacMethod, Rooms,
    mac::{MacAlgorithm, announced, mismatch, missing},
    reseal::{SHORTEST_SEED, too_short},
    unsupported,
};
use crate::{
    canary::Canary,
    error::{Error, SeedTrouble},
    locked::LockedBytes,
    raw::Mechanism,
    sealed::{Custody, Sealed},
    session::{Object, Session},
};

const BLOCK: usize = 16;

/// Octets of the shortest MAC key that is believed. CBC lets whoever can write
/// the file cut the key down to nothing, and then compute the MAC himself.
const SHORTEST_MAC_KEY: usize = 16;

/// A plaintext: `length` octets, then zeros.
struct Plaintext {
    octets: LockedBytes,
    length: usize,
}

impl Rooms {
    pub(super) fn seal_cbc(&self, seed: &EncryptedSeed, tenant: &str) -> Result<Sealed, Error> {
        let room = self.import_room()?;
        let Some((mac, method)) = announced(seed)? else {
            return Err(missing("AES-CBC is taken over only with a MAC"));
        };
        let canary = self.newest_canary(tenant)?;
        let plaintext = self.open_in_locked_memory(room, seed, mac, &method)?;
        let length = self.length_to_store(plaintext.length, seed)?;
        let octets = &plaintext.octets[..length];
        let blob = self.at_the_desk(|session| self.seal_octets(session, octets, seed, canary))?;
        Ok(Sealed {
            blob,
            wrap_format: self.provider.wrap_format.clone(),
            key_version: canary.key_version,
            length,
            custody: Custody::HostTransient,
        })
    }

    fn import_room(&self) -> Result<&ImportRoom, Error> {
        match &self.import {
            Some(room) if self.allow_host_transient => Ok(room),
            _ => Err(Error::seed(
                SeedTrouble::HostTransientNotAllowed,
                "this HSM opens AES-CBC only through the host's memory",
            )),
        }
    }

    fn open_in_locked_memory(
        &self,
        room: &ImportRoom,
        seed: &EncryptedSeed,
        mac: &[u8],
        method: &MacMethod,
    ) -> Result<Plaintext, Error> {
        let algorithm = MacAlgorithm::parse(method.algorithm)?;
        if !method.key_algorithm.ends_with("-cbc") {
            let what = format!("a MAC key under {} beside AES-CBC", method.key_algorithm);
            return Err(unsupported(&what));
        }
        room.desk.lock().run(
            &room.partition,
            || (),
            |seat| {
                let session = &seat.session;
                let transient = self.vendor_key(session, "transient", seed.vendor)?;
                let mac_key = decrypt(session, transient, method.key_ciphertext, 0)?;
                let key = &mac_key.octets[..mac_key.length];
                if key.len() < SHORTEST_MAC_KEY {
                    return Err(mismatch("the MAC key has fewer than 16 octets"));
                }
                algorithm.verify(key, seed.ciphertext, mac)?;
                decrypt(session, transient, seed.ciphertext, seed.hash.length())
            },
        )
    }

    /// The octets that go into the HSM: the seed, with zeros behind it up to the
    /// hash's length where the HSM insists on that. HMAC pads its key with zeros
    /// up to the block itself (RFC 2104 §2), so the codes are the same.
    fn length_to_store(&self, length: usize, seed: &EncryptedSeed) -> Result<usize, Error> {
        if length < SHORTEST_SEED {
            return Err(too_short("a seed has at least 16 octets (RFC 4226 R6)"));
        }
        if length > seed.hash.block() {
            return Err(unsupported("a seed longer than its hash's block"));
        }
        let least = if self.provider.hmac_min_is_hash_length { seed.hash.length() } else { 0 };
        Ok(length.max(least))
    }

    fn seal_octets(
        &self,
        session: &Session,
        octets: &[u8],
        seed: &EncryptedSeed,
        canary: &Canary,
    ) -> Result<Vec<u8>, Error> {
        let created = session.create(&self.policy.reseal, octets)?;
        session.consume(created, |created| self.reseal(session, created, seed.hash, canary))
    }
}

/// Decrypts IV and ciphertext into locked memory of at least `room` octets, and
/// takes the PKCS#7 padding off, putting zeros in its place.
fn decrypt(
    session: &Session,
    key: Object,
    ciphertext: &[u8],
    room: usize,
) -> Result<Plaintext, Error> {
    let (iv, data) = ciphertext.split_first_chunk().ok_or_else(not_opened)?;
    if data.is_empty() || data.len() % BLOCK != 0 {
        return Err(not_opened());
    }
    let mut octets = LockedBytes::zeroed(data.len().max(room))?;
    let mechanism = Mechanism::with_iv(CKM_AES_CBC, iv);
    let written = session.decrypt(mechanism, key, data, &mut octets)?;
    let length = unpadded(&octets[..written]).ok_or_else(not_opened)?;
    octets[length..].fill(0);
    Ok(Plaintext { octets, length })
}

/// The length without the padding of PKCS#7 (RFC 5652 §6.3).
fn unpadded(octets: &[u8]) -> Option<usize> {
    let padding = usize::from(*octets.last()?);
    let length = octets.len().checked_sub(padding)?;
    let intact = (1..=BLOCK).contains(&padding)
        && octets[length..].iter().all(|octet| usize::from(*octet) == padding);
    intact.then_some(length)
}

fn not_opened() -> Error {
    Error::seed(SeedTrouble::UnwrapFailed, "the vendor's transient key does not open it")
}

#[cfg(test)]
mod tests {
    use super::unpadded;

    #[test]
    fn padding_is_taken_off_whole_or_not_at_all() {
        assert_eq!(unpadded(b"seed-seed-se\x04\x04\x04\x04"), Some(12));
        assert_eq!(unpadded(&[16; 16]), Some(0));
        for broken in [&b""[..], b"\x00", b"seed\x05", b"ab\x03\x02\x03", &[17; 17]] {
            assert_eq!(unpadded(broken), None);
        }
    }
}
