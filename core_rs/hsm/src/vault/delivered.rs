// SPDX-License-Identifier: Apache-2.0
//! A vendor's delivery comes to the serving process: what opens inside the HSM is
//! taken over, and nothing else.

use std::{cell::Cell, sync::Arc};

use super::{house::House, search::Station};
use crate::{
    canary,
    error::Error,
    import::{Allowed, DeliveryKeys, EncryptedSeed, Opener, Room, Verdict},
    pulse::Pulse,
    session::Session,
};

/// Seeds of a delivery, and the tenant they are for.
pub struct Delivered {
    /// How they are encrypted.
    pub keys: Arc<DeliveryKeys>,
    /// The tenant's service ID.
    pub tenant: String,
    /// The seeds.
    pub seeds: Vec<EncryptedSeed>,
}

impl Station {
    pub(super) fn seal_delivered(
        &mut self,
        asked: &Delivered,
        pulse: &Pulse,
    ) -> Result<Vec<Verdict>, Error> {
        self.run(|house, seat| house.seal_delivered(&seat.session, asked, pulse))
    }
}

impl House {
    fn seal_delivered(
        &self,
        session: &Session,
        asked: &Delivered,
        pulse: &Pulse,
    ) -> Result<Vec<Verdict>, Error> {
        let canary = canary::newest(&self.canaries, &asked.tenant)?;
        let keys = self.keyring.current(&self.partition, session)?;
        let opener = Opener {
            policy: &self.policy,
            provider: &self.provider,
            canary,
            tenant_keys: keys.of(&canary.tenant, canary.key_version)?,
            inside: Room { session, partition: &self.partition, found: &self.found },
            host: None,
            allowed: Allowed::default(),
            opened: &|| {
                self.counts.count_opened();
                pulse.beat();
            },
            usual: Cell::default(),
        };
        opener.seal_all(&asked.keys, &asked.seeds)
    }
}
