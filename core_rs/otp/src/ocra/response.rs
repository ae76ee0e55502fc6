// SPDX-License-Identifier: Apache-2.0
//! What the other party answers: digits, or a whole HMAC.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};

use super::suite::Truncation;
use crate::{Hash, MAX_MAC, code::fill_with_digits, truncate};

/// A response. It shows itself to nobody: there is no `Debug` and no `Display`.
pub struct Response {
    /// ASCII digits, or the octets of a MAC; zeros behind them.
    octets: [u8; MAX_MAC],
    /// 4 to 10 for digits, 20 and more for a MAC.
    length: usize,
}

impl Response {
    /// Reads four to ten ASCII digits, or for [`Truncation::Full`] a MAC's hexadecimal
    /// digits in either case; `None` for anything else.
    ///
    /// Digits of another number than the suite's are read: they match nothing.
    #[must_use]
    pub fn parse(text: &str, hash: Hash, truncation: Truncation) -> Option<Self> {
        match truncation {
            Truncation::Full => Self::parse_mac(text, hash.length()),
            Truncation::Digits(_) => Self::parse_digits(text),
        }
    }

    fn parse_digits(text: &str) -> Option<Self> {
        let is_response = (4..=10).contains(&text.len());
        if !is_response || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self::new(text.as_bytes()))
    }

    fn parse_mac(text: &str, length: usize) -> Option<Self> {
        let mut octets = [0; MAX_MAC];
        let digits = text.as_bytes();
        if digits.len() != 2 * length {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = value_of(pair[0])? << 4 | value_of(pair[1])?;
        }
        Some(Self::new(&octets[..length]))
    }

    /// What is made of a MAC (RFC 6287 §5.2).
    pub(super) fn of(mac: &[u8; MAX_MAC], hash: Hash, truncation: Truncation) -> Self {
        match truncation {
            Truncation::Full => Self::new(&mac[..hash.length()]),
            Truncation::Digits(count) => {
                let mut digits = [0; MAX_MAC];
                let digits = &mut digits[..count.into()];
                fill_with_digits(digits, truncate(mac, hash));
                Self::new(digits)
            }
        }
    }

    /// Writes the digits, or the MAC in hexadecimal, in lower case.
    pub fn write_to(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let octets = &self.octets[..self.length];
        if octets.len() <= 10 {
            return octets.iter().try_for_each(|digit| out.write_char(char::from(*digit)));
        }
        octets.iter().try_for_each(|octet| write!(out, "{octet:02x}"))
    }

    fn new(octets: &[u8]) -> Self {
        let mut response = Self { octets: [0; MAX_MAC], length: octets.len() };
        response.octets[..octets.len()].copy_from_slice(octets);
        response
    }
}

impl ConstantTimeEq for Response {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.octets.ct_eq(&other.octets) & self.length.ct_eq(&other.length)
    }
}

fn value_of(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}
