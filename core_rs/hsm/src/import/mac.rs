// SPDX-License-Identifier: Apache-2.0
//! A file's MAC: which there are, and when there must be one.

use cryptoki_sys::{
    CKM_SHA_1_HMAC, CKM_SHA224_HMAC, CKM_SHA256_HMAC, CKM_SHA384_HMAC, CKM_SHA512_HMAC,
};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::{EncryptedSeed, MacMethod, unsupported};
use crate::error::{Error, SeedTrouble};

/// The HMACs of XML Signature that a file may name.
#[derive(Clone, Copy)]
pub(super) enum MacAlgorithm {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl MacAlgorithm {
    pub(super) fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "hmac-sha1" => Ok(Self::Sha1),
            "hmac-sha224" => Ok(Self::Sha224),
            "hmac-sha256" => Ok(Self::Sha256),
            "hmac-sha384" => Ok(Self::Sha384),
            "hmac-sha512" => Ok(Self::Sha512),
            other => Err(unsupported(&format!("MAC algorithm {other}"))),
        }
    }

    pub(super) const fn mechanism(self) -> u64 {
        match self {
            Self::Sha1 => CKM_SHA_1_HMAC,
            Self::Sha224 => CKM_SHA224_HMAC,
            Self::Sha256 => CKM_SHA256_HMAC,
            Self::Sha384 => CKM_SHA384_HMAC,
            Self::Sha512 => CKM_SHA512_HMAC,
        }
    }

    /// Compares in constant time the MAC of `message` under a key that the host holds.
    pub(super) fn verify(self, key: &[u8], message: &[u8], mac: &[u8]) -> Result<(), Error> {
        match self {
            Self::Sha1 => verify::<Hmac<Sha1>>(key, message, mac),
            Self::Sha224 => verify::<Hmac<Sha224>>(key, message, mac),
            Self::Sha256 => verify::<Hmac<Sha256>>(key, message, mac),
            Self::Sha384 => verify::<Hmac<Sha384>>(key, message, mac),
            Self::Sha512 => verify::<Hmac<Sha512>>(key, message, mac),
        }
    }
}

/// The MAC of a seed with its method, or neither. A file that announces a MAC
/// and holds a value without one has been stripped of it, and the other way
/// round a MAC that nothing can check is none.
pub(super) fn announced<'f>(
    seed: &EncryptedSeed<'f>,
) -> Result<Option<(&'f [u8], MacMethod<'f>)>, Error> {
    match (seed.mac, seed.mac_method) {
        (Some(mac), Some(method)) => Ok(Some((mac, method))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(missing("the file announces a MAC, this value has none")),
        (Some(_), None) => Err(missing("the value has a MAC, the file no method and key for it")),
    }
}

pub(super) fn missing(why: &str) -> Error {
    Error::seed(SeedTrouble::MacMissing, why)
}

pub(super) fn mismatch(why: &str) -> Error {
    Error::seed(SeedTrouble::MacMismatch, why)
}

/// Compares in constant time.
pub(super) fn compare(computed: &[u8], mac: &[u8]) -> Result<(), Error> {
    if bool::from(computed.ct_eq(mac)) { Ok(()) } else { Err(other_value()) }
}

fn verify<M: Mac + KeyInit>(key: &[u8], message: &[u8], mac: &[u8]) -> Result<(), Error> {
    let keyed = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    keyed.chain_update(message).verify_slice(mac).map_err(|_| other_value())
}

fn other_value() -> Error {
    mismatch("the value is not what its MAC was computed over")
}
