// SPDX-License-Identifier: Apache-2.0
//! A grid card's cells: what a card shows at its places.

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::{MAX_MAC, Mac, code::fill_with_digits, truncate};

/// How many places a card has: the counters 0 to 7.
pub const PLACES: usize = 8;

/// How many digits a cell has.
pub const CELL_DIGITS: usize = 4;

/// What stands at one place of a card. It shows itself to nobody: there is no `Debug`
/// and no `Display`. Who keeps it wipes it: a card is in use for years.
pub struct Cell([u8; CELL_DIGITS]);

impl Cell {
    /// Reads a cell of exactly four ASCII digits; else returns `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = <[u8; CELL_DIGITS]>::try_from(text.as_bytes()).ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The last four decimal digits of `number` (RFC 4226 §5.3, step 3).
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        let mut digits = [0; CELL_DIGITS];
        fill_with_digits(&mut digits, number);
        Self(digits)
    }

    /// The digits, first to last.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; CELL_DIGITS] {
        &self.0
    }
}

impl ConstantTimeEq for Cell {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Zeroize for Cell {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.zeroize();
    }
}

/// What stands at `place`: the last four digits of HOTP(K, `place`) of RFC 4226 §5.3.
pub fn cell<M: Mac>(mac: &mut M, place: u64) -> Result<Cell, M::Error> {
    let mut octets = Zeroizing::new([0; MAX_MAC]);
    mac.compute(&place.to_be_bytes(), &mut octets)?;
    Ok(Cell::from_number(truncate(&octets, mac.hash())))
}

/// Whether `cells` stand at `places`. Both are computed and compared, whatever the
/// first comes to, and only what both come to together is told.
pub fn cells_match<M: Mac>(
    mac: &mut M,
    places: [u64; 2],
    cells: &[Cell; 2],
) -> Result<bool, M::Error> {
    let [first, second] = [cell(mac, places[0])?, cell(mac, places[1])?];
    Ok(bool::from(first.ct_eq(&cells[0]) & second.ct_eq(&cells[1])))
}
