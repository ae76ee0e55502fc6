// SPDX-License-Identifier: Apache-2.0
//! A lane: one session, one worker at a time, and what to do when it fails.

use std::time::Instant;

use parking_lot::Mutex;

use crate::{
    error::{Error, HsmError, Recovery},
    partition::Partition,
    session::Session,
};

/// One session's place. It is empty after an error, or when the partition's
/// handles may have died, until the next call.
pub(crate) struct Lane<T> {
    seat: Mutex<Option<Seat<T>>>,
}

/// A session, and what is held in it: handles of one epoch of the partition.
pub(crate) struct Seat<T> {
    pub(crate) held: T,
    pub(crate) session: Session,
    epoch: u64,
}

impl<T> Lane<T> {
    /// Opens the session.
    pub(crate) fn open(partition: &Partition, held: T) -> Result<Self, HsmError> {
        Ok(Self { seat: Mutex::new(Some(Seat::take(partition, held)?)) })
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
    pub(crate) fn if_idle(
        &self,
        partition: &Partition,
        work: impl FnOnce(&mut Seat<T>) -> Result<(), HsmError>,
    ) {
        let Some(mut place) = self.seat.try_lock() else { return };
        leave_if_outdated(&mut place, partition);
        if place.as_mut().is_some_and(|seat| work(seat).is_err()) {
            *place = None;
        }
    }
}

impl<T> Seat<T> {
    /// The epoch is read before any handle is held, so that none is older than it.
    fn take(partition: &Partition, held: T) -> Result<Self, HsmError> {
        let session = partition.session()?;
        Ok(Self { held, session, epoch: partition.epoch() })
    }
}

fn attempt<T, R>(
    place: &mut Option<Seat<T>>,
    partition: &Partition,
    fresh: &impl Fn() -> T,
    work: &mut impl FnMut(&mut Seat<T>) -> Result<R, Error>,
) -> Result<R, Error> {
    leave_if_outdated(place, partition);
    let seat = match place {
        Some(seat) => seat,
        None => place.insert(Seat::take(partition, fresh())?),
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

/// Closes the session if the handles held in it may have died.
///
/// An HSM may have given their numbers to other objects since, so they are
/// neither used nor destroyed one by one; whatever is alive after all goes with
/// its session.
fn leave_if_outdated<T>(place: &mut Option<Seat<T>>, partition: &Partition) {
    place.take_if(|seat| seat.epoch != partition.epoch());
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
