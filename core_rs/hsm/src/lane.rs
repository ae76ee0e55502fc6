// SPDX-License-Identifier: Apache-2.0
//! A lane: one session, and what to do when it fails.

use crate::{
    error::{Error, HsmError, Recovery},
    partition::Partition,
    session::Session,
};

/// One session's place. It is empty after an error, or when the partition's
/// handles may have died, until the next call.
pub(crate) struct Lane<T> {
    seat: Option<Seat<T>>,
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
        Ok(Self { seat: Some(Seat::take(partition, held)?) })
    }

    /// Works in the session.
    ///
    /// What can be helped with a new session is tried once more, so `work` must
    /// be safe to repeat. `fresh` makes what a new session holds.
    pub(crate) fn run<R>(
        &mut self,
        partition: &Partition,
        fresh: impl Fn() -> T,
        mut work: impl FnMut(&mut Seat<T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        match self.attempt(partition, &fresh, &mut work) {
            Err(Error::Hsm(error)) if prepare_another_try(partition, &error) => {
                self.attempt(partition, &fresh, &mut work)
            }
            outcome => outcome,
        }
    }

    /// Works in the session if it is there and its handles are alive.
    pub(crate) fn if_open(
        &mut self,
        partition: &Partition,
        work: impl FnOnce(&mut Seat<T>) -> Result<(), HsmError>,
    ) {
        self.leave_if_outdated(partition);
        if self.seat.as_mut().is_some_and(|seat| work(seat).is_err()) {
            self.seat = None;
        }
    }

    fn attempt<R>(
        &mut self,
        partition: &Partition,
        fresh: &impl Fn() -> T,
        work: &mut impl FnMut(&mut Seat<T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.leave_if_outdated(partition);
        let seat = match &mut self.seat {
            Some(seat) => seat,
            None => self.seat.insert(Seat::take(partition, fresh())?),
        };
        match work(seat) {
            Err(Error::Hsm(error)) if error.is_of_the_module() => {
                let error = diagnose(error, &seat.session);
                // An operation may be left active in it and cannot be cancelled.
                self.seat = None;
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
    fn leave_if_outdated(&mut self, partition: &Partition) {
        self.seat.take_if(|seat| seat.epoch != partition.epoch());
    }
}

impl<T> Seat<T> {
    /// The epoch is read before any handle is held, so that none is older than it.
    fn take(partition: &Partition, held: T) -> Result<Self, HsmError> {
        let session = partition.session()?;
        Ok(Self { held, session, epoch: partition.epoch() })
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
