// SPDX-License-Identifier: Apache-2.0
//! How a value of a vendor's file is encrypted: the algorithms by their names.

use cryptoki_sys::{CKM_AES_CBC, CKM_DES3_CBC};

use super::unsupported;
use crate::error::Error;

/// The name after the `#` of the XML-Encryption URI, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// AES key wrap with a key of so many octets, with padding or without.
    KeyWrap(usize),
    /// CBC, which only the host opens.
    Cbc(Cipher),
    /// RSA.
    Rsa(Padding),
    /// Not encrypted at all.
    Clear,
}

/// A block cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// With a key of so many octets.
    Aes(usize),
    Des3,
}

/// How RSA is padded (RFC 8017 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    Pkcs1,
    /// With SHA-1, which that name stands for.
    Oaep,
}

impl Algorithm {
    pub(super) fn parse(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "kw-aes128" => Self::KeyWrap(16),
            "kw-aes192" => Self::KeyWrap(24),
            "kw-aes256" => Self::KeyWrap(32),
            "aes128-cbc" => Self::Cbc(Cipher::Aes(16)),
            "aes192-cbc" => Self::Cbc(Cipher::Aes(24)),
            "aes256-cbc" => Self::Cbc(Cipher::Aes(32)),
            "tripledes-cbc" => Self::Cbc(Cipher::Des3),
            "rsa-1_5" => Self::Rsa(Padding::Pkcs1),
            "rsa-oaep-mgf1p" => Self::Rsa(Padding::Oaep),
            "clear" => Self::Clear,
            other => return Err(unsupported(&format!("encryption algorithm {other}"))),
        })
    }
}

impl Cipher {
    pub(super) const fn mechanism(self) -> u64 {
        match self {
            Self::Aes(_) => CKM_AES_CBC,
            Self::Des3 => CKM_DES3_CBC,
        }
    }

    /// Octets of a block, and so of the IV.
    pub(super) const fn block(self) -> usize {
        match self {
            Self::Aes(_) => 16,
            Self::Des3 => 8,
        }
    }

    pub(super) const fn key_octets(self) -> usize {
        match self {
            Self::Aes(octets) => octets,
            Self::Des3 => 24,
        }
    }

    /// What the key policy calls the vendor's key for it.
    pub(super) const fn vendors_key(self) -> &'static str {
        match self {
            Self::Aes(_) => "transient",
            Self::Des3 => "transient_des3",
        }
    }
}
