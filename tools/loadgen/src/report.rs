// SPDX-License-Identifier: Apache-2.0
//! What is printed at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::Pace;
use crate::tally::Tally;

/// How finely the curve is told: points for each halving of what lies above.
const POINTS: u32 = 4;

/// One run, as one JSON object.
#[derive(Serialize)]
pub struct Report {
    /// `{"open": {"rate", "bound"}}` or `{"closed": {"in_flight"}}`.
    pace: Pace,
    /// How long calls were sent.
    seconds: f64,
    /// Calls that ended in that time, per second.
    rate: f64,
    /// Codes that were judged in those calls, per second.
    codes_rate: f64,
    /// Latencies of all calls from when they were due, in microseconds.
    latency_us: Percentiles,
    /// The same from end to end: pairs of a share of the calls (0 to 1) and the
    /// microseconds that they took at most.
    latency_curve: Vec<(f64, u64)>,
    /// Calls by gRPC status.
    statuses: BTreeMap<String, u64>,
    /// Codes by outcome.
    outcomes: BTreeMap<&'static str, u64>,
    /// Codes that were refused in a batch, by reason.
    refusals: BTreeMap<String, u64>,
    /// Calls begun more than a millisecond after they were due.
    late: u64,
    /// Calls that were due when too many were in flight, and not sent.
    dropped: u64,
    /// Prepared requests ended before the time did: the rates are too low.
    exhausted: bool,
}

#[derive(Serialize)]
struct Percentiles {
    p50: u64,
    p90: u64,
    p99: u64,
    #[serde(rename = "p99.9")]
    p99_9: u64,
    max: u64,
}

impl Report {
    /// The report of a run at `pace` in which calls were sent for `duration`.
    pub fn new(pace: Pace, duration: Duration, tally: &Tally) -> Self {
        let seconds = duration.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "no run comes near 2^52 codes")]
        let per_second = |count: u64| count as f64 / seconds;
        Self {
            pace,
            seconds,
            rate: per_second(tally.in_time),
            codes_rate: per_second(tally.judged_in_time),
            latency_us: Percentiles::of(&tally.latency),
            latency_curve: curve(&tally.latency),
            statuses: tally.statuses.clone(),
            outcomes: tally.outcomes.clone(),
            refusals: tally.refusals.clone(),
            late: tally.late,
            dropped: tally.dropped,
            exhausted: tally.exhausted,
        }
    }
}

impl Percentiles {
    fn of(latency: &Histogram<u64>) -> Self {
        Self {
            p50: latency.value_at_quantile(0.5),
            p90: latency.value_at_quantile(0.9),
            p99: latency.value_at_quantile(0.99),
            p99_9: latency.value_at_quantile(0.999),
            max: latency.max(),
        }
    }
}

fn curve(latency: &Histogram<u64>) -> Vec<(f64, u64)> {
    let steps = latency.iter_quantiles(POINTS);
    steps.map(|step| (step.quantile_iterated_to(), step.value_iterated_to())).collect()
}
