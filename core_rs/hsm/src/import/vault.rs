// SPDX-License-Identifier: Apache-2.0
//! The importing process's door to the HSM.

use std::{cell::Cell, sync::Arc};

use parking_lot::{Mutex, RwLock};

use super::{Allowed, DeliveryKeys, EncryptedSeed, Opener, Room, Verdict};
use crate::{
    canary::{self, Canary},
    digest::DigestKeys,
    error::{Error, HsmError, Recovery},
    keys::{FoundKeys, Keyring, Provider},
    lane::{Lane, Seat},
    module::Module,
    partition::{Login, Partition},
    policy::Policy,
    row::{ROW_MAC, Row},
    session::Session,
};

/// What an import vault needs to know.
pub struct ImportSettings {
    /// Path of the PKCS#11 module.
    pub module: String,
    /// The serving partition: wrapping, row and vendors' keys.
    pub serving: Login,
    /// The import partition with the transient keys, if there is one.
    pub importing: Option<Login>,
    /// Text of the key policy.
    pub policy: String,
    /// What differs by maker.
    pub provider: Provider,
    /// The ceremony's canaries: one for each tenant and key version in use.
    pub canaries: Vec<Canary>,
    /// Whether a seed may be opened in locked memory of this process.
    pub allow_host_transient: bool,
    /// Whether a seed may come in clear.
    pub allow_clear_text: bool,
}

/// The HSM, opened for taking seeds over.
pub struct ImportVault {
    rooms: RwLock<Option<Rooms>>,
}

/// What is open. Sessions come before partitions, the last of which finalises the module.
pub(super) struct Rooms {
    desk: Mutex<Lane<()>>,
    import: Option<ImportRoom>,
    pub(super) keyring: Keyring,
    found: FoundKeys,
    digests: DigestKeys,
    pub(super) canaries: Vec<Canary>,
    pub(super) policy: Policy,
    pub(super) provider: Provider,
    allowed: Allowed,
    pub(super) serving: Partition,
}

struct ImportRoom {
    desk: Mutex<Lane<()>>,
    found: FoundKeys,
    partition: Partition,
}

impl ImportVault {
    /// Initialises the module and logs in, once to each partition.
    pub fn open(settings: ImportSettings) -> Result<Self, Error> {
        Ok(Self { rooms: RwLock::new(Some(Rooms::open(settings)?)) })
    }

    /// Checks each MAC, opens the seed and wraps it under the tenant's newest
    /// wrapping key; verdicts are in order. A delivery that is refused as a whole
    /// is an error, and so is an HSM that fails: then nothing was taken over.
    pub fn seal(
        &self,
        keys: &DeliveryKeys,
        tenant: &str,
        seeds: &[EncryptedSeed],
    ) -> Result<Vec<Verdict>, Error> {
        self.inside(|rooms| rooms.with_opener(tenant, |opener| opener.seal_all(keys, seeds)))
    }

    /// The MACs of `rows`, in order; those that they hold are not looked at.
    pub fn row_macs(&self, rows: &[Arc<Row>]) -> Result<Vec<[u8; ROW_MAC]>, Error> {
        self.inside(|rooms| {
            rooms.at_the_desk(|session| {
                let keys = rooms.keyring.current(&rooms.serving, session)?;
                rows.iter().map(|row| Ok(row.mac(session, keys.of_row(row)?.row)?)).collect()
            })
        })
    }

    /// HMAC-SHA-256 under the tenant's digest key, as [`crate::Vault::fingerprint`].
    pub fn fingerprint(&self, tenant: &str, message: &[u8]) -> Result<[u8; ROW_MAC], Error> {
        self.inside(|rooms| Ok(rooms.digests.digest(tenant, message)?))
    }

    /// Closes every session and finalises the module.
    pub fn close(&self) {
        drop(self.rooms.write().take_if(|rooms| rooms.serving.module().is_ours()));
    }

    pub(super) fn inside<T>(
        &self,
        work: impl FnOnce(&Rooms) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let rooms = self.rooms.read();
        let rooms = rooms
            .as_ref()
            .ok_or_else(|| HsmError::without_call("the vault is closed", Recovery::Fatal))?;
        rooms.serving.module().check_process()?;
        work(rooms)
    }
}

impl Drop for ImportVault {
    fn drop(&mut self) {
        self.close();
        // What is left belongs to the parent process: closing it here could hang.
        std::mem::forget(self.rooms.get_mut().take());
    }
}

impl Rooms {
    fn open(settings: ImportSettings) -> Result<Self, Error> {
        let policy = Policy::parse(&settings.policy)?;
        let module = Arc::new(Module::initialise(&settings.module)?);
        let serving = Partition::open(&module, &settings.serving)?;
        let import =
            settings.importing.map(|login| ImportRoom::open(&module, &login)).transpose()?;
        let session = serving.session()?;
        let keyring = Keyring::open(&policy, &settings.canaries, &serving, &session)?;
        let keys = keyring.current(&serving, &session)?;
        Ok(Self {
            desk: Mutex::new(Lane::open(&serving, ())?),
            import,
            digests: DigestKeys::derive(&settings.canaries, &keys, &session)?,
            keyring,
            found: FoundKeys::default(),
            canaries: settings.canaries,
            policy,
            provider: settings.provider,
            allowed: Allowed {
                host_transient: settings.allow_host_transient,
                clear_text: settings.allow_clear_text,
            },
            serving,
        })
    }

    /// Works with a session in the serving partition, and with one in the import
    /// partition where the host may open seeds.
    pub(super) fn with_opener<T>(
        &self,
        tenant: &str,
        mut work: impl FnMut(&Opener) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let canary = canary::newest(&self.canaries, tenant)?;
        self.at_the_desk(|session| {
            let keys = self.keyring.current(&self.serving, session)?;
            let tenant_keys = keys.of(&canary.tenant, canary.key_version)?;
            self.beside_the_import_room(|host| {
                work(&Opener {
                    policy: &self.policy,
                    provider: &self.provider,
                    canary,
                    tenant_keys,
                    inside: Room { session, partition: &self.serving, found: &self.found },
                    host,
                    allowed: self.allowed,
                    opened: &|| (),
                    usual: Cell::default(),
                })
            })
        })
    }

    pub(super) fn at_the_desk<T>(
        &self,
        mut work: impl FnMut(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let work = |seat: &mut Seat<()>| work(&seat.session);
        self.desk.lock().run(&self.serving, || (), work)
    }

    fn beside_the_import_room<T>(
        &self,
        mut work: impl FnMut(Option<Room>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match &self.import {
            Some(import) if self.allowed.host_transient => {
                let work = |seat: &mut Seat<()>| work(Some(import.beside(&seat.session)));
                import.desk.lock().run(&import.partition, || (), work)
            }
            _ => work(None),
        }
    }
}

impl ImportRoom {
    fn open(module: &Arc<Module>, login: &Login) -> Result<Self, HsmError> {
        let partition = Partition::open(module, login)?;
        let desk = Mutex::new(Lane::open(&partition, ())?);
        Ok(Self { desk, found: FoundKeys::default(), partition })
    }

    fn beside<'o>(&'o self, session: &'o Session) -> Room<'o> {
        Room { session, partition: &self.partition, found: &self.found }
    }
}
