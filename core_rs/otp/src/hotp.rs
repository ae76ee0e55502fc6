// SPDX-License-Identifier: Apache-2.0
//! The formulas.

use crate::{Code, Digits, Hash, MAX_MAC};

/// HMAC under a key that this crate never sees.
pub trait Mac {
    /// Why a MAC could not be computed.
    type Error;

    /// The hash of the HMAC.
    fn hash(&self) -> Hash;

    /// Fills the first [`Hash::length`] octets of `out` with HMAC(key, `message`).
    fn compute(&mut self, message: &[u8], out: &mut [u8; MAX_MAC]) -> Result<(), Self::Error>;
}

/// Returns the code of `counter`: HOTP(K, C) of RFC 4226 §5.3.
pub fn hotp<M: Mac>(mac: &mut M, counter: u64, digits: Digits) -> Result<Code, M::Error> {
    let mut octets = [0; MAX_MAC];
    mac.compute(&counter.to_be_bytes(), &mut octets)?;
    Ok(Code::from_number(truncate(&octets, mac.hash()), digits))
}

/// Dynamic truncation (RFC 4226 §5.3, step 2): a MAC becomes 31 bits.
#[must_use]
pub fn truncate(mac: &[u8; MAX_MAC], hash: Hash) -> u32 {
    // The offset is at most 15 and the shortest MAC has 20 octets.
    let offset = usize::from(mac[hash.length() - 1] & 0x0f);
    let window = [mac[offset], mac[offset + 1], mac[offset + 2], mac[offset + 3]];
    u32::from_be_bytes(window) & 0x7fff_ffff
}

/// Returns T = ⌊(`time` − `t0`) / `period`⌋ of RFC 6238 §4.2, all in seconds
/// since 1970; `None` before `t0` or where `period` is 0.
#[must_use]
pub fn step_at(time: u64, t0: u64, period: u64) -> Option<u64> {
    time.checked_sub(t0)?.checked_div(period)
}
