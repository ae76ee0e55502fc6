// SPDX-License-Identifier: Apache-2.0
//! A delivery is opened: its keys once, then seed after seed.

use std::cell::Cell;

use super::{
    DeliveryKeys, EncryptedSeed, Refusal,
    algorithm::Algorithm,
    delivery::Encryption,
    host::Room as Memory,
    inside::KeyWrap,
    mac::{self, FileMac},
    openings::Openings,
};
use crate::{
    canary::Canary,
    error::{Error, HsmError, SeedTrouble},
    keys::{FoundKeys, Provider, TenantKeys},
    partition::Partition,
    policy::Policy,
    sealed::{Custody, Sealed},
    session::{Object, Session},
};

/// What came of one seed.
pub type Verdict = Result<Sealed, Refusal>;

/// Where seeds may have been before they are sealed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Allowed {
    /// In locked memory of this process.
    pub(crate) host_transient: bool,
    /// In clear in the vendor's file.
    pub(crate) clear_text: bool,
}

/// A session in a partition, and what was found there.
#[derive(Clone, Copy)]
pub(crate) struct Room<'o> {
    pub(crate) session: &'o Session,
    pub(crate) partition: &'o Partition,
    pub(crate) found: &'o FoundKeys,
}

/// What it takes to open a delivery for a tenant and to seal its seeds again.
pub(crate) struct Opener<'o> {
    pub(crate) policy: &'o Policy,
    pub(crate) provider: &'o Provider,
    /// The tenant's newest, beside whose seed others are sealed.
    pub(crate) canary: &'o Canary,
    pub(crate) tenant_keys: TenantKeys,
    /// The serving partition.
    pub(crate) inside: Room<'o>,
    /// The import partition, where the host may open seeds.
    pub(crate) host: Option<Room<'o>>,
    pub(crate) allowed: Allowed,
    /// Called for each key that is brought into the HSM.
    pub(crate) opened: &'o dyn Fn(),
    /// The way of key wrap that opened the last seed.
    pub(crate) usual: Cell<KeyWrap>,
}

impl Opener<'_> {
    /// Checks each MAC, then opens and seals; verdicts are in order.
    ///
    /// Where the delivery itself is refused (its label is not allowed, its MAC key
    /// does not open, no key of the vendor is there) that is the error.
    pub(crate) fn seal_all(
        &self,
        keys: &DeliveryKeys,
        seeds: &[EncryptedSeed],
    ) -> Result<Vec<Verdict>, Error> {
        self.check_allowed(keys)?;
        self.with_openings(keys, seeds, |openings| {
            self.with_mac(keys.mac.as_ref(), openings, |mac| {
                let mut memory = Memory::default();
                let seal = |seed| verdict(self.seal(keys, openings, mac, seed, &mut memory));
                let verdicts = seeds.iter().map(seal).collect::<Result<_, _>>()?;
                insist_on_a_vendor(verdicts)
            })
        })
    }

    fn seal(
        &self,
        keys: &DeliveryKeys,
        openings: &Openings,
        mac: Option<&FileMac>,
        seed: &EncryptedSeed,
        memory: &mut Memory,
    ) -> Result<Sealed, Error> {
        let algorithm = Algorithm::parse(&seed.algorithm)?;
        keys.check_fits(algorithm)?;
        if algorithm == Algorithm::Clear {
            mac::check(self.inside.session, mac, seed, algorithm)?;
            return self.seal_clear(seed, memory);
        }
        let key = self.key(openings, algorithm)?;
        mac::check(self.inside.session, mac, seed, algorithm)?;
        match algorithm {
            Algorithm::Cbc(cipher) => self.seal_cbc(cipher, key, seed, memory),
            _ => self.seal_inside(algorithm, key, seed, keys.custody_inside()),
        }
    }

    fn check_allowed(&self, keys: &DeliveryKeys) -> Result<(), Error> {
        match keys.encryption {
            Encryption::Derived(_) if !self.allowed.host_transient => Err(not_on_host()),
            Encryption::Clear if !self.allowed.clear_text => Err(Error::seed(
                SeedTrouble::ClearTextNotAllowed,
                "seeds in clear are known to whoever had the file",
            )),
            _ => Ok(()),
        }
    }

    /// The import partition, if the host may open what only the host can.
    pub(super) fn host(&self) -> Result<Room<'_>, Error> {
        self.host.filter(|_| self.allowed.host_transient).ok_or_else(not_on_host)
    }
}

impl DeliveryKeys {
    /// Of a seed that is opened inside the HSM: with a password its key is not.
    const fn custody_inside(&self) -> Custody {
        match self.encryption {
            Encryption::Derived(_) => Custody::HostTransient,
            _ => Custody::UnwrappedInHsm,
        }
    }
}

impl Room<'_> {
    pub(super) fn secret(&self, label: &str) -> Result<Option<Object>, HsmError> {
        self.found.secret(label, self.partition, self.session)
    }

    pub(super) fn private(&self, label: &str) -> Result<Option<Object>, HsmError> {
        self.found.private(label, self.partition, self.session)
    }
}

/// A seed's trouble is its own; the HSM's is everybody's.
fn verdict(outcome: Result<Sealed, Error>) -> Result<Verdict, Error> {
    match outcome {
        Err(Error::Seed(trouble, detail)) => Ok(Err(Refusal(trouble, detail))),
        outcome => outcome.map(Ok),
    }
}

/// A vendor none of whose keys is there is the delivery's trouble.
fn insist_on_a_vendor(verdicts: Vec<Verdict>) -> Result<Vec<Verdict>, Error> {
    let unknown = |verdict: &Verdict| matches!(verdict, Err(Refusal(trouble, _)) if *trouble == SeedTrouble::UnknownVendor);
    if !verdicts.iter().all(unknown) {
        return Ok(verdicts);
    }
    match verdicts.into_iter().next() {
        Some(Err(Refusal(trouble, detail))) => Err(Error::Seed(trouble, detail)),
        _ => Ok(Vec::new()),
    }
}

fn not_on_host() -> Error {
    Error::seed(
        SeedTrouble::HostTransientNotAllowed,
        "it, or its key, would be open in this host's memory",
    )
}
