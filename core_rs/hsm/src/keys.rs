// SPDX-License-Identifier: Apache-2.0
//! The tenants' keys, found by their labels.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cryptoki_sys::CK_MECHANISM_TYPE;
use kagimori_otp::Hash;
use parking_lot::{Mutex, RwLock};

use crate::{
    canary::Canary,
    error::{Error, HsmError, Recovery},
    partition::Partition,
    policy::Policy,
    raw::{Mechanism, Oaep},
    row::Row,
    session::{Object, Session},
};

/// What differs by maker.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Mechanism number of AES key wrap with padding (RFC 5649).
    pub kwp: u64,
    /// How this HSM's wrapped seeds are laid out.
    pub wrap_format: String,
    /// Hash of RSA-OAEP that the HSM offers.
    pub oaep_hash: Hash,
    /// Whether an HMAC key shorter than its hash is refused.
    pub hmac_min_is_hash_length: bool,
}

impl Provider {
    pub(crate) fn key_wrap(&self) -> Mechanism<'static> {
        Mechanism::plain(self.kwp as CK_MECHANISM_TYPE)
    }

    pub(crate) const fn oaep(&self) -> Oaep {
        Oaep::new(self.oaep_hash)
    }
}

/// The keys of a tenant in one version.
#[derive(Clone, Copy)]
pub(crate) struct TenantKeys {
    pub(crate) wrapping: Object,
    pub(crate) row: Object,
}

/// All keys, as found at one time.
pub(crate) struct Keys(HashMap<String, BTreeMap<u32, TenantKeys>>);

impl Keys {
    /// The tenant's keys of that version.
    pub(crate) fn of(&self, tenant: &str, version: u32) -> Result<TenantKeys, HsmError> {
        let found = self.0.get(tenant).and_then(|versions| versions.get(&version));
        found.copied().ok_or_else(|| {
            let message = format!("no keys of tenant {tenant} in version {version} are open");
            HsmError::without_call(message, Recovery::Fatal)
        })
    }

    /// The keys that a row was sealed under.
    pub(crate) fn of_row(&self, row: &Row) -> Result<TenantKeys, HsmError> {
        self.of(row.tenant(), row.key_version)
    }
}

/// Finds the keys, and finds them again when their handles may have died.
pub(crate) struct Keyring {
    wanted: Vec<Wanted>,
    found: RwLock<(u64, Arc<Keys>)>,
}

/// One tenant's keys in one version: those a canary was made for.
pub(crate) struct Wanted {
    pub(crate) tenant: String,
    pub(crate) version: u32,
    pub(crate) wrapping: String,
    pub(crate) row: String,
}

impl Keyring {
    /// Finds the keys of all canaries' tenants and versions.
    pub(crate) fn open(
        policy: &Policy,
        canaries: &[Canary],
        partition: &Partition,
        session: &Session,
    ) -> Result<Self, Error> {
        if canaries.is_empty() {
            return Err(Error::Policy("ceremony record: it holds no canary".to_owned()));
        }
        let wanted: Result<Vec<_>, _> =
            canaries.iter().map(|canary| Wanted::of(policy, canary)).collect();
        let wanted = wanted?;
        let epoch = partition.epoch();
        let keys = find_all(&wanted, partition, session)?;
        Ok(Self { wanted, found: RwLock::new((epoch, Arc::new(keys))) })
    }

    /// The keys with handles that are alive as far as is known.
    pub(crate) fn current(
        &self,
        partition: &Partition,
        session: &Session,
    ) -> Result<Arc<Keys>, HsmError> {
        let epoch = partition.epoch();
        {
            let found = self.found.read();
            if found.0 == epoch {
                return Ok(Arc::clone(&found.1));
            }
        }
        let keys = Arc::new(find_all(&self.wanted, partition, session)?);
        *self.found.write() = (epoch, Arc::clone(&keys));
        Ok(keys)
    }

    pub(crate) fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }
}

impl Wanted {
    fn of(policy: &Policy, canary: &Canary) -> Result<Self, Error> {
        let (tenant, version) = (&canary.tenant, canary.key_version);
        Ok(Self {
            tenant: tenant.clone(),
            version,
            wrapping: policy.label("wrapping", tenant, version)?,
            row: policy.label("row", tenant, version)?,
        })
    }
}

/// Keys that are each found when they are first asked for: not every ceremony
/// made them, and no canary tells their versions.
#[derive(Default)]
pub(crate) struct FoundKeys(Mutex<FoundLater>);

/// Keys by their labels, as found in one epoch of the partition.
#[derive(Default)]
struct FoundLater {
    epoch: u64,
    keys: HashMap<String, Object>,
}

impl FoundKeys {
    /// A secret key, with a handle that is alive as far as is known.
    pub(crate) fn secret(
        &self,
        label: &str,
        partition: &Partition,
        session: &Session,
    ) -> Result<Option<Object>, HsmError> {
        self.known_or(label, partition, || session.find(label))
    }

    /// The private half of a key pair, likewise.
    pub(crate) fn private(
        &self,
        label: &str,
        partition: &Partition,
        session: &Session,
    ) -> Result<Option<Object>, HsmError> {
        self.known_or(label, partition, || session.find_private(label))
    }

    fn known_or(
        &self,
        label: &str,
        partition: &Partition,
        find: impl FnOnce() -> Result<Option<Object>, HsmError>,
    ) -> Result<Option<Object>, HsmError> {
        let epoch = partition.epoch();
        let known = self.0.lock().of_epoch(epoch).get(label).copied();
        if known.is_some() {
            return Ok(known);
        }
        let key = find()?;
        if let Some(key) = key {
            self.0.lock().of_epoch(epoch).insert(label.to_owned(), key);
        }
        Ok(key)
    }
}

impl FoundLater {
    /// What was found in another epoch may have died.
    fn of_epoch(&mut self, epoch: u64) -> &mut HashMap<String, Object> {
        if self.epoch != epoch {
            *self = Self { epoch, keys: HashMap::new() };
        }
        &mut self.keys
    }
}

fn find_all(wanted: &[Wanted], partition: &Partition, session: &Session) -> Result<Keys, HsmError> {
    let mut keys = HashMap::<String, BTreeMap<u32, TenantKeys>>::new();
    for one in wanted {
        let found = TenantKeys {
            wrapping: partition.key(session, &one.wrapping)?,
            row: partition.key(session, &one.row)?,
        };
        keys.entry(one.tenant.clone()).or_default().insert(one.version, found);
    }
    Ok(Keys(keys))
}
