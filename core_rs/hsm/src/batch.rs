// SPDX-License-Identifier: Apache-2.0
//! The jobs of one search, between the caller who waits and the workers who answer.

use std::{
    iter::zip,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::{
    error::{Error, HsmError, Recovery},
    pulse::{self, Pulse},
    vault::{Answer, Job},
    worker,
};

/// The jobs of one search. Each is begun or withdrawn, never both.
pub(crate) struct Batch {
    slots: Vec<Mutex<Slot>>,
    groups: Mutex<usize>,
    done: Condvar,
}

enum Slot {
    Waiting(Job),
    Begun,
    Answered(Answer),
    Withdrawn,
}

/// The jobs of one lane. They count as done when this is dropped.
pub(crate) struct Group {
    batch: Arc<Batch>,
    members: Vec<usize>,
}

impl Batch {
    pub(crate) fn new(jobs: Vec<Job>) -> Arc<Self> {
        let slots = jobs.into_iter().map(|job| Mutex::new(Slot::Waiting(job))).collect();
        Arc::new(Self { slots, groups: Mutex::new(0), done: Condvar::new() })
    }

    /// Jobs that a worker is about to be asked for.
    pub(crate) fn group(self: &Arc<Self>, members: Vec<usize>) -> Group {
        *self.groups.lock() += 1;
        Group { batch: Arc::clone(self), members }
    }

    /// Answers jobs that no worker will be asked for.
    pub(crate) fn refuse(&self, members: &[usize], error: &HsmError) {
        for member in members {
            *self.slots[*member].lock() = Slot::Answered(failed(error.clone(), 0));
        }
    }

    /// Waits for every group, `patience` at most, and returns an answer to each
    /// job. What was not begun by then is withdrawn.
    ///
    /// `pulses` are those of the jobs' workers; one that owes an answer and did
    /// nothing in the second half of the wait is given up.
    pub(crate) fn conclude(&self, patience: Duration, pulses: &[&Pulse]) -> Vec<Answer> {
        let come = |until| self.is_done_by(until).then_some(());
        match pulse::wait(patience, pulses.iter().copied(), come) {
            Ok(()) => self.slots.iter().map(|slot| slot.lock().close()).collect(),
            Err(then) => zip(&self.slots, zip(pulses, then))
                .map(|(slot, (pulse, then))| {
                    let mut slot = slot.lock();
                    if !matches!(*slot, Slot::Answered(_)) {
                        pulse.give_up(then);
                    }
                    slot.close()
                })
                .collect(),
        }
    }

    fn is_done_by(&self, until: Instant) -> bool {
        let mut groups = self.groups.lock();
        self.done.wait_while_until(&mut groups, |groups| *groups > 0, until);
        *groups == 0
    }
}

impl Group {
    /// Answers each job that was not withdrawn. No lock is held meanwhile.
    pub(crate) fn work(self, mut answer: impl FnMut(&Job) -> Answer) {
        for member in &self.members {
            let slot = &self.batch.slots[*member];
            let begun = slot.lock().begin();
            if let Some(job) = begun {
                let answer = answer(&job);
                *slot.lock() = Slot::Answered(answer);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut groups = self.batch.groups.lock();
        *groups -= 1;
        if *groups == 0 {
            self.batch.done.notify_one();
        }
    }
}

impl Slot {
    fn begin(&mut self) -> Option<Job> {
        match mem::replace(self, Self::Begun) {
            Self::Waiting(job) => Some(job),
            other => {
                *self = other;
                None
            }
        }
    }

    /// What is known when nobody waits any longer.
    fn close(&mut self) -> Answer {
        match mem::replace(self, Self::Withdrawn) {
            Self::Answered(answer) => answer,
            // The HSM may have computed a code, and may yet compute all of them.
            Self::Begun => failed(late(), 1),
            Self::Waiting(_) | Self::Withdrawn => failed(worker::busy(), 0),
        }
    }
}

fn failed(error: HsmError, evaluated: u32) -> Answer {
    Answer { step: None, error: Some(Error::Hsm(error)), evaluated }
}

fn late() -> HsmError {
    HsmError::without_call("the HSM did not answer in time", Recovery::Hung)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicU32, Ordering},
            mpsc,
        },
        thread,
    };

    use kagimori_otp::{Code, Digits, Hash, Window};

    use super::*;
    use crate::{
        row::{Identity, Row},
        vault::Asked,
    };

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_mins(1);

    fn jobs(steps: u64) -> Vec<Job> {
        let identity = Identity {
            tenant: "10112231",
            token_id: "7",
            serial: "2V0716016FK2",
            subscriber: "",
            kind: "HARDWARE",
            purpose: "AUTHENTICATION",
            factor: "EVENT",
            hash: Hash::Sha1,
            digits: Digits::new(6).unwrap(),
            period: 0,
            t0: 0,
            custody: "UNWRAPPED_IN_HSM",
            seed_length: 24,
            key_version: 1,
            wrap_format: "RFC5649",
            blob: &[0; 32],
        };
        let row = Arc::new(Row::new(&identity, &[]));
        let window = |step| Window::new(step, step, step, None).unwrap();
        let code = Code::parse("755224").unwrap();
        (0..steps)
            .map(|step| {
                let asked = Asked::Code { window: window(step), code, second: None };
                Job { row: Arc::clone(&row), asked }
            })
            .collect()
    }

    fn found(job: &Job) -> Answer {
        let Asked::Code { window, .. } = &job.asked else { panic!("a code is asked for") };
        Answer { step: window.plan().next(), error: None, evaluated: 1 }
    }

    fn facts(answer: &Answer) -> (Option<u64>, Option<Recovery>, u32) {
        let recovery = match &answer.error {
            Some(Error::Hsm(error)) => Some(error.recovery()),
            _ => None,
        };
        (answer.step, recovery, answer.evaluated)
    }

    #[test]
    fn answers_come_in_order_from_any_group() {
        let batch = Batch::new(jobs(4));
        let (odd, even) = (batch.group(vec![3, 1]), batch.group(vec![0, 2]));
        thread::spawn(|| odd.work(found));
        thread::spawn(|| even.work(found));
        let pulse = Pulse::default();
        let answers = batch.conclude(LONG, &[&pulse; 4]);
        assert!(answers.iter().map(|answer| answer.step.unwrap()).eq(0..4));
        assert!(!pulse.is_stuck());
    }

    #[test]
    fn at_the_end_the_answered_are_kept_the_begun_unknown_and_the_rest_withdrawn() {
        let batch = Batch::new(jobs(3));
        let group = batch.group(vec![0, 1, 2]);
        let (release, caught) = mpsc::channel::<()>();
        let begun = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&begun);
        let worker = thread::spawn(move || {
            group.work(|job| {
                if seen.fetch_add(1, Ordering::SeqCst) == 1 {
                    let _ = caught.recv();
                }
                found(job)
            });
        });
        while begun.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        let (idle, stuck) = (Pulse::default(), Pulse::default());
        let answers = batch.conclude(SHORT, &[&idle, &stuck, &stuck]);
        assert_eq!(facts(&answers[0]), (Some(0), None, 1));
        assert_eq!(facts(&answers[1]), (None, Some(Recovery::Hung), 1));
        assert_eq!(facts(&answers[2]), (None, Some(Recovery::Busy), 0));
        assert_eq!((idle.is_stuck(), stuck.is_stuck()), (false, true));
        drop(release);
        worker.join().unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 2, "what was withdrawn never begins");
    }

    #[test]
    fn what_is_refused_is_not_waited_for() {
        let batch = Batch::new(jobs(2));
        let group = batch.group(vec![1]);
        batch.refuse(&[0], &worker::stuck());
        group.work(found);
        let answers = batch.conclude(LONG, &[&Pulse::default(); 2]);
        assert_eq!(facts(&answers[0]), (None, Some(Recovery::Hung), 0));
        assert_eq!(facts(&answers[1]), (Some(1), None, 1));
    }

    #[test]
    fn a_group_that_nobody_works_on_is_withdrawn_at_once() {
        let batch = Batch::new(jobs(1));
        drop(batch.group(vec![0]));
        let answers = batch.conclude(LONG, &[&Pulse::default()]);
        assert_eq!(facts(&answers[0]), (None, Some(Recovery::Busy), 0));
    }
}
