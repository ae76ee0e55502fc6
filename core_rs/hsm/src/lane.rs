// SPDX-License-Identifier: Apache-2.0
//! A lane: one session, one worker at a time, and what to do when it fails.

use std::time::Instant;

use parking_lot::Mutex;

use crate::{
    error::{Error, HsmError, Recovery},
    partition::Partition,
    session::Session,
};

/// One session's place. It is empty after an error until the next call.
pub(crate) struct Lane<T> {
    seat: Mutex<Option<Seat<T>>>,
}

/// A session, and what is held in it.
pub(crate) struct Seat<T> {
    pub(crate) held: T,
    pub(crate) session: Session,
}

impl<T> Lane<T> {
    /// Opens the session.
    pub(crate) fn open(partition: &Partition, held: T) -> Result<Self, HsmError> {
        let seat = Seat { held, session: partition.session()? };
        Ok(Self { seat: Mutex::new(Some(seat)) })
    }

    /// Works in the session, waiting for it `until` then.
    ///
    /// What can be helped with a new session is tried once more, so `work` must
    /// be safe to repeat. `fresh` makes what a new session holds.
    pub(crate) fn run<R>(
        &self,
        partition: &Partition,
        until: Instant,
        fresh: impl Fn() -> T,
        mut work: impl FnMut(&mut Seat<T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut place = self.seat.try_lock_until(until).ok_or_else(busy)?;
        match attempt(&mut place, partition, &fresh, &mut work) {
            Err(Error::Hsm(error)) if prepare_another_try(partition, &error) => {
                attempt(&mut place, partition, &fresh, &mut work)
            }
            outcome => outcome,
        }
    }

    /// Works in the session if it is there and nobody else uses it.
    pub(crate) fn if_idle(&self, work: impl FnOnce(&mut Seat<T>) -> Result<(), HsmError>) {
        if let Some(mut place) = self.seat.try_lock()
            && place.as_mut().is_some_and(|seat| work(seat).is_err())
        {
            *place = None;
        }
    }
}

fn attempt<T, R>(
    place: &mut Option<Seat<T>>,
    partition: &Partition,
    fresh: &impl Fn() -> T,
    work: &mut impl FnMut(&mut Seat<T>) -> Result<R, Error>,
) -> Result<R, Error> {
    let seat = match place {
        Some(seat) => seat,
        None => place.insert(Seat { held: fresh(), session: partition.session()? }),
    };
    match work(seat) {
        Err(Error::Hsm(error)) if error.is_of_the_module() => {
            let error = diagnose(error, &seat.session);
            // An operation may be left active in it and cannot be cancelled.
            *place = None;
            Err(error.into())
        }
        outcome => outcome,
    }
}

/// Says what an error really calls for: a handle is "invalid" also after a
/// logout elsewhere.
fn diagnose(error: HsmError, session: &Session) -> HsmError {
    let logged_out = || matches!(session.is_logged_in(), Ok(false));
    if error.recovery() == Recovery::Object && logged_out() {
        return error.calls_for(Recovery::Login);
    }
    error
}

fn prepare_another_try(partition: &Partition, error: &HsmError) -> bool {
    if error.recovery() == Recovery::Object {
        partition.distrust_handles();
    }
    matches!(error.recovery(), Recovery::Session | Recovery::Login | Recovery::Object)
}

fn busy() -> Error {
    HsmError::without_call("no HSM session came free in time", Recovery::Busy).into()
}
