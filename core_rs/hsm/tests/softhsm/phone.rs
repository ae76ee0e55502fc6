// SPDX-License-Identifier: Apache-2.0
//! A phone, and the key that it seals its seeds to.

use cryptoki::{
    mechanism::{
        Mechanism, MechanismType,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource},
    },
    object::{Attribute, ObjectHandle},
    session::Session,
};

use crate::support::label;

/// What a phone would send, in envelopes to the provisioning key.
pub struct Phone {
    pub seed: Vec<u8>,
    /// The phone's seed, and one more.
    pub envelopes: Vec<Vec<u8>>,
    /// Envelopes of seeds that are too short and too long, by their octets.
    pub odd: Vec<(usize, Vec<u8>)>,
    /// The phone's seed, sealed to another key.
    pub foreign: Vec<u8>,
}

/// The provisioning key may do more than it should, as the wrapping key may.
pub fn make_phone(session: &Session) -> Phone {
    let own = make_pair(session, &label("provisioning", 1));
    let other = make_pair(session, "another/provisioning/1");
    let (hash, mgf) = (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1);
    let oaep = PkcsOaepParams::new(hash, mgf, PkcsOaepSource::empty());
    let mechanism = Mechanism::RsaPkcsOaep(oaep);
    let seal = |public, value: &[u8]| session.encrypt(&mechanism, public, value).unwrap();
    let seed: Vec<u8> = (100..164).collect();
    Phone {
        envelopes: vec![seal(own, &seed), seal(own, &[7; 64])],
        odd: [0, 1, 16, 56, 65, 128].map(|length| (length, seal(own, &vec![5; length]))).to_vec(),
        foreign: seal(other, &seed),
        seed,
    }
}

/// Returns the public half, which seals.
fn make_pair(session: &Session, label: &str) -> ObjectHandle {
    let public = [
        Attribute::Token(false),
        Attribute::ModulusBits(2048.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Encrypt(true),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Label(label.into()),
        Attribute::Unwrap(true),
        Attribute::Decrypt(true),
    ];
    let pair = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private);
    pair.unwrap().0
}
