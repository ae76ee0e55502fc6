// SPDX-License-Identifier: Apache-2.0
//! The two loops that send calls.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;

use crate::arguments::Arguments;
use crate::call;
use crate::supply::{Call, Question, Supply};
use crate::tally::{Answer, Moments, Tally};
use crate::wire::Link;

/// What decides when a call is sent.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// A timetable of `rate` calls per second, with at most `bound` in flight.
    Open {
        /// Calls due per second.
        rate: f64,
        /// Most calls in flight.
        bound: usize,
    },
    /// The end of another call: `in_flight` at any time.
    Closed {
        /// Calls in flight.
        in_flight: usize,
    },
}

/// Sends calls and keeps the tally.
pub struct Load {
    links: Vec<Link>,
    method: PathAndQuery,
    deadline: Duration,
    supply: Supply,
    calls: JoinSet<Ended>,
    tally: Tally,
    sent: usize,
}

struct Ended {
    tokens: Vec<u32>,
    moments: Moments,
    answer: Answer,
}

impl Load {
    /// Calls over `links`, taken in turn, that ask what `supply` holds.
    pub fn new(links: Vec<Link>, arguments: &Arguments, supply: Supply) -> Self {
        Self {
            links,
            method: arguments.method(),
            deadline: Duration::from_millis(arguments.deadline_ms),
            supply,
            calls: JoinSet::new(),
            tally: Tally::until(Instant::now()),
            sent: 0,
        }
    }

    /// Send `rate` calls per second for `duration`, and wait for their ends.
    pub async fn open(&mut self, rate: f64, bound: usize, duration: Duration) -> Result<()> {
        let start = Instant::now();
        self.tally = Tally::until(start + duration);
        let (tell, mut due) = mpsc::unbounded_channel();
        thread::spawn(move || timetable(start, rate, duration, &tell));
        while !self.tally.exhausted
            && let Some(due) = self.next_due(&mut due).await?
        {
            if self.calls.len() < bound {
                self.send(due)?;
            } else {
                self.tally.dropped += 1;
            }
        }
        self.drain().await
    }

    /// Keep `in_flight` calls in flight for `duration`, and wait for their ends.
    pub async fn closed(&mut self, in_flight: usize, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        self.tally = Tally::until(end);
        for _ in 0..in_flight {
            self.send(Instant::now())?;
        }
        while !self.tally.exhausted && Instant::now() < end {
            if let Some(call) = self.calls.join_next().await {
                self.settle(call?);
                self.send(Instant::now())?;
            }
        }
        self.drain().await
    }

    /// What the calls came to.
    pub fn end(self) -> Tally {
        self.tally
    }

    /// Settle calls until another is due; None when the last one was.
    async fn next_due(&mut self, due: &mut UnboundedReceiver<Instant>) -> Result<Option<Instant>> {
        loop {
            tokio::select! {
                // What ended makes room for what is due.
                biased;
                Some(call) = self.calls.join_next() => self.settle(call?),
                next = due.recv() => return Ok(next),
            }
        }
    }

    fn send(&mut self, due: Instant) -> Result<()> {
        let Some(Call { tokens, question }) = self.supply.next()? else {
            self.tally.exhausted = true;
            return Ok(());
        };
        let (link, method) =
            (self.links[self.sent % self.links.len()].clone(), self.method.clone());
        self.sent += 1;
        match question {
            Question::Unary(message) => {
                let request = self.request(message);
                self.spawn(tokens, due, call::unary(link, method, request));
            }
            Question::Batch(message) => {
                let request = self.request(message);
                self.spawn(tokens, due, call::batch(link, method, request));
            }
            Question::Transaction(message) => {
                let request = self.request(message);
                self.spawn(tokens, due, call::transaction(link, method, request));
            }
        }
        Ok(())
    }

    fn spawn(
        &mut self,
        tokens: Vec<u32>,
        due: Instant,
        call: impl Future<Output = Answer> + Send + 'static,
    ) {
        self.calls.spawn(async move {
            let begun = Instant::now();
            let answer = call.await;
            Ended { tokens, moments: Moments { due, begun, ended: Instant::now() }, answer }
        });
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.deadline);
        request
    }

    async fn drain(&mut self) -> Result<()> {
        while let Some(call) = self.calls.join_next().await {
            self.settle(call?);
        }
        Ok(())
    }

    fn settle(&mut self, call: Ended) {
        self.tally.count(call.moments, call.answer);
        self.supply.take_back(call.tokens);
    }
}

/// Tell when each call is due. On a thread of its own: the runtime's timer knows
/// whole milliseconds only, and this one must not wait for anybody.
fn timetable(start: Instant, rate: f64, duration: Duration, tell: &UnboundedSender<Instant>) {
    for number in 0_u32.. {
        let offset = Duration::from_secs_f64(f64::from(number) / rate);
        if offset >= duration {
            return;
        }
        let due = start + offset;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if tell.send(due).is_err() {
            return;
        }
    }
}
