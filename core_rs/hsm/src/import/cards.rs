// SPDX-License-Identifier: Apache-2.0
//! Grid cards: the HSM draws a seed and computes what the card shows.
//!
//! The cells have to leave, or nobody could print them; the seed does not. Where the
//! HSM would give a seed out that was made as the key policy says, none is drawn.

use std::array;

use cryptoki_sys::CKM_GENERIC_SECRET_KEY_GEN;
use kagimori_otp::{Cell, Hash, PLACES, cell};

use super::{ImportVault, vault::Rooms};
use crate::{
    canary,
    error::{Error, HsmError},
    keys::TenantKeys,
    pulse::Pulse,
    raw::Mechanism,
    sealed::{Custody, Sealed},
    session::{Object, Session},
    vault::SeedMac,
};

/// Octets of a card's seed: more than HMAC-SHA-1 has (RFC 4226 §4, R6 wants 16 to 20),
/// and what every HSM takes for a key of it.
const SEED: usize = 32;

/// Whoever holds the desk is one caller; he wants an end.
const MOST_CARDS: usize = 10_000;

/// A card: its seed under the tenant's wrapping key, and what it shows.
pub struct DrawnCard {
    /// The seed.
    pub sealed: Sealed,
    /// What stands at the places 0 to 7. It is wiped when this is dropped.
    pub cells: [Cell; PLACES],
}

impl ImportVault {
    /// Draws `count` seeds in the HSM, ten thousand at most, and has it compute what
    /// their cards show. All or none.
    pub fn draw_cards(&self, tenant: &str, count: usize) -> Result<Vec<DrawnCard>, Error> {
        if count > MOST_CARDS {
            return Err(Error::Policy(format!("more than {MOST_CARDS} cards at a time")));
        }
        self.inside(|rooms| {
            let canary = canary::newest(&rooms.canaries, tenant)?;
            rooms.at_the_desk(|session| {
                let keys = rooms.keyring.current(&rooms.serving, session)?;
                let keys = keys.of(&canary.tenant, canary.key_version)?;
                let press = Press { rooms, session, keys, key_version: canary.key_version };
                press.try_out()?;
                (0..count).map(|_| press.draw()).collect()
            })
        })
    }
}

struct Press<'p> {
    rooms: &'p Rooms,
    session: &'p Session,
    keys: TenantKeys,
    key_version: u32,
}

impl Press<'_> {
    fn draw(&self) -> Result<DrawnCard, Error> {
        let session = self.session;
        session.consume(self.seed()?, |seed| {
            let cells = self.cells(seed)?;
            let blob = session.wrap(self.rooms.provider.key_wrap(), self.keys.wrapping, seed)?;
            Ok(DrawnCard { sealed: self.sealed(blob), cells })
        })
    }

    /// The template of a seed that is opened to be wrapped again: it leaves under a
    /// trusted key and no other way.
    fn seed(&self) -> Result<Object, HsmError> {
        let mechanism = Mechanism::plain(CKM_GENERIC_SECRET_KEY_GEN);
        self.session.generate(mechanism, &self.rooms.policy.reseal, SEED)
    }

    fn cells(&self, seed: Object) -> Result<[Cell; PLACES], HsmError> {
        let pulse = Pulse::default();
        let mut mac = SeedMac { session: self.session, seed, hash: Hash::Sha1, pulse: &pulse };
        let mut cells = array::from_fn(|_| Cell::from_number(0));
        for (place, drawn) in (0..).zip(&mut cells) {
            *drawn = cell(&mut mac, place)?;
        }
        Ok(cells)
    }

    fn sealed(&self, blob: Vec<u8>) -> Sealed {
        Sealed {
            blob,
            wrap_format: self.rooms.provider.wrap_format.clone(),
            key_version: self.key_version,
            length: SEED,
            custody: Custody::CellsPrinted,
        }
    }

    /// Unwrapping keys insist on what a seed may be; whoever generates one is believed.
    /// So a seed of nobody's is drawn first, and looked at.
    fn try_out(&self) -> Result<(), Error> {
        let session = self.session;
        session.consume(self.seed()?, |seed| {
            for attribute in self.rooms.policy.reseal.iter() {
                let Some(wanted) = attribute.flag() else { continue };
                if session.flag(seed, attribute.kind)? != wanted {
                    return Err(lax(&format!("a seed drawn with {} has not", attribute.display())));
                }
            }
            if session.gives_out(seed)? {
                return Err(lax("a seed that was drawn can be read"));
            }
            Ok(())
        })
    }
}

fn lax(what: &str) -> Error {
    Error::Policy(format!("the HSM does not enforce the key policy: {what}"))
}
