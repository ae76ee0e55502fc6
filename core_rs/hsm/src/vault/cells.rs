// SPDX-License-Identifier: Apache-2.0
//! A grid card is asked at two places.

use kagimori_otp::{Cell, cells_match};

use super::search::{SeedMac, Station};
use crate::{error::Error, pulse::Pulse, row::Row};

/// Two places of a card, and what a customer read there.
pub struct CellsAsked {
    /// The places, 0 to 7.
    pub places: [u64; 2],
    /// What was read. It is wiped when this is dropped.
    pub cells: [Cell; 2],
}

impl Station {
    /// As a search: the row is checked, its seed opened, or found open.
    pub(super) fn cells_match(
        &mut self,
        row: &Row,
        asked: &CellsAsked,
        pulse: &Pulse,
    ) -> Result<bool, Error> {
        let outcome = self.run(|house, seat| {
            let seed = house.open_seed(seat, row)?;
            pulse.beat();
            let mut mac = SeedMac { session: &seat.session, seed, hash: row.hash, pulse };
            Ok(cells_match(&mut mac, asked.places, &asked.cells)?)
        });
        outcome.map_err(|error| self.judge(error, row))
    }
}
