// SPDX-License-Identifier: Apache-2.0
//! The provisioning key, tried with an envelope such as a phone would send.
//!
//! The envelope is made here, of nobody's seed: all that it takes is what the key
//! tells everybody about itself.

use cryptoki::{
    mechanism::{
        Mechanism as Named, MechanismType,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
};
use cryptoki_sys::{CKM_RSA_PKCS, CKM_RSA_X_509};
use hmac::{Hmac, KeyInit, Mac};
use kagimori_otp::Hash;
use sha2::Sha256;

use super::{Report, Subject, lax::Sealed};
use crate::{
    error::{Error, HsmError},
    raw::Mechanism,
    row::hmac_sha256,
    session::{Object, Session},
};

const SEED: [u8; 64] = [0x4B; 64];
const CHALLENGE: &[u8] = b"who sings?";

impl Subject<'_> {
    /// Not every ceremony made a provisioning key.
    pub(super) fn examine_provisioning(
        &self,
        session: &Session,
        report: &mut Report,
    ) -> Result<(), Error> {
        let label = self.label("provisioning")?;
        let Some(key) = session.find_private(&label)? else { return Ok(()) };
        report.subject.clone_from(&label);
        match envelope(session, &label, self.provider.oaep_hash) {
            Ok(envelope) => self.open_envelope(&envelope, key, session, report),
            Err(error) => report.must_work("make an envelope for the key", &Err(error)),
        }
        self.decrypt(key, report)?;
        self.read_flags("provisioning", key, session, report)
    }

    fn open_envelope(&self, blob: &[u8], key: Object, session: &Session, report: &mut Report) {
        let (oaep, template) = (self.provider.oaep(), &self.policy.reseal);
        let mechanism = oaep.mechanism();
        let answer = session.unwrap(mechanism, key, blob, template);
        let answer = answer.and_then(|seed| session.consume(seed, |seed| compare(session, seed)));
        report.must_work("open an envelope and compute its HMAC", &answer);
        let sealed = Sealed { name: "an envelope", mechanism, key, blob, template };
        sealed.open_laxly(self.policy, session, report);
        sealed.open_by("PKCS#1 v1.5", Mechanism::plain(CKM_RSA_PKCS), session, report);
    }

    /// An operation that should not have begun cannot be cancelled, so each is
    /// tried in a session that is closed after it.
    fn decrypt(&self, key: Object, report: &mut Report) -> Result<(), HsmError> {
        let oaep = self.provider.oaep();
        for (name, mechanism) in [
            ("OAEP", oaep.mechanism()),
            ("PKCS#1 v1.5", Mechanism::plain(CKM_RSA_PKCS)),
            ("raw RSA", Mechanism::plain(CKM_RSA_X_509)),
        ] {
            let begun = self.partition.session()?.decrypt_init(mechanism, key);
            report.must_not_work(&format!("decrypt with the provisioning key ({name})"), &begun);
        }
        Ok(())
    }
}

fn compare(session: &Session, seed: Object) -> Result<(), HsmError> {
    let keyed = Hmac::<Sha256>::new_from_slice(&SEED).expect("HMAC takes a key of any length");
    let wanted = keyed.chain_update(CHALLENGE).finalize().into_bytes();
    if hmac_sha256(session, seed, CHALLENGE)? == *wanted {
        return Ok(());
    }
    Err(HsmError::unusable("C_Sign", "the envelope's seed answers otherwise".to_owned()))
}

fn envelope(session: &Session, label: &str, hash: Hash) -> Result<Vec<u8>, HsmError> {
    let inner = session.inner();
    let public = inner.create_object(&public_half(session, label)?)?;
    let (hash, mgf) = names(hash);
    let oaep = PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty());
    let sealed = inner.encrypt(&Named::RsaPkcsOaep(oaep), public, &SEED);
    let destroyed: Result<(), _> = inner.destroy_object(public);
    let sealed = sealed?;
    destroyed?;
    Ok(sealed)
}

/// The public numbers of the key, in an object that seals and goes with the session.
fn public_half(session: &Session, label: &str) -> Result<Vec<Attribute>, HsmError> {
    let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
    let mut half = session.inner().get_attributes(private_half(session, label)?, &wanted)?;
    half.extend([
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::RSA),
        Attribute::Token(false),
        Attribute::Encrypt(true),
    ]);
    Ok(half)
}

fn private_half(session: &Session, label: &str) -> Result<ObjectHandle, HsmError> {
    let wanted = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Token(true),
        Attribute::Label(label.into()),
    ];
    let found = session.inner().find_objects(&wanted)?;
    let gone = || HsmError::unusable("C_FindObjects", format!("no key is labelled '{label}'"));
    found.first().copied().ok_or_else(gone)
}

const fn names(hash: Hash) -> (MechanismType, PkcsMgfType) {
    match hash {
        Hash::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
    }
}
