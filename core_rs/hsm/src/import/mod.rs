// SPDX-License-Identifier: Apache-2.0
//! The importing process's door: vendors' seeds in, sealed seeds out.
//!
//! A vendor's file is opened inside the HSM where the HSM can (`kw-aes`, under
//! the vendor's transport key). Where only the host can (AES-CBC, under the
//! vendor's transient key in a partition of its own), that must be asked for,
//! and happens in locked memory for as long as it takes.

use std::sync::Arc;

use kagimori_otp::Hash;
use parking_lot::{Mutex, RwLock};

use crate::{
    canary::{self, Canary},
    digest::DigestKeys,
    error::{Error, HsmError, Recovery, SeedTrouble},
    keys::{Keyring, Provider, TenantKeys},
    lane::{Lane, Seat},
    module::Module,
    partition::{Login, Partition},
    policy::Policy,
    row::{ROW_MAC, Row},
    sealed::Sealed,
    session::{Object, Session},
};

mod cbc;
mod keywrap;
mod mac;
mod reseal;

/// The version of vendors' keys that is used.
const VENDOR_KEY_VERSION: u32 = 1;

/// What an import vault needs to know.
pub struct ImportSettings {
    /// Path of the PKCS#11 module.
    pub module: String,
    /// The serving partition: wrapping, row and transport keys.
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
}

/// A seed as a vendor's file has it (RFC 6030 §6).
#[derive(Clone, Copy)]
pub struct EncryptedSeed<'f> {
    /// Whose keys open it.
    pub vendor: &'f str,
    /// The name after the `#` of the XML-Encryption URI: `kw-aes256`, `aes128-cbc`.
    pub algorithm: &'f str,
    /// What the file holds; it begins with the IV for CBC.
    pub ciphertext: &'f [u8],
    /// The MAC over the ciphertext.
    pub mac: Option<&'f [u8]>,
    /// How that was computed.
    pub mac_method: Option<MacMethod<'f>>,
    /// The hash that the token computes its codes with.
    pub hash: Hash,
}

/// A file's MAC (RFC 6030 §6.1.1).
#[derive(Clone, Copy)]
pub struct MacMethod<'f> {
    /// The name after the `#`: `hmac-sha1`.
    pub algorithm: &'f str,
    /// How the MAC key is encrypted.
    pub key_algorithm: &'f str,
    /// The encrypted MAC key.
    pub key_ciphertext: &'f [u8],
}

/// The HSM, opened for taking seeds over.
pub struct ImportVault {
    rooms: RwLock<Option<Rooms>>,
}

/// What is open. Sessions come before partitions, the last of which finalises the module.
struct Rooms {
    desk: Mutex<Lane<()>>,
    import: Option<ImportRoom>,
    keyring: Keyring,
    digests: DigestKeys,
    canaries: Vec<Canary>,
    policy: Policy,
    provider: Provider,
    allow_host_transient: bool,
    serving: Partition,
}

struct ImportRoom {
    desk: Mutex<Lane<()>>,
    partition: Partition,
}

impl ImportVault {
    /// Initialises the module and logs in, once to each partition.
    pub fn open(settings: ImportSettings) -> Result<Self, Error> {
        Ok(Self { rooms: RwLock::new(Some(Rooms::open(settings)?)) })
    }

    /// Checks the MAC, opens the seed and wraps it under the tenant's wrapping key.
    pub fn seal(&self, seed: &EncryptedSeed, tenant: &str) -> Result<Sealed, Error> {
        self.inside(|rooms| match seed.algorithm {
            "kw-aes128" | "kw-aes192" | "kw-aes256" => rooms.seal_key_wrapped(seed, tenant),
            "aes128-cbc" | "aes192-cbc" | "aes256-cbc" => rooms.seal_cbc(seed, tenant),
            other => Err(unsupported(&format!("encryption algorithm {other}"))),
        })
    }

    /// The MAC of `row`; the MAC it holds is not looked at.
    pub fn row_mac(&self, row: &Row) -> Result<[u8; ROW_MAC], Error> {
        self.inside(|rooms| {
            rooms.at_the_desk(|session| {
                let keys = rooms.keyring.current(&rooms.serving, session)?;
                Ok(row.mac(session, keys.of_row(row)?.row)?)
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

    fn inside<T>(&self, work: impl FnOnce(&Rooms) -> Result<T, Error>) -> Result<T, Error> {
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
            canaries: settings.canaries,
            policy,
            provider: settings.provider,
            allow_host_transient: settings.allow_host_transient,
            serving,
        })
    }

    fn at_the_desk<T>(
        &self,
        mut work: impl FnMut(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let work = |seat: &mut Seat<()>| work(&seat.session);
        self.desk.lock().run(&self.serving, || (), work)
    }

    /// The newest version of the tenant's keys that the ceremony made a canary for.
    fn newest_canary(&self, tenant: &str) -> Result<&Canary, Error> {
        Ok(canary::newest(&self.canaries, tenant)?)
    }

    fn keys_of(&self, canary: &Canary, session: &Session) -> Result<TenantKeys, Error> {
        let keys = self.keyring.current(&self.serving, session)?;
        Ok(keys.of(&canary.tenant, canary.key_version)?)
    }

    /// A vendor's key: `kind` as in the policy.
    fn vendor_key(&self, session: &Session, kind: &str, vendor: &str) -> Result<Object, Error> {
        let label = self.policy.label(kind, vendor, VENDOR_KEY_VERSION)?;
        session.find(&label)?.ok_or_else(|| {
            Error::seed(SeedTrouble::UnknownVendor, format!("there is no key labelled '{label}'"))
        })
    }
}

impl ImportRoom {
    fn open(module: &Arc<Module>, login: &Login) -> Result<Self, HsmError> {
        let partition = Partition::open(module, login)?;
        Ok(Self { desk: Mutex::new(Lane::open(&partition, ())?), partition })
    }
}

fn unsupported(what: &str) -> Error {
    Error::seed(SeedTrouble::UnsupportedAlgorithm, format!("{what} is not supported"))
}
