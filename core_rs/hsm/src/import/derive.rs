// SPDX-License-Identifier: Apache-2.0
//! A file's key from a password: PBKDF2 (RFC 8018 §5.2).

use kagimori_otp::Hash;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::unsupported;
use crate::{error::Error, locked::LockedBytes};

/// A file that asks for more wants to keep this process busy, not its seeds safe.
const MOST_ITERATIONS: u32 = 10_000_000;

/// What the file says of the derivation.
pub struct Pbkdf2<'f> {
    /// The salt.
    pub salt: &'f [u8],
    /// How many times.
    pub iterations: u32,
    /// Octets of the key.
    pub length: usize,
    /// The hash of the HMAC.
    pub prf: Hash,
}

/// An AES or 3DES key in locked memory.
pub(super) struct DerivedKey(LockedBytes);

impl DerivedKey {
    pub(super) fn derive(password: &[u8], how: &Pbkdf2) -> Result<Self, Error> {
        if !matches!(how.length, 16 | 24 | 32) {
            return Err(unsupported("a derived key that is not 16, 24 or 32 octets long"));
        }
        if !(1..=MOST_ITERATIONS).contains(&how.iterations) {
            return Err(unsupported("a derivation of no or more than ten million iterations"));
        }
        let mut key = LockedBytes::zeroed(how.length)?;
        match how.prf {
            Hash::Sha1 => pbkdf2_hmac::<Sha1>(password, how.salt, how.iterations, &mut key),
            Hash::Sha256 => pbkdf2_hmac::<Sha256>(password, how.salt, how.iterations, &mut key),
            Hash::Sha512 => pbkdf2_hmac::<Sha512>(password, how.salt, how.iterations, &mut key),
        }
        Ok(Self(key))
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The key with odd parity in each octet (FIPS 46-3): what the cipher does not
    /// look at, some HSMs insist on.
    pub(super) fn with_parity(&self) -> Result<LockedBytes, Error> {
        let mut key = LockedBytes::zeroed(self.0.len())?;
        for (octet, own) in key.iter_mut().zip(self.0.iter()) {
            let bits = own >> 1;
            *octet = (bits << 1) | u8::from(bits.count_ones() % 2 == 0);
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(iterations: u32, length: usize) -> Result<DerivedKey, Error> {
        let how = Pbkdf2 { salt: b"salt", iterations, length, prf: Hash::Sha1 };
        DerivedKey::derive(b"password", &how)
    }

    #[test]
    fn a_key_is_that_of_rfc_6070() {
        let wanted = [
            0x4b, 0x00, 0x79, 0x01, 0xb7, 0x65, 0x48, 0x9a, 0xbe, 0xad, 0x49, 0xd9, 0x26, 0xf7,
            0x21, 0xd0,
        ];
        assert_eq!(derive(4096, 16).unwrap().octets(), wanted); // the first 16 of its 20
    }

    #[test]
    fn what_no_cipher_takes_and_what_takes_for_ever_is_refused() {
        for (iterations, length) in [(0, 16), (10_000_001, 16), (1, 20), (1, 0), (1, 1 << 40)] {
            assert!(matches!(derive(iterations, length), Err(Error::Seed(..))));
        }
    }

    #[test]
    fn parity_is_odd_and_nothing_else_changes() {
        let key = derive(1, 24).unwrap();
        let odd = key.with_parity().unwrap();
        assert!(odd.iter().all(|octet| octet.count_ones() % 2 == 1));
        assert!(odd.iter().zip(key.octets()).all(|(odd, own)| odd >> 1 == own >> 1));
    }
}
