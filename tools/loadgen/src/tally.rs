// SPDX-License-Identifier: Apache-2.0
//! What became of the calls, as they end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tonic::Code;

use crate::wire::Outcome;

/// Longest latency that is told apart; longer ones count as this.
const LONGEST: Duration = Duration::from_mins(1);
/// A call that is begun this long after it was due is late.
const LATE: Duration = Duration::from_millis(1);

/// What became of each code of a call, or the status that the call failed with.
pub type Answer = Result<Vec<Judgement>, Code>;

/// What became of one code.
pub enum Judgement {
    /// It was judged.
    Outcome(Outcome),
    /// It was not, for this reason, though others of its call may have been.
    Refusal(String),
}

/// A call's life. Between `due` and `begun` it waited for this program.
#[derive(Clone, Copy)]
pub struct Moments {
    /// When it was to be sent.
    pub due: Instant,
    /// When it was.
    pub begun: Instant,
    /// When its answer was here.
    pub ended: Instant,
}

/// Counts and latencies of calls.
pub struct Tally {
    /// Latencies of all calls in microseconds, whatever they came to.
    pub latency: Histogram<u64>,
    /// Calls by status.
    pub statuses: BTreeMap<String, u64>,
    /// Codes by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Codes that were refused in a batch, by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Calls that ended while calls were still being sent.
    pub in_time: u64,
    /// Codes that were judged in those calls.
    pub judged_in_time: u64,
    /// Calls begun too long after they were due.
    pub late: u64,
    /// Calls that were due when too many were in flight, and not sent at all.
    pub dropped: u64,
    /// Whether there was nothing more to ask before the time was over.
    pub exhausted: bool,
    end: Instant,
}

impl Tally {
    /// An empty tally of calls that are sent until `end`.
    pub fn until(end: Instant) -> Self {
        let latency = Histogram::new_with_max(microseconds(LONGEST), 3);
        Self {
            latency: latency.expect("three digits up to a minute are within its limits"),
            statuses: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            refusals: BTreeMap::new(),
            in_time: 0,
            judged_in_time: 0,
            late: 0,
            dropped: 0,
            exhausted: false,
            end,
        }
    }

    /// Count a call that came to `answer`.
    pub fn count(&mut self, call: Moments, answer: Answer) {
        self.latency.saturating_record(microseconds(call.ended.duration_since(call.due)));
        self.late += u64::from(call.begun.duration_since(call.due) > LATE);
        let in_time = u64::from(call.ended <= self.end);
        self.in_time += in_time;
        let status = answer.as_ref().err().copied().unwrap_or(Code::Ok);
        *self.statuses.entry(grpc_name(status)).or_default() += 1;
        for judgement in answer.into_iter().flatten() {
            self.judge(judgement, in_time);
        }
    }

    fn judge(&mut self, judgement: Judgement, in_time: u64) {
        match judgement {
            Judgement::Outcome(outcome) => {
                self.judged_in_time += in_time;
                let name = outcome.as_str_name().trim_start_matches("OUTCOME_");
                *self.outcomes.entry(name).or_default() += 1;
            }
            Judgement::Refusal(reason) => *self.refusals.entry(reason).or_default() += 1,
        }
    }
}

/// `DEADLINE_EXCEEDED` for what tonic calls `DeadlineExceeded`.
fn grpc_name(code: Code) -> String {
    if code == Code::Ok {
        return "OK".to_owned();
    }
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_names_of_grpc() {
        let names = [Code::Ok, Code::ResourceExhausted, Code::Unavailable].map(grpc_name);
        assert_eq!(names, ["OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE"]);
    }

    #[test]
    fn a_latency_counts_from_when_the_call_was_due() {
        let due = Instant::now();
        let mut tally = Tally::until(due + Duration::from_secs(1));
        tally.count(after(due, 30, 40), Ok(vec![Judgement::Outcome(Outcome::Accepted)]));
        assert_eq!((tally.late, tally.in_time), (1, 1));
        assert!(tally.latency.max() >= 40_000);
    }

    #[test]
    fn outcomes_and_statuses_are_counted_apart() {
        let due = Instant::now();
        let mut tally = Tally::until(due + Duration::from_millis(3));
        tally.count(after(due, 0, 2), Ok(vec![Judgement::Outcome(Outcome::Rejected)]));
        tally.count(after(due, 0, 4), Err(Code::Unavailable));
        assert_eq!(tally.outcomes, BTreeMap::from([("REJECTED", 1)]));
        let one_each = [("OK".to_owned(), 1), ("UNAVAILABLE".to_owned(), 1)];
        assert_eq!(tally.statuses, BTreeMap::from(one_each));
        assert_eq!((tally.late, tally.in_time), (0, 1));
    }

    #[test]
    fn each_code_of_a_batch_is_counted_and_the_call_once() {
        let due = Instant::now();
        let mut tally = Tally::until(due + Duration::from_millis(3));
        let batch = || {
            let outcomes = [Outcome::Accepted, Outcome::Accepted, Outcome::Replayed];
            let busy = Judgement::Refusal("TOKEN_BUSY".to_owned());
            Ok(outcomes.map(Judgement::Outcome).into_iter().chain([busy]).collect())
        };
        tally.count(after(due, 0, 2), batch());
        tally.count(after(due, 0, 4), batch());
        assert_eq!(tally.statuses, BTreeMap::from([("OK".to_owned(), 2)]));
        assert_eq!(tally.outcomes, BTreeMap::from([("ACCEPTED", 4), ("REPLAYED", 2)]));
        assert_eq!(tally.refusals, BTreeMap::from([("TOKEN_BUSY".to_owned(), 2)]));
        assert_eq!((tally.latency.len(), tally.in_time, tally.judged_in_time), (2, 1, 3));
    }

    fn after(due: Instant, begun_ms: u64, ended_ms: u64) -> Moments {
        let [begun, ended] = [begun_ms, ended_ms].map(|ms| due + Duration::from_millis(ms));
        Moments { due, begun, ended }
    }
}
