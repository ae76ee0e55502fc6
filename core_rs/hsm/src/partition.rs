// SPDX-License-Identifier: Apache-2.0
//! One partition of the HSM: its slot and its login.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cryptoki::{session::UserType, slot::Slot, types::AuthPin};
use cryptoki_sys::CKR_USER_ALREADY_LOGGED_IN;
use parking_lot::Mutex;

use crate::{
    error::{HsmError, Recovery},
    module::Module,
    session::{Object, Session},
};

/// Which partition, and its user's PIN. The PIN is wiped when this is dropped.
#[derive(Clone)]
pub struct Login {
    /// The partition's label.
    pub label: String,
    /// The user's PIN.
    pub pin: AuthPin,
}

/// A partition that the user is logged in to.
pub(crate) struct Partition {
    anchor: Mutex<Anchor>,
    epoch: AtomicU64,
    slot: Slot,
    label: String,
    module: Arc<Module>,
}

/// The session that holds the login: PKCS#11 logs the user out when the last
/// session closes, and workers throw theirs away on any error.
struct Anchor {
    session: Session,
    pin: AuthPin,
    refused: bool,
}

impl Partition {
    /// Finds the partition and logs in, once.
    pub(crate) fn open(module: &Arc<Module>, login: &Login) -> Result<Self, HsmError> {
        let slot = module.slot(&login.label)?;
        let session = module.open_session(slot)?;
        let mut anchor = Anchor { session, pin: login.pin.clone(), refused: false };
        anchor.log_in(&login.label)?;
        Ok(Self {
            anchor: Mutex::new(anchor),
            epoch: AtomicU64::new(0),
            slot,
            label: login.label.clone(),
            module: Arc::clone(module),
        })
    }

    /// Opens a session in which the user is logged in.
    pub(crate) fn session(&self) -> Result<Session, HsmError> {
        let session = self.module.open_session(self.slot)?;
        if !session.is_logged_in()? {
            self.log_in_again()?;
        }
        Ok(session)
    }

    /// Rises whenever handles found before may have died.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Has every key found and every seed opened again.
    pub(crate) fn distrust_handles(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The key with this label, or an error that names it.
    pub(crate) fn key(&self, session: &Session, label: &str) -> Result<Object, HsmError> {
        session.find(label)?.ok_or_else(|| self.lacks(label))
    }

    /// An error that names the key.
    pub(crate) fn lacks(&self, label: &str) -> HsmError {
        let message = format!("partition '{}' has no key labelled '{label}'", self.label);
        HsmError::unusable("C_FindObjects", message)
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// The first to notice a lost login logs in for all; the others find it done.
    fn log_in_again(&self) -> Result<(), HsmError> {
        let mut anchor = self.anchor.lock();
        if matches!(anchor.session.is_logged_in(), Ok(true)) {
            return Ok(());
        }
        anchor.session = self.module.open_session(self.slot)?;
        anchor.log_in(&self.label)?;
        self.distrust_handles();
        Ok(())
    }
}

impl Anchor {
    /// One attempt. After a refusal there is never another: retries lock real HSMs.
    fn log_in(&mut self, label: &str) -> Result<(), HsmError> {
        let context = format!("partition '{label}'");
        if self.refused {
            let message = format!("{context}: login was refused before and is not tried again");
            return Err(HsmError::without_call(message, Recovery::Fatal));
        }
        let attempt = self.session.inner().login(UserType::User, Some(&self.pin));
        match attempt.map_err(HsmError::from) {
            Err(error) if error.is(CKR_USER_ALREADY_LOGGED_IN) => Ok(()),
            Err(error) => {
                self.refused = error.recovery() == Recovery::Fatal;
                Err(error.during(&context))
            }
            Ok(()) => Ok(()),
        }
    }
}
