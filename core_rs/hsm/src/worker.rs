// SPDX-License-Identifier: Apache-2.0
//! A thread that alone enters the HSM's calls of one lane.
//!
//! A call that hangs cannot be cancelled. So whoever wants something of the HSM
//! leaves an errand and waits for its end as long as he likes; only the worker
//! is caught in the call.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    error::{HsmError, Recovery},
    pulse::{self, Pulse},
};

/// Work for a worker in its own place `P`.
type Errand<P> = Box<dyn FnOnce(&mut P, &Pulse) + Send>;

/// A worker, as others see it. When this is dropped it does the errands that
/// were left and goes.
pub(crate) struct Worker<P> {
    errands: Sender<Errand<P>>,
    pulse: Arc<Pulse>,
}

/// Knows whether workers are still there.
pub(crate) struct Roll {
    present: Sender<Infallible>,
    gone: Mutex<Receiver<Infallible>>,
}

impl<P: Send + 'static> Worker<P> {
    /// Starts a worker. Its place is dropped in its own thread.
    pub(crate) fn start(name: String, place: P, roll: &Roll) -> io::Result<Self> {
        let (errands, inbox) = mpsc::channel();
        let pulse = Arc::new(Pulse::default());
        let (own, present) = (Arc::clone(&pulse), roll.present.clone());
        thread::Builder::new().name(name).spawn(move || {
            work(place, inbox, &own);
            drop(present);
        })?;
        Ok(Self { errands, pulse })
    }

    /// Leaves an errand; it is dropped if the worker has died of a panic.
    pub(crate) fn post(&self, errand: impl FnOnce(&mut P, &Pulse) + Send + 'static) {
        drop(self.errands.send(Box::new(errand)));
    }

    /// Leaves an errand and waits for its result, `patience` long. It may be
    /// done later all the same.
    pub(crate) fn ask<R: Send + 'static>(
        &self,
        patience: Duration,
        errand: impl FnOnce(&mut P, &Pulse) -> R + Send + 'static,
    ) -> Result<R, HsmError> {
        if self.pulse.is_stuck() {
            return Err(stuck());
        }
        let (reply, result) = mpsc::sync_channel(1);
        self.post(move |place, pulse| drop(reply.send(errand(place, pulse))));
        let come = |until| result.recv_timeout(rest(until)).ok();
        pulse::wait(patience, [&*self.pulse].into_iter(), come).map_err(|then| {
            self.pulse.give_up(then[0]);
            if self.pulse.is_stuck() { stuck() } else { busy() }
        })
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

fn work<P>(mut place: P, inbox: Receiver<Errand<P>>, pulse: &Pulse) {
    for errand in inbox {
        errand(&mut place, pulse);
        pulse.beat();
    }
}

impl Roll {
    pub(crate) fn new() -> Self {
        let (present, gone) = mpsc::channel();
        Self { present, gone: Mutex::new(gone) }
    }

    /// Whether every worker has gone before `until`.
    pub(crate) fn all_gone(self, until: Instant) -> bool {
        drop(self.present);
        self.gone.into_inner().recv_timeout(rest(until)) == Err(RecvTimeoutError::Disconnected)
    }
}

/// Nothing was begun: the HSM was busy with others' work.
pub(crate) fn busy() -> HsmError {
    HsmError::without_call("no HSM session came free in time", Recovery::Busy)
}

/// Nothing was begun: the session is caught in a call.
pub(crate) fn stuck() -> HsmError {
    HsmError::without_call("the HSM session hangs in a call", Recovery::Hung)
}

fn rest(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    fn worker(roll: &Roll) -> Worker<u32> {
        Worker::start("test".to_owned(), 7, roll).unwrap()
    }

    /// Keeps the worker in a call until the sender is dropped.
    fn hang<P: Send + 'static>(worker: &Worker<P>) -> Sender<Infallible> {
        let (release, caught) = mpsc::channel::<Infallible>();
        worker.post(move |_, _| assert!(caught.recv().is_err()));
        release
    }

    fn recovery<R>(result: Result<R, HsmError>) -> Option<Recovery> {
        result.err().map(|error| error.recovery())
    }

    #[test]
    fn an_errand_is_done_in_the_workers_place() {
        let worker = worker(&Roll::new());
        worker.post(|place, _| *place += 1);
        assert_eq!(worker.ask(LONG, |place, _| *place).unwrap(), 8);
    }

    #[test]
    fn a_worker_in_a_call_that_hangs_is_given_up_until_it_returns() {
        let worker = worker(&Roll::new());
        let release = hang(&worker);
        assert!(!worker.pulse().is_stuck(), "nobody has waited for it yet");
        assert_eq!(recovery(worker.ask(SHORT, |_, _| ())), Some(Recovery::Hung));
        assert!(worker.pulse().is_stuck());
        // Whoever asks now leaves nothing for it to do.
        assert_eq!(recovery(worker.ask(SHORT, |place, _| *place += 1)), Some(Recovery::Hung));
        drop(release);
        let end = Instant::now() + LONG;
        while worker.pulse().is_stuck() {
            assert!(Instant::now() < end, "it has returned and is still given up");
            thread::yield_now();
        }
        assert_eq!(worker.ask(LONG, |place, _| *place).unwrap(), 7);
    }

    #[test]
    fn a_worker_that_died_is_waited_for_no_longer_than_asked() {
        let roll = Roll::new();
        let worker = worker(&roll);
        worker.post(|_, _| std::panic::panic_any("a test's"));
        assert!(worker.ask(SHORT, |_, _| ()).is_err());
        drop(worker);
        assert!(roll.all_gone(Instant::now() + LONG));
    }

    #[test]
    fn a_worker_that_hangs_is_left_behind() {
        let roll = Roll::new();
        let (one, other) = (worker(&roll), worker(&roll));
        let release = hang(&one);
        drop((one, other));
        assert!(!roll.all_gone(Instant::now() + SHORT));
        drop(release);
    }

    #[test]
    fn workers_do_what_was_left_and_go() {
        let roll = Roll::new();
        let worker = worker(&roll);
        let (done, seen) = mpsc::channel();
        worker.post(move |place, _| done.send(*place).unwrap());
        drop(worker);
        assert!(roll.all_gone(Instant::now() + LONG));
        assert_eq!(seen.recv(), Ok(7));
    }
}
