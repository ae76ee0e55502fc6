// SPDX-License-Identifier: Apache-2.0
//! Codes as people type them: six to ten ASCII digits.

use subtle::{Choice, ConstantTimeEq};

const LONGEST: usize = 10;

/// How many digits a code has: 6 to 10 (RFC 4226 §5.3), which is all that 31 bits fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits(u8);

impl Digits {
    /// Returns `None` unless `count` is 6 to 10.
    #[must_use]
    pub const fn new(count: u8) -> Option<Self> {
        if count >= 6 && count <= 10 { Some(Self(count)) } else { None }
    }

    /// The number of digits.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

/// A code. It shows itself to nobody: there is no `Debug` and no `Display`.
#[derive(Clone, Copy)]
pub struct Code {
    text: [u8; LONGEST],
    digits: Digits,
}

impl Code {
    /// Reads a code of exactly six to ten ASCII digits; else returns `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = Digits::new(u8::try_from(text.len()).ok()?)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut code = Self { text: [0; LONGEST], digits };
        code.text[..text.len()].copy_from_slice(text.as_bytes());
        Some(code)
    }

    /// The last `digits` decimal digits of `number` (RFC 4226 §5.3, step 3).
    #[must_use]
    pub fn from_number(number: u32, digits: Digits) -> Self {
        let mut text = [0; LONGEST];
        fill_with_digits(&mut text[..digits.count()], number);
        Self { text, digits }
    }

    /// The digits, first to last.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.digits.count()]
    }
}

impl ConstantTimeEq for Code {
    /// Codes of different lengths differ: unused places hold no digit.
    fn ct_eq(&self, other: &Self) -> Choice {
        self.text.ct_eq(&other.text)
    }
}

/// Fills `places` with the last decimal digits of `number`, in ASCII.
pub(crate) fn fill_with_digits(places: &mut [u8], number: u32) {
    let mut rest = number;
    for place in places.iter_mut().rev() {
        // `rest % 10` is below ten, so the digit is exact.
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}
