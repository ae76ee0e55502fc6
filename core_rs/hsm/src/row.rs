// SPDX-License-Identifier: Apache-2.0
//! A token's row: what its MAC covers, and how.

use cryptoki_sys::CKM_SHA256_HMAC;
use kagimori_otp::{Digits, Hash, MAX_MAC};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    error::{Error, HsmError},
    raw::Mechanism,
    session::{Object, Session},
};

/// Octets of a row MAC: HMAC-SHA-256.
pub const ROW_MAC: usize = 32;

/// Keeps row MACs apart from anything else the row key may ever sign.
const DOMAIN: &[u8] = b"kagimori/row/1";

/// What a row MAC covers, in the order it is covered.
pub struct Identity<'r> {
    /// The tenant's service ID.
    pub tenant: &'r str,
    /// The token's id.
    pub token_id: &'r str,
    /// The public serial.
    pub serial: &'r str,
    /// The bank's own customer number; empty while in stock.
    pub subscriber: &'r str,
    /// What the customer holds.
    pub kind: &'r str,
    /// What the seed is for.
    pub purpose: &'r str,
    /// TIME or EVENT.
    pub factor: &'r str,
    /// The hash of the HMAC.
    pub hash: Hash,
    /// Digits of a code.
    pub digits: Digits,
    /// Seconds of a step; 0 for events.
    pub period: u32,
    /// Seconds since 1970 of step 0.
    pub t0: i64,
    /// Where the seed has been.
    pub custody: &'r str,
    /// Wrapped octets.
    pub seed_length: u32,
    /// Version of the tenant's wrapping and row key.
    pub key_version: u32,
    /// Layout of the blob.
    pub wrap_format: &'r str,
    /// The seed under the wrapping key.
    pub blob: &'r [u8],
}

/// A row as the vault needs it. It does not change: its encoding and the digest
/// that open seeds are kept under are made once.
pub struct Row {
    pub(crate) tenant: String,
    pub(crate) key_version: u32,
    pub(crate) hash: Hash,
    pub(crate) digits: Digits,
    pub(crate) wrap_format: String,
    pub(crate) digest: [u8; 32],
    pub(crate) blob: Vec<u8>,
    encoded: Vec<u8>,
    mac: Vec<u8>,
}

impl Row {
    /// `mac` is what the database holds beside the identity.
    #[must_use]
    pub fn new(identity: &Identity, mac: &[u8]) -> Self {
        let encoded = encode(identity);
        let digest = Sha256::new().chain_update(&encoded).chain_update(mac).finalize();
        Self {
            tenant: identity.tenant.to_owned(),
            key_version: identity.key_version,
            hash: identity.hash,
            digits: identity.digits,
            wrap_format: identity.wrap_format.to_owned(),
            digest: digest.into(),
            blob: identity.blob.to_vec(),
            encoded,
            mac: mac.to_vec(),
        }
    }

    /// The MAC of the row under the tenant's row key, computed in the HSM.
    pub(crate) fn mac(&self, session: &Session, key: Object) -> Result<[u8; ROW_MAC], HsmError> {
        hmac_sha256(session, key, &self.encoded)
    }

    /// Whether the row is the one whose MAC was written down.
    pub(crate) fn check(&self, session: &Session, key: Object) -> Result<(), Error> {
        let mac = self.mac(session, key)?;
        if bool::from(mac.as_slice().ct_eq(&self.mac)) { Ok(()) } else { Err(Error::RowTampered) }
    }
}

/// HMAC-SHA-256 in the HSM.
pub(crate) fn hmac_sha256(
    session: &Session,
    key: Object,
    message: &[u8],
) -> Result<[u8; ROW_MAC], HsmError> {
    let mut out = [0; MAX_MAC];
    let length = session.sign(Mechanism::plain(CKM_SHA256_HMAC), key, message, &mut out)?;
    out[..length].try_into().map_err(|_| {
        HsmError::unusable("C_Sign", format!("HMAC-SHA-256 came with {length} octets"))
    })
}

/// The domain, then each field behind its length, so that no two rows that
/// differ can encode alike. Integers are eight octets, in network order.
fn encode(row: &Identity) -> Vec<u8> {
    let mut encoded = DOMAIN.to_vec();
    for text in [
        row.tenant,
        row.token_id,
        row.serial,
        row.subscriber,
        row.kind,
        row.purpose,
        row.factor,
        hash_word(row.hash),
    ] {
        push(&mut encoded, text.as_bytes());
    }
    for number in [row.digits.count() as u64, u64::from(row.period)] {
        push(&mut encoded, &number.to_be_bytes());
    }
    push(&mut encoded, &row.t0.to_be_bytes());
    push(&mut encoded, row.custody.as_bytes());
    for number in [row.seed_length, row.key_version] {
        push(&mut encoded, &u64::from(number).to_be_bytes());
    }
    push(&mut encoded, row.wrap_format.as_bytes());
    push(&mut encoded, row.blob);
    encoded
}

fn push(encoded: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).expect("a field of a row is no file");
    encoded.extend_from_slice(&length.to_be_bytes());
    encoded.extend_from_slice(field);
}

const fn hash_word(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "SHA1",
        Hash::Sha256 => "SHA256",
        Hash::Sha512 => "SHA512",
    }
}
