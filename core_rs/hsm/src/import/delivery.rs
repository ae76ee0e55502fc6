// SPDX-License-Identifier: Apache-2.0
//! What a vendor delivers, as its file has it (RFC 6030 §6).

use kagimori_otp::Hash;
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    derive::{DerivedKey, Pbkdf2},
    unsupported,
};
use crate::error::{Error, SeedTrouble};

/// How a vendor's file is encrypted, and how its seeds are authenticated.
pub struct DeliveryKeys {
    pub(super) encryption: Encryption,
    pub(super) mac: Option<MacMethod>,
}

pub(super) enum Encryption {
    PreShared { vendor: String },
    Derived(DerivedKey),
    Rsa { vendor: String },
    OneTime { vendor: String, algorithm: String, ciphertext: Vec<u8> },
    Clear,
}

/// A file's MAC (RFC 6030 §6.1.1).
pub struct MacMethod {
    /// The name after the `#`: `hmac-sha1`.
    pub algorithm: String,
    /// How the MAC key is encrypted.
    pub key_algorithm: String,
    /// The encrypted MAC key.
    pub key_ciphertext: Vec<u8>,
}

/// A seed as a vendor's file has it.
pub struct EncryptedSeed {
    /// The name after the `#` of the XML-Encryption URI (`kw-aes256`,
    /// `aes128-cbc`), or `clear`.
    pub algorithm: String,
    /// What the file holds; it begins with the IV for CBC. In a file in clear it
    /// is the seed, so it is wiped.
    pub ciphertext: Zeroizing<Vec<u8>>,
    /// The MAC over the ciphertext.
    pub mac: Option<Vec<u8>>,
    /// The hash that the token computes its codes with.
    pub hash: Hash,
}

/// Why one seed is not taken over. The text never quotes key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub SeedTrouble, pub String);

impl DeliveryKeys {
    /// Keys that the vendor and the administrators agreed on (RFC 6030 §6.1).
    #[must_use]
    pub fn pre_shared(vendor: String, mac: Option<MacMethod>) -> Self {
        Self { encryption: Encryption::PreShared { vendor }, mac }
    }

    /// A key from a password (RFC 6030 §6.2). It is derived here, which takes as
    /// long as the file says, and kept in locked memory.
    pub fn password(password: &[u8], how: &Pbkdf2, mac: Option<MacMethod>) -> Result<Self, Error> {
        Ok(Self { encryption: Encryption::Derived(DerivedKey::derive(password, how)?), mac })
    }

    /// Seeds encrypted to the vendor's RSA key in the HSM (RFC 6030 §6.3).
    #[must_use]
    pub fn rsa(vendor: String, mac: Option<MacMethod>) -> Self {
        Self { encryption: Encryption::Rsa { vendor }, mac }
    }

    /// An AES key of the file's own, encrypted to an RSA key in the HSM.
    #[must_use]
    pub fn one_time(
        vendor: String,
        algorithm: String,
        ciphertext: Vec<u8>,
        mac: Option<MacMethod>,
    ) -> Self {
        Self { encryption: Encryption::OneTime { vendor, algorithm, ciphertext }, mac }
    }

    /// No encryption.
    #[must_use]
    pub const fn clear() -> Self {
        Self { encryption: Encryption::Clear, mac: None }
    }

    /// Whether the file's seeds can be encrypted by `algorithm`. Anybody can
    /// encrypt to a public key, so that is never taken for a key that was agreed on.
    pub(super) fn check_fits(&self, algorithm: Algorithm) -> Result<(), Error> {
        let fits = match (&self.encryption, algorithm) {
            (Encryption::PreShared { .. } | Encryption::Derived(_), _) => {
                matches!(algorithm, Algorithm::KeyWrap(_) | Algorithm::Cbc(_))
            }
            (Encryption::Rsa { .. }, _) => matches!(algorithm, Algorithm::Rsa(_)),
            (Encryption::OneTime { .. }, _) => matches!(algorithm, Algorithm::KeyWrap(_)),
            (Encryption::Clear, _) => algorithm == Algorithm::Clear,
        };
        if fits {
            Ok(())
        } else {
            Err(unsupported("a seed encrypted otherwise than its file says"))
        }
    }
}
