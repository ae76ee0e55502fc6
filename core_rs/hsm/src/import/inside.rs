// SPDX-License-Identifier: Apache-2.0
//! Seeds that go from key to key inside the HSM: AES key wrap and RSA.

use cryptoki_sys::{CKM_AES_KEY_WRAP, CKM_RSA_PKCS};
use kagimori_otp::Hash;

use super::{
    EncryptedSeed, Opener,
    algorithm::{Algorithm, Padding},
    reseal::{OVERHEAD, check_length, not_opened},
    unsupported,
};
use crate::{
    error::{Error, HsmError},
    raw::{Mechanism, Oaep},
    sealed::{Custody, Sealed},
    session::Object,
    template::Template,
};

/// The ways of key wrap: plain (RFC 3394), and with padding (RFC 5649), which
/// some write under the same name for lengths that plain key wrap cannot take.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum KeyWrap {
    #[default]
    Plain,
    Padded,
}

impl Opener<'_> {
    pub(super) fn seal_inside(
        &self,
        algorithm: Algorithm,
        key: Object,
        seed: &EncryptedSeed,
        custody: Custody,
    ) -> Result<Sealed, Error> {
        if let Algorithm::KeyWrap(_) = algorithm {
            check_length(seed.ciphertext.len().saturating_sub(OVERHEAD), seed.hash)?;
        }
        let opened = self.unwrap(algorithm, key, &seed.ciphertext, &self.policy.reseal)?;
        let session = self.inside.session;
        let blob = session.consume(opened, |opened| self.reseal(opened, seed.hash))?;
        // What RSA hides shows its length only when it is wrapped.
        let length = blob.len().saturating_sub(OVERHEAD);
        check_length(length, seed.hash)?;
        Ok(self.sealed(blob, length, custody))
    }

    /// Opens `blob` inside the HSM. Some HSMs answer the same to a blob of another
    /// key and when they are dead: the canary tells.
    pub(super) fn unwrap(
        &self,
        algorithm: Algorithm,
        key: Object,
        blob: &[u8],
        template: &Template,
    ) -> Result<Object, Error> {
        (self.opened)();
        let outcome = match algorithm {
            Algorithm::KeyWrap(_) => self.unwrap_either(key, blob, template),
            Algorithm::Rsa(padding) => self.unwrap_rsa(padding, key, blob, template),
            Algorithm::Cbc(_) | Algorithm::Clear => {
                return Err(unsupported("unwrapping it in the HSM"));
            }
        };
        match outcome {
            Err(error) if error.may_be_about_the_blob() => {
                self.canary.sing(
                    self.inside.session,
                    self.tenant_keys,
                    self.policy,
                    self.provider,
                )?;
                Err(not_opened())
            }
            outcome => Ok(outcome?),
        }
    }

    /// Each way that a blob can be wrapped in, first the one that opened the last.
    /// Neither opens what the other made, but for once in 2^60 times.
    fn unwrap_either(
        &self,
        key: Object,
        blob: &[u8],
        template: &Template,
    ) -> Result<Object, HsmError> {
        let first = self.usual.get();
        match self.unwrap_as(first, key, blob, template) {
            Err(error) if error.may_be_about_the_blob() => {}
            outcome => return outcome,
        }
        let other = first.other();
        let opened = self.unwrap_as(other, key, blob, template)?;
        self.usual.set(other);
        Ok(opened)
    }

    pub(super) fn unwrap_as(
        &self,
        way: KeyWrap,
        key: Object,
        blob: &[u8],
        template: &Template,
    ) -> Result<Object, HsmError> {
        let mechanism = match way {
            KeyWrap::Plain => Mechanism::plain(CKM_AES_KEY_WRAP),
            KeyWrap::Padded => self.provider.key_wrap(),
        };
        self.inside.session.unwrap(mechanism, key, blob, template)
    }

    fn unwrap_rsa(
        &self,
        padding: Padding,
        key: Object,
        blob: &[u8],
        template: &Template,
    ) -> Result<Object, HsmError> {
        let oaep = Oaep::new(Hash::Sha1);
        let mechanism = match padding {
            Padding::Pkcs1 => Mechanism::plain(CKM_RSA_PKCS),
            Padding::Oaep => oaep.mechanism(),
        };
        self.inside.session.unwrap(mechanism, key, blob, template)
    }
}

impl KeyWrap {
    const fn other(self) -> Self {
        match self {
            Self::Plain => Self::Padded,
            Self::Padded => Self::Plain,
        }
    }
}
