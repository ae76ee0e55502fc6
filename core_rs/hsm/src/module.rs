// SPDX-License-Identifier: Apache-2.0
//! The PKCS#11 module in this process.

use std::{process, sync::Arc};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    slot::Slot,
};
use cryptoki_sys::CKR_CRYPTOKI_ALREADY_INITIALIZED;

use crate::{
    error::{HsmError, Recovery},
    raw::Raw,
    session::Session,
};

/// A loaded and initialised module. Dropping it finalises the module, so every
/// session must have gone before.
pub(crate) struct Module {
    context: Pkcs11,
    raw: Arc<Raw>,
    process: u32,
}

impl Module {
    /// Loads `path` and initialises it with the system's locks: its sessions
    /// are used by many threads.
    pub(crate) fn initialise(path: &str) -> Result<Self, HsmError> {
        let raw = Arc::new(Raw::load(path)?);
        let context = Pkcs11::new(path)?;
        context
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|error| initialised_by_another(error.into()).during(path))?;
        Ok(Self { context, raw, process: process::id() })
    }

    /// The slot whose partition has this label. Slot numbers change from one
    /// start to the next and are never used.
    pub(crate) fn slot(&self, label: &str) -> Result<Slot, HsmError> {
        let unusable = |message| HsmError::unusable("C_GetTokenInfo", message);
        let mut found = Vec::new();
        for slot in self.context.get_slots_with_token()? {
            if self.context.get_token_info(slot)?.label() == label {
                found.push(slot);
            }
        }
        match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(unusable(format!("no partition is labelled '{label}'"))),
            several => {
                Err(unusable(format!("{} partitions are labelled '{label}'", several.len())))
            }
        }
    }

    /// Opens a read/write session; it inherits the login of the process.
    pub(crate) fn open_session(&self, slot: Slot) -> Result<Session, HsmError> {
        Ok(Session::new(self.context.open_rw_session(slot)?, Arc::clone(&self.raw)))
    }

    /// Who made the module, and its version.
    pub(crate) fn describe(&self) -> Result<(String, String), HsmError> {
        let info = self.context.get_library_info()?;
        let version = info.library_version();
        let version = format!("{}.{}", version.major(), version.minor());
        Ok((info.manufacturer_id().trim().to_owned(), version))
    }

    /// Refuses to go on in a child made by `fork`: the module's locks and
    /// threads stayed behind.
    pub(crate) fn check_process(&self) -> Result<(), HsmError> {
        if self.is_ours() {
            return Ok(());
        }
        let message = "the HSM was opened before this process was forked; open it after";
        Err(HsmError::without_call(message, Recovery::Fatal))
    }

    /// Whether this is the process that initialised the module.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process::id()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Nothing can be done about a module that does not want to end.
        let _ = self.context.clone().finalize();
    }
}

fn initialised_by_another(error: HsmError) -> HsmError {
    if error.is(CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        error.during("another user of this process initialised it, perhaps without locking")
    } else {
        error
    }
}
