// SPDX-License-Identifier: Apache-2.0
//! Signs of life: which workers come on, and which are caught in a call.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A worker's: it beats whenever a call has returned.
pub(crate) struct Pulse {
    beats: AtomicU64,
    stuck: AtomicU64,
}

/// Where a pulse was at some time.
#[derive(Clone, Copy)]
pub(crate) struct Beat(u64);

impl Default for Pulse {
    fn default() -> Self {
        Self { beats: AtomicU64::new(1), stuck: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// Only for the worker itself.
    pub(crate) fn beat(&self) {
        let next = self.beats.load(Ordering::Relaxed) + 1;
        self.beats.store(next, Ordering::Release);
    }

    pub(crate) fn now(&self) -> Beat {
        Beat(self.beats.load(Ordering::Acquire))
    }

    /// Calls a worker stuck that owes something and has not come on since `then`.
    /// It is so until it comes on.
    pub(crate) fn give_up(&self, then: Beat) {
        self.stuck.fetch_max(then.0, Ordering::AcqRel);
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire) == self.now().0
    }
}

/// Waits up to `patience` for what `come` waits for; it is told until when.
///
/// If it does not come: how far each worker was half-way. One that has not come
/// on since is not slow but stuck, for all that this caller can tell.
pub(crate) fn wait<'p, R>(
    patience: Duration,
    pulses: impl Iterator<Item = &'p Pulse>,
    mut come: impl FnMut(Instant) -> Option<R>,
) -> Result<R, Vec<Beat>> {
    let start = Instant::now();
    if let Some(result) = come(start + patience / 2) {
        return Ok(result);
    }
    let then = pulses.map(Pulse::now).collect();
    come(start + patience).ok_or(then)
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    /// Waits in vain; `between` happens in the second half.
    fn given_up(pulse: &Pulse, between: impl Fn()) -> bool {
        let mut halves = 0;
        let then = wait(Duration::ZERO, slice::from_ref(pulse).iter(), |_| {
            halves += 1;
            if halves == 2 {
                between();
            }
            None::<()>
        });
        assert_eq!(halves, 2);
        pulse.give_up(then.unwrap_err()[0]);
        pulse.is_stuck()
    }

    #[test]
    fn a_worker_that_does_nothing_is_stuck_until_it_comes_on() {
        let pulse = Pulse::default();
        assert!(!pulse.is_stuck());
        assert!(given_up(&pulse, || ()));
        pulse.beat();
        assert!(!pulse.is_stuck());
    }

    #[test]
    fn a_worker_that_comes_on_is_only_slow() {
        let pulse = Pulse::default();
        assert!(!given_up(&pulse, || pulse.beat()));
    }

    #[test]
    fn what_somebody_saw_earlier_excuses_nobody_later() {
        let pulse = Pulse::default();
        let earlier = pulse.now();
        pulse.beat();
        assert!(given_up(&pulse, || ()));
        pulse.give_up(earlier);
        assert!(pulse.is_stuck());
    }

    #[test]
    fn what_comes_in_time_is_handed_on() {
        let pulse = Pulse::default();
        let came = wait(Duration::ZERO, slice::from_ref(&pulse).iter(), |_| Some(7));
        assert_eq!(came.ok(), Some(7));
    }
}
