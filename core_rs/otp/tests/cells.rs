// SPDX-License-Identifier: Apache-2.0
//! A card's cells: the last four digits of RFC 4226's codes.

use std::{convert::Infallible, fs};

use kagimori_otp::{Cell, Hash, MAX_MAC, Mac, PLACES, SoftwareMac, cell, cells_match};
use serde::Deserialize;

#[derive(Deserialize)]
struct Rfc4226 {
    key_ascii: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    counter: u64,
    truncated: u32,
    code: String,
}

/// A MAC that counts how often it was asked.
struct Counting(SoftwareMac, u32);

impl Mac for Counting {
    type Error = Infallible;

    fn hash(&self) -> Hash {
        self.0.hash()
    }

    fn compute(&mut self, message: &[u8], out: &mut [u8; MAX_MAC]) -> Result<(), Infallible> {
        self.1 += 1;
        self.0.compute(message, out)
    }
}

#[test]
fn cells_are_the_last_four_digits_of_the_codes_of_rfc_4226() {
    let (mut mac, cells) = card();
    assert_eq!(cells.len(), PLACES);
    for (place, wanted) in cells.iter().enumerate() {
        let Ok(found) = cell(&mut mac, place as u64);
        assert_eq!(found.as_bytes(), wanted.as_bytes());
    }
    for vector in rfc4226().vectors {
        let found = Cell::from_number(vector.truncated);
        assert_eq!(found.as_bytes(), &vector.code.as_bytes()[2..]);
    }
}

#[test]
fn zeros_in_front_are_digits() {
    assert_eq!(Cell::from_number(1_234_560_007).as_bytes(), b"0007");
    assert_eq!(Cell::from_number(0).as_bytes(), b"0000");
}

#[test]
fn only_both_cells_at_their_places_match() {
    let (mut mac, cells) = card();
    for first in 0..8 {
        for second in first + 1..8 {
            let at = |place: u64| cells[usize::try_from(place).unwrap()].as_str();
            let mut ask = |one: &str, other: &str| {
                let asked = [Cell::parse(one).unwrap(), Cell::parse(other).unwrap()];
                let Ok(answer) = cells_match(&mut mac, [first, second], &asked);
                answer
            };
            assert!(ask(at(first), at(second)));
            assert!(!ask(at(second), at(first)));
            assert!(!ask(at(first), "0000"));
            assert!(!ask("0000", at(second)));
            assert!(!ask("0000", "0000"));
        }
    }
}

#[test]
fn both_macs_are_computed_whatever_the_first_comes_to() {
    let (mac, cells) = card();
    let mut counting = Counting(mac, 0);
    for (one, other) in [("0000", "0000"), (cells[2].as_str(), "0000"), ("0000", cells[5].as_str())]
    {
        counting.1 = 0;
        let asked = [Cell::parse(one).unwrap(), Cell::parse(other).unwrap()];
        assert!(matches!(cells_match(&mut counting, [2, 5], &asked), Ok(false)));
        assert_eq!(counting.1, 2);
    }
}

#[test]
fn what_is_not_four_ascii_digits_is_no_cell() {
    for text in ["", "123", "12345", "12 4", "12a4", "-123", "１２３４", "1٣4"] {
        assert!(Cell::parse(text).is_none(), "{text}");
    }
}

/// The MAC under the key of RFC 4226 Appendix D, and what a card of that seed shows.
fn card() -> (SoftwareMac, Vec<String>) {
    let file = rfc4226();
    let cells = file.vectors.iter().filter(|vector| vector.counter < 8);
    let cells = cells.map(|vector| vector.code[2..].to_owned()).collect();
    (SoftwareMac::new(Hash::Sha1, file.key_ascii.as_bytes()), cells)
}

fn rfc4226() -> Rfc4226 {
    let path = format!("{}/../../tests/vectors/rfc4226.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
