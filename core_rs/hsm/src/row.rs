// SPDX-License-Identifier: Apache-2.0
//! A token's row: what its MAC covers, and how.

use std::{ops::Range, str, sync::OnceLock};

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

/// The purpose of a seed whose codes sign.
const SIGNING: &str = "SIGNING";

/// Octets that a row and its MAC seldom exceed, so that room is made once.
const USUAL_LENGTH: usize = 512;

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

/// A row as the vault needs it. It does not change.
pub struct Row {
    pub(crate) key_version: u32,
    pub(crate) hash: Hash,
    pub(crate) digits: Digits,
    /// Whether its codes sign, and are for nothing else.
    pub(crate) signs: bool,
    /// The encoded identity, and behind it what the database holds as its MAC.
    octets: Vec<u8>,
    mac: usize,
    tenant: Range<usize>,
    wrap_format: Range<usize>,
    blob: Range<usize>,
    digest: OnceLock<[u8; 32]>,
}

impl Row {
    /// `mac` is what the database holds beside the identity.
    #[must_use]
    pub fn new(identity: &Identity, mac: &[u8]) -> Self {
        let Encoded { mut octets, tenant, wrap_format, blob } = encode(identity);
        let end = octets.len();
        octets.extend_from_slice(mac);
        Self {
            key_version: identity.key_version,
            hash: identity.hash,
            digits: identity.digits,
            signs: identity.purpose == SIGNING,
            octets,
            mac: end,
            tenant,
            wrap_format,
            blob,
            digest: OnceLock::new(),
        }
    }

    /// What an open seed is kept under. It is computed at its first use, which
    /// is not where the interpreter waits.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| Sha256::digest(&self.octets).into())
    }

    pub(crate) fn tenant(&self) -> &str {
        text(&self.octets[self.tenant.clone()])
    }

    pub(crate) fn wrap_format(&self) -> &str {
        text(&self.octets[self.wrap_format.clone()])
    }

    pub(crate) fn blob(&self) -> &[u8] {
        &self.octets[self.blob.clone()]
    }

    /// The MAC of the row under the tenant's row key, computed in the HSM.
    pub(crate) fn mac(&self, session: &Session, key: Object) -> Result<[u8; ROW_MAC], HsmError> {
        hmac_sha256(session, key, &self.octets[..self.mac])
    }

    /// Whether the row is the one whose MAC was written down.
    pub(crate) fn check(&self, session: &Session, key: Object) -> Result<(), Error> {
        let mac = self.mac(session, key)?;
        if bool::from(mac.as_slice().ct_eq(&self.octets[self.mac..])) {
            Ok(())
        } else {
            Err(Error::RowTampered)
        }
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

struct Encoded {
    octets: Vec<u8>,
    tenant: Range<usize>,
    wrap_format: Range<usize>,
    blob: Range<usize>,
}

/// The domain, then each field behind its length, so that no two rows that
/// differ can encode alike. Integers are eight octets, in network order.
fn encode(row: &Identity) -> Encoded {
    let mut octets = Vec::with_capacity(USUAL_LENGTH);
    octets.extend_from_slice(DOMAIN);
    let tenant = push(&mut octets, row.tenant.as_bytes());
    for text in [
        row.token_id,
        row.serial,
        row.subscriber,
        row.kind,
        row.purpose,
        row.factor,
        hash_word(row.hash),
    ] {
        push(&mut octets, text.as_bytes());
    }
    for number in [row.digits.count() as u64, u64::from(row.period)] {
        push(&mut octets, &number.to_be_bytes());
    }
    push(&mut octets, &row.t0.to_be_bytes());
    push(&mut octets, row.custody.as_bytes());
    for number in [row.seed_length, row.key_version] {
        push(&mut octets, &u64::from(number).to_be_bytes());
    }
    let wrap_format = push(&mut octets, row.wrap_format.as_bytes());
    let blob = push(&mut octets, row.blob);
    Encoded { octets, tenant, wrap_format, blob }
}

/// Returns where the field lies.
pub(crate) fn push(octets: &mut Vec<u8>, field: &[u8]) -> Range<usize> {
    let length = u32::try_from(field.len()).expect("a field of a row is no file");
    octets.extend_from_slice(&length.to_be_bytes());
    let start = octets.len();
    octets.extend_from_slice(field);
    start..octets.len()
}

fn text(octets: &[u8]) -> &str {
    str::from_utf8(octets).expect("it was encoded from text")
}

const fn hash_word(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "SHA1",
        Hash::Sha256 => "SHA256",
        Hash::Sha512 => "SHA512",
    }
}
