// SPDX-License-Identifier: Apache-2.0
//! The keys that open a delivery: the vendor's in the HSM, or the delivery's own,
//! which are there for as long as it takes.

use cryptoki_sys::{CKK_AES, CKK_DES3};

use super::{
    DeliveryKeys, EncryptedSeed, Opener,
    algorithm::{Algorithm, Cipher, Padding},
    delivery::Encryption,
    derive::DerivedKey,
    unsupported,
};
use crate::{
    error::{Error, SeedTrouble},
    session::{Object, Session},
};

/// The version of vendors' keys that is used.
const VENDOR_KEY_VERSION: u32 = 1;

/// Keys that open a delivery's seeds and its MAC key.
pub(super) enum Openings<'d> {
    /// The vendor's; `public` where the file says that it is encrypted to a public key.
    Vendors { vendor: &'d str, public: bool },
    /// A session key that unwraps.
    OneTime(Object),
    /// Session keys of a password's, by what they are used for.
    Derived(Vec<(Algorithm, Object)>),
    /// None.
    Clear,
}

impl Opener<'_> {
    /// Works with the delivery's keys; those of its own are destroyed after it,
    /// whatever comes of it.
    pub(super) fn with_openings<T>(
        &self,
        keys: &DeliveryKeys,
        seeds: &[EncryptedSeed],
        work: impl FnOnce(&Openings) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match &keys.encryption {
            Encryption::PreShared { vendor } => work(&Openings::Vendors { vendor, public: false }),
            Encryption::Rsa { vendor } => work(&Openings::Vendors { vendor, public: true }),
            Encryption::OneTime { vendor, algorithm, ciphertext } => {
                let key = self.open_one_time(vendor, algorithm, ciphertext)?;
                self.inside.session.consume(key, |key| work(&Openings::OneTime(key)))
            }
            Encryption::Derived(key) => self.with_derived(key, &used(keys, seeds), work),
            Encryption::Clear => work(&Openings::Clear),
        }
    }

    /// The key for `algorithm`: in the import partition for what the host opens,
    /// in the serving one for all else.
    pub(super) fn key(&self, openings: &Openings, algorithm: Algorithm) -> Result<Object, Error> {
        if let Algorithm::Cbc(_) = algorithm {
            self.host()?;
        }
        match openings {
            Openings::Vendors { vendor, public } => self.vendors_key(vendor, *public, algorithm),
            Openings::OneTime(key) if matches!(algorithm, Algorithm::KeyWrap(_)) => Ok(*key),
            Openings::Derived(made) => made
                .iter()
                .find_map(|(made_for, key)| (*made_for == algorithm).then_some(*key))
                .ok_or_else(|| unsupported("a derived key of another length than the algorithm's")),
            Openings::OneTime(_) | Openings::Clear => Err(unsupported("it under this file's key")),
        }
    }

    fn vendors_key(
        &self,
        vendor: &str,
        public: bool,
        algorithm: Algorithm,
    ) -> Result<Object, Error> {
        let label = |kind| self.policy.label(kind, vendor, VENDOR_KEY_VERSION);
        let (label, key) = match algorithm {
            Algorithm::KeyWrap(_) => {
                let label = label("transport")?;
                let key = self.inside.secret(&label)?;
                (label, key)
            }
            Algorithm::Cbc(cipher) => {
                let label = label(cipher.vendors_key())?;
                let key = self.host()?.secret(&label)?;
                (label, key)
            }
            Algorithm::Rsa(_) if public => {
                let label = label("delivery")?;
                let key = self.inside.private(&label)?;
                (label, key)
            }
            Algorithm::Rsa(_) | Algorithm::Clear => {
                return Err(unsupported("it in a file under a key that was agreed on"));
            }
        };
        key.ok_or_else(|| unknown(&label))
    }

    fn open_one_time(
        &self,
        vendor: &str,
        algorithm: &str,
        ciphertext: &[u8],
    ) -> Result<Object, Error> {
        // Not with PKCS #1 v1.5: whoever may ask often would learn what it hides.
        let algorithm = Algorithm::parse(algorithm)?;
        if algorithm != Algorithm::Rsa(Padding::Oaep) {
            return Err(unsupported("a one-time key that is not under rsa-oaep-mgf1p"));
        }
        let label = self.policy.label("onetime", vendor, VENDOR_KEY_VERSION)?;
        let key = self.inside.private(&label)?.ok_or_else(|| unknown(&label))?;
        self.unwrap(algorithm, key, ciphertext, &self.policy.unwrapping)
    }

    fn with_derived<T>(
        &self,
        key: &DerivedKey,
        used: &[Algorithm],
        work: impl FnOnce(&Openings) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut made = Vec::new();
        let outcome = used
            .iter()
            .try_for_each(|algorithm| {
                if let Some(object) = self.make(key, *algorithm)? {
                    made.push((*algorithm, object));
                }
                Ok(())
            })
            .and_then(|()| work(&Openings::Derived(made.clone())));
        let destroyed = made.iter().try_for_each(|(algorithm, object)| {
            self.session_for(*algorithm)?.destroy(*object).map_err(Error::from)
        });
        let value = outcome?;
        destroyed?;
        Ok(value)
    }

    /// A session key for `algorithm`; none where the derived key is not one for it,
    /// or where it would be the host's and the host may not.
    fn make(&self, key: &DerivedKey, algorithm: Algorithm) -> Result<Option<Object>, Error> {
        let octets = key.octets();
        let made = match algorithm {
            Algorithm::KeyWrap(length) if length == octets.len() => {
                self.inside.session.create(&self.policy.unwrapping, octets)?
            }
            Algorithm::Cbc(cipher)
                if cipher.key_octets() == octets.len() && self.host.is_some() =>
            {
                let session = self.host()?.session;
                match cipher {
                    Cipher::Aes(_) => {
                        let template = self.policy.decrypting.clone().with_key_type(CKK_AES);
                        session.create(&template, octets)?
                    }
                    Cipher::Des3 => {
                        let template = self.policy.decrypting.clone().with_key_type(CKK_DES3);
                        session.create(&template, &key.with_parity()?)?
                    }
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(made))
    }

    fn session_for(&self, algorithm: Algorithm) -> Result<&Session, Error> {
        match algorithm {
            Algorithm::Cbc(_) => Ok(self.host()?.session),
            _ => Ok(self.inside.session),
        }
    }
}

/// The algorithms that the delivery's seeds and its MAC key are encrypted by.
/// One that is not understood is the trouble of what names it.
fn used(keys: &DeliveryKeys, seeds: &[EncryptedSeed]) -> Vec<Algorithm> {
    let mut used = Vec::new();
    let of_mac = keys.mac.iter().map(|method| &method.key_algorithm);
    for name in seeds.iter().map(|seed| &seed.algorithm).chain(of_mac) {
        match Algorithm::parse(name) {
            Ok(algorithm) if !used.contains(&algorithm) => used.push(algorithm),
            _ => {}
        }
    }
    used
}

fn unknown(label: &str) -> Error {
    Error::seed(SeedTrouble::UnknownVendor, format!("there is no key labelled '{label}'"))
}
