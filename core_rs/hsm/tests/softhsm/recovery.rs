// SPDX-License-Identifier: Apache-2.0
//! What the vault does when others meddle with its login and its sessions.
//!
//! The others are a second user of the same module in this process: PKCS#11
//! keeps one login for all of them.

use std::{sync::Arc, thread, time::Duration};

use cryptoki::{context::Pkcs11, slot::Slot};
use kagimori_hsm::{Answer, Asked, AuthPin, Error, HsmError, Job, Recovery, Row, Vault};
use kagimori_otp::{Code, Window};

use crate::{
    provisioning::envelopes,
    support::{LABEL, MODULE, PATIENCE, PIN, TENANT, bench, until_no_seed_is_open},
};

const CODE: &str = "755224"; // RFC 4226 Appendix D, counter 0

/// Enough work to hold a session for longer than it takes to notice.
const LONG: u64 = 200_000;

#[test]
fn a_logout_elsewhere_is_made_good() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0)); // the seed is open now
    Meddler::new().log_out();
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0));
    vault.ping(PATIENCE).unwrap();
}

#[test]
fn phones_seeds_are_sealed_after_a_logout_or_a_lost_session() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let sealed = || vault.seal_envelopes(envelopes(&bench.phone.envelopes), PATIENCE);
    let mac = || vault.password_mac(TENANT.to_owned(), b"4711", None, PATIENCE).unwrap();
    assert!(sealed().is_ok()); // the provisioning key is found now
    let before = mac();
    let meddler = Meddler::new();
    for meddle in [Meddler::log_out, Meddler::close_all_sessions] {
        // Every session is a lost one, and each of the two lanes has its turn.
        meddle(&meddler);
        assert_eq!((sealed().map(|sealed| sealed.len()), mac()), (Ok(2), before));
        assert_eq!((sealed().map(|sealed| sealed.len()), mac()), (Ok(2), before));
    }
}

/// An HSM may give a dead seed's handle number to another token's seed.
#[test]
fn a_seed_opened_before_a_new_login_is_not_used_again() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0));
    Meddler::new().log_out();
    vault.ping(PATIENCE).unwrap(); // another session than the seed's logs in again
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0));
    assert_eq!(vault.cache_counts().unwrap(), (0, 2, 1));
}

/// Nor is it destroyed: its number may be another object's by now.
#[test]
fn a_seed_opened_before_a_new_login_is_not_swept() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0));
    Meddler::new().log_out();
    until_no_seed_is_open(&vault); // logs in again, and finds the seed's session of another login
    assert_eq!(vault.cache_counts().unwrap(), (0, 1, 0));
}

#[test]
fn sessions_closed_elsewhere_are_opened_again() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0));
    Meddler::new().close_all_sessions();
    assert_eq!(search(&vault, &row, PATIENCE).step, Some(0));
    vault.ping(PATIENCE).unwrap();
}

#[test]
fn a_pin_that_is_refused_is_never_tried_again() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    let meddler = Meddler::new();
    meddler.change_pin(PIN, "8642");
    meddler.log_out();
    assert_eq!(error(search(&vault, &row, PATIENCE)).rv(), "CKR_PIN_INCORRECT");
    meddler.change_pin("8642", PIN);
    // The PIN would be right again, but nobody told the vault to try.
    let error = error(search(&vault, &row, PATIENCE));
    assert_eq!((error.recovery(), error.function()), (Recovery::Fatal, ""));
}

#[test]
fn a_session_in_use_is_waited_for_no_longer_than_asked() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    thread::scope(|scope| {
        let worker = scope.spawn(|| vault.bare_hmac_loop(&row, LONG));
        wait_until_busy(&vault, &row);
        let answer = search(&vault, &row, PATIENCE);
        assert_eq!(answer.step, Some(0), "{:?}", answer.error);
        assert!(worker.join().unwrap().is_ok());
    });
}

#[test]
fn closing_waits_for_calls_under_way() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    thread::scope(|scope| {
        let worker = scope.spawn(|| vault.bare_hmac_loop(&row, LONG));
        wait_until_busy(&vault, &row);
        vault.close();
        // A module that is finalised under a call fails it, at best.
        assert_eq!(worker.join().unwrap(), Ok(()));
    });
}

/// The session is in use for far longer than this waits for it.
fn wait_until_busy(vault: &Vault, row: &Arc<Row>) {
    let withdrawn = || {
        // Half of it without a sign of life is a worker that is stuck, and not a busy one.
        let answer = search(vault, row, Duration::from_millis(300));
        let busy = answer.error.is_some_and(|error| recovery(&error) == Some(Recovery::Busy));
        busy && answer.evaluated == 0
    };
    assert!((0..100).any(|_| withdrawn()), "the session was never in use");
}

fn search(vault: &Vault, row: &Arc<Row>, patience: Duration) -> Answer {
    let window = Window::new(0, 0, 3, None).unwrap();
    let asked = Asked::Code { window, code: Code::parse(CODE).unwrap(), second: None };
    let job = Job { row: Arc::clone(row), asked };
    vault.search(vec![job], patience).unwrap().remove(0)
}

fn error(answer: Answer) -> HsmError {
    match answer.error {
        Some(Error::Hsm(error)) => error,
        _ => panic!("the HSM did not fail"),
    }
}

fn recovery(error: &Error) -> Option<Recovery> {
    match error {
        Error::Hsm(error) => Some(error.recovery()),
        _ => None,
    }
}

/// Somebody else in this process.
struct Meddler {
    context: Pkcs11,
    slot: Slot,
}

impl Meddler {
    fn new() -> Self {
        let context = Pkcs11::new(MODULE).unwrap();
        let slots = context.get_slots_with_token().unwrap();
        let labelled = |slot: &Slot| context.get_token_info(*slot).unwrap().label() == LABEL;
        let slot = slots.into_iter().find(labelled).unwrap();
        Self { context, slot }
    }

    fn log_out(&self) {
        self.context.open_rw_session(self.slot).unwrap().logout().unwrap();
    }

    fn change_pin(&self, old: &str, new: &str) {
        let session = self.context.open_rw_session(self.slot).unwrap();
        session.set_pin(&AuthPin::from(old), &AuthPin::from(new)).unwrap();
    }

    fn close_all_sessions(&self) {
        // SAFETY: the module is loaded already.
        let library = unsafe { cryptoki_sys::Pkcs11::new(MODULE) }.unwrap();
        let close = library.C_CloseAllSessions.as_ref().unwrap();
        // SAFETY: a number.
        assert_eq!(unsafe { close(self.slot.id()) }, cryptoki_sys::CKR_OK);
    }
}
