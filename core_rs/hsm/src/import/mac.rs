// SPDX-License-Identifier: Apache-2.0
//! A file's MAC: which there are, and when there must be one.

use cryptoki_sys::{
    CKM_SHA_1_HMAC, CKM_SHA224_HMAC, CKM_SHA256_HMAC, CKM_SHA384_HMAC, CKM_SHA512_HMAC,
    CKR_KEY_SIZE_RANGE,
};
use hmac::{Hmac, KeyInit, Mac};
use kagimori_otp::MAX_MAC;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::{
    EncryptedSeed, MacMethod, Opener,
    algorithm::Algorithm,
    host::{Room, decrypt},
    openings::Openings,
    unsupported,
};
use crate::{
    error::{Error, HsmError, SeedTrouble},
    raw::Mechanism,
    session::{Object, Session},
};

/// Octets of the shortest MAC key that is believed. CBC lets whoever can write
/// the file cut the key down to nothing, and then compute the MAC himself.
const SHORTEST_MAC_KEY: usize = 16;

/// A file's open MAC key, and what it is used with.
pub(super) struct FileMac {
    algorithm: MacAlgorithm,
    key: MacKey,
}

enum MacKey {
    InHsm(Object),
    /// The first octets of what is in locked memory.
    OnHost(Room, usize),
}

impl Opener<'_> {
    /// Opens the file's MAC key, inside the HSM where that can; works with it, and
    /// closes it again.
    pub(super) fn with_mac<T>(
        &self,
        method: Option<&MacMethod>,
        openings: &Openings,
        work: impl FnOnce(Option<&FileMac>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(method) = method else { return work(None) };
        let algorithm = MacAlgorithm::parse(&method.algorithm)?;
        let of_key = Algorithm::parse(&method.key_algorithm)?;
        let opening = self.key(openings, of_key)?;
        if let Algorithm::Cbc(cipher) = of_key {
            let mut room = Room::default();
            let session = self.host()?.session;
            let length = decrypt(session, opening, cipher, &method.key_ciphertext, &mut room)?;
            if length < SHORTEST_MAC_KEY {
                return Err(mismatch("the MAC key has fewer than 16 octets"));
            }
            return work(Some(&FileMac { algorithm, key: MacKey::OnHost(room, length) }));
        }
        let template = &self.policy.verify;
        let key = self.unwrap(of_key, opening, &method.key_ciphertext, template)?;
        self.inside.session.consume(key, |key| {
            let mac = FileMac { algorithm, key: MacKey::InHsm(key) };
            // Whether the HSM takes a key of that length is the file's trouble, not a seed's.
            mac.compute_in_hsm(self.inside.session, key, &[]).map_err(refused_key)?;
            work(Some(&mac))
        })
    }
}

impl FileMac {
    /// Compares in constant time.
    pub(super) fn check(&self, session: &Session, message: &[u8], mac: &[u8]) -> Result<(), Error> {
        match &self.key {
            MacKey::InHsm(key) => {
                let (computed, length) = self.compute_in_hsm(session, *key, message)?;
                let same = bool::from(computed[..length].ct_eq(mac));
                if same { Ok(()) } else { Err(other_value()) }
            }
            MacKey::OnHost(room, length) => {
                self.algorithm.verify(&room.octets()[..*length], message, mac)
            }
        }
    }

    fn compute_in_hsm(
        &self,
        session: &Session,
        key: Object,
        message: &[u8],
    ) -> Result<([u8; MAX_MAC], usize), HsmError> {
        let mut out = [0; MAX_MAC];
        let mechanism = Mechanism::plain(self.algorithm.mechanism());
        let length = session.sign(mechanism, key, message, &mut out)?;
        Ok((out, length))
    }

    /// `C_SignInit` and `C_Sign`, where the key is in the HSM.
    pub(super) fn bare(&self, session: &Session, message: &[u8]) -> Result<(), HsmError> {
        match &self.key {
            MacKey::InHsm(key) => self.compute_in_hsm(session, *key, message).map(drop),
            MacKey::OnHost(..) => Ok(()),
        }
    }
}

/// The MAC of a seed beside the file's, or neither. A file that announces a MAC
/// and holds a value without one has been stripped of it, and the other way
/// round a MAC that nothing can check is none. Unauthenticated CBC is a padding
/// oracle, and anybody could change what it hides.
pub(super) fn check(
    session: &Session,
    file: Option<&FileMac>,
    seed: &EncryptedSeed,
    algorithm: Algorithm,
) -> Result<(), Error> {
    match (&seed.mac, file) {
        (Some(mac), Some(file)) => file.check(session, &seed.ciphertext, mac),
        (None, None) if matches!(algorithm, Algorithm::Cbc(_)) => {
            Err(missing("CBC is taken over only with a MAC"))
        }
        (None, None) => Ok(()),
        (None, Some(_)) => Err(missing("the file announces a MAC, this value has none")),
        (Some(_), None) => Err(missing("the value has a MAC, the file no method and key for it")),
    }
}

/// The HMACs of XML Signature that a file may name.
#[derive(Clone, Copy)]
enum MacAlgorithm {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl MacAlgorithm {
    fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "hmac-sha1" => Ok(Self::Sha1),
            "hmac-sha224" => Ok(Self::Sha224),
            "hmac-sha256" => Ok(Self::Sha256),
            "hmac-sha384" => Ok(Self::Sha384),
            "hmac-sha512" => Ok(Self::Sha512),
            other => Err(unsupported(&format!("MAC algorithm {other}"))),
        }
    }

    const fn mechanism(self) -> u64 {
        match self {
            Self::Sha1 => CKM_SHA_1_HMAC,
            Self::Sha224 => CKM_SHA224_HMAC,
            Self::Sha256 => CKM_SHA256_HMAC,
            Self::Sha384 => CKM_SHA384_HMAC,
            Self::Sha512 => CKM_SHA512_HMAC,
        }
    }

    fn verify(self, key: &[u8], message: &[u8], mac: &[u8]) -> Result<(), Error> {
        match self {
            Self::Sha1 => verify::<Hmac<Sha1>>(key, message, mac),
            Self::Sha224 => verify::<Hmac<Sha224>>(key, message, mac),
            Self::Sha256 => verify::<Hmac<Sha256>>(key, message, mac),
            Self::Sha384 => verify::<Hmac<Sha384>>(key, message, mac),
            Self::Sha512 => verify::<Hmac<Sha512>>(key, message, mac),
        }
    }
}

fn verify<M: Mac + KeyInit>(key: &[u8], message: &[u8], mac: &[u8]) -> Result<(), Error> {
    let keyed = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    keyed.chain_update(message).verify_slice(mac).map_err(|_| other_value())
}

fn refused_key(error: HsmError) -> Error {
    if error.is(CKR_KEY_SIZE_RANGE) {
        return unsupported("a MAC key shorter than its hash, on this HSM,");
    }
    error.into()
}

fn missing(why: &str) -> Error {
    Error::seed(SeedTrouble::MacMissing, why)
}

fn mismatch(why: &str) -> Error {
    Error::seed(SeedTrouble::MacMismatch, why)
}

fn other_value() -> Error {
    mismatch("the value is not what its MAC was computed over")
}
