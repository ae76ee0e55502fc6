// SPDX-License-Identifier: Apache-2.0
//! Seeds that pass through the host: CBC on an HSM that does not unwrap it, and
//! seeds that are delivered in clear.
//!
//! The plaintext is in locked memory only, from `C_Decrypt` until
//! `C_CreateObject` has returned.

use zeroize::Zeroize;

use super::{
    EncryptedSeed, Opener,
    algorithm::Cipher,
    reseal::{check_length, not_opened},
    unsupported,
};
use crate::{
    error::{Error, HsmError},
    locked::LockedBytes,
    raw::Mechanism,
    sealed::{Custody, Sealed},
    session::{Object, Session},
};

/// Octets of the longest plaintext that is expected: a hash's block, and padding.
const ROOM: usize = 256;

/// Locked memory for one plaintext at a time. It is asked for when it is needed:
/// not every process may lock memory, nor has to.
#[derive(Default)]
pub(super) struct Room(Option<LockedBytes>);

impl Room {
    pub(super) fn enter(&mut self) -> Result<&mut LockedBytes, HsmError> {
        if self.0.is_none() {
            self.0 = Some(LockedBytes::zeroed(ROOM)?);
        }
        Ok(self.0.as_mut().expect("it was put there"))
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    fn clean(&mut self) {
        if let Some(octets) = &mut self.0 {
            octets.zeroize();
        }
    }
}

impl Opener<'_> {
    pub(super) fn seal_cbc(
        &self,
        cipher: Cipher,
        key: Object,
        seed: &EncryptedSeed,
        room: &mut Room,
    ) -> Result<Sealed, Error> {
        let session = self.host()?.session;
        let sealed = decrypt(session, key, cipher, &seed.ciphertext, room)
            .and_then(|length| self.seal_octets(room, length, seed, Custody::HostTransient));
        room.clean();
        sealed
    }

    pub(super) fn seal_clear(
        &self,
        seed: &EncryptedSeed,
        room: &mut Room,
    ) -> Result<Sealed, Error> {
        let length = seed.ciphertext.len();
        check_length(length, seed.hash)?;
        room.enter()?[..length].copy_from_slice(&seed.ciphertext);
        let sealed = self.seal_octets(room, length, seed, Custody::ClearText);
        room.clean();
        sealed
    }

    /// Has the HSM make an object of the seed, with zeros behind it up to the
    /// hash's length where the HSM insists on that. HMAC pads its key with zeros
    /// up to the block itself (RFC 2104 §2), so the codes are the same.
    fn seal_octets(
        &self,
        room: &Room,
        length: usize,
        seed: &EncryptedSeed,
        custody: Custody,
    ) -> Result<Sealed, Error> {
        check_length(length, seed.hash)?;
        let least = if self.provider.hmac_min_is_hash_length { seed.hash.length() } else { 0 };
        let length = length.max(least);
        (self.opened)();
        let session = self.inside.session;
        let created = session.create(&self.policy.reseal, &room.octets()[..length])?;
        let blob = session.consume(created, |created| self.reseal(created, seed.hash))?;
        Ok(self.sealed(blob, length, custody))
    }
}

/// Decrypts IV and ciphertext into locked memory and takes the PKCS#7 padding
/// off, so that nothing but zeros is behind the plaintext; returns its length.
pub(super) fn decrypt(
    session: &Session,
    key: Object,
    cipher: Cipher,
    ciphertext: &[u8],
    room: &mut Room,
) -> Result<usize, Error> {
    let block = cipher.block();
    let (iv, data) = ciphertext.split_at_checked(block).ok_or_else(not_opened)?;
    if data.is_empty() || data.len() % block != 0 {
        return Err(not_opened());
    }
    if data.len() > ROOM {
        return Err(unsupported("a seed longer than its hash's block"));
    }
    let octets = room.enter()?;
    let mechanism = Mechanism::with_iv(cipher.mechanism(), iv);
    let written = session.decrypt(mechanism, key, data, octets)?;
    let length = unpadded(&octets[..written], block).ok_or_else(not_opened)?;
    octets[length..].fill(0);
    Ok(length)
}

/// The length without the padding of PKCS#7 (RFC 5652 §6.3).
fn unpadded(octets: &[u8], block: usize) -> Option<usize> {
    let padding = usize::from(*octets.last()?);
    let length = octets.len().checked_sub(padding)?;
    let intact = (1..=block).contains(&padding)
        && octets[length..].iter().all(|octet| usize::from(*octet) == padding);
    intact.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::unpadded;

    #[test]
    fn padding_is_taken_off_whole_or_not_at_all() {
        assert_eq!(unpadded(b"seed-seed-se\x04\x04\x04\x04", 16), Some(12));
        assert_eq!(unpadded(&[16; 16], 16), Some(0));
        for broken in [&b""[..], b"\x00", b"seed\x05", b"ab\x03\x02\x03", &[17; 17]] {
            assert_eq!(unpadded(broken, 16), None);
        }
    }

    #[test]
    fn padding_is_no_longer_than_a_block() {
        assert_eq!(unpadded(&[8; 8], 8), Some(0));
        assert_eq!(unpadded(&[9; 16], 8), None);
    }
}
