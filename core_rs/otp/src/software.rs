// SPDX-License-Identifier: Apache-2.0
//! A MAC over a key in host memory, for keys that are no secret.

use core::convert::Infallible;

use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::{Hash, MAX_MAC, Mac};

/// HMAC in software: for test vectors and benches, never for a customer's seed.
#[derive(Clone)]
pub struct SoftwareMac {
    keyed: Keyed,
}

#[derive(Clone)]
enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl SoftwareMac {
    /// Any length of key will do (RFC 2104 §2).
    #[must_use]
    pub fn new(hash: Hash, key: &[u8]) -> Self {
        let keyed = match hash {
            Hash::Sha1 => Keyed::Sha1(keyed(key)),
            Hash::Sha256 => Keyed::Sha256(keyed(key)),
            Hash::Sha512 => Keyed::Sha512(keyed(key)),
        };
        Self { keyed }
    }
}

impl Mac for SoftwareMac {
    type Error = Infallible;

    fn hash(&self) -> Hash {
        match self.keyed {
            Keyed::Sha1(_) => Hash::Sha1,
            Keyed::Sha256(_) => Hash::Sha256,
            Keyed::Sha512(_) => Hash::Sha512,
        }
    }

    fn compute(&mut self, message: &[u8], out: &mut [u8; MAX_MAC]) -> Result<(), Infallible> {
        match &self.keyed {
            Keyed::Sha1(mac) => fill(mac, message, out),
            Keyed::Sha256(mac) => fill(mac, message, out),
            Keyed::Sha512(mac) => fill(mac, message, out),
        }
        Ok(())
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn fill<M: hmac::Mac + Clone>(mac: &M, message: &[u8], out: &mut [u8; MAX_MAC]) {
    let tag = mac.clone().chain_update(message).finalize().into_bytes();
    out[..tag.len()].copy_from_slice(&tag);
}
