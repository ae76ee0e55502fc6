// SPDX-License-Identifier: Apache-2.0
//! The two loops that send calls, and a call.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use uuid::Uuid;

use crate::arguments::Arguments;
use crate::device::Device;
use crate::tally::{Answer, Moments, Tally};
use crate::wire::{self, Link, Operation, VerifyOtpRequest, VerifyOtpResponse, verify_otp_request};

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

/// Sends calls and keeps the tally. A device is either here or in a call.
pub struct Load {
    links: Vec<Link>,
    method: PathAndQuery,
    deadline: Duration,
    devices: VecDeque<Device>,
    calls: JoinSet<Ended>,
    tally: Tally,
    sent: usize,
}

struct Ended {
    device: Device,
    moments: Moments,
    answer: Answer,
}

impl Load {
    /// Calls over `links` about `devices`, both taken in turn.
    pub fn new(links: Vec<Link>, arguments: &Arguments, devices: Vec<Device>) -> Self {
        Self {
            links,
            method: arguments.method.clone(),
            deadline: Duration::from_millis(arguments.deadline_ms),
            devices: devices.into(),
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
        while let Some(due) = self.next_due(&mut due).await? {
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
        while Instant::now() < end {
            if let Some(call) = self.calls.join_next().await {
                self.settle(call?);
                self.send(Instant::now())?;
            }
        }
        self.drain().await
    }

    /// The devices with their counters, in no order, and what the calls came to.
    pub fn end(self) -> (Vec<Device>, Tally) {
        (self.devices.into(), self.tally)
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
        let mut device = self.devices.pop_front().context("every token has a call in flight")?;
        let link = self.links[self.sent % self.links.len()].clone();
        self.sent += 1;
        let request = self.request(&mut device);
        let method = self.method.clone();
        self.calls.spawn(async move {
            let begun = Instant::now();
            let answer = ask(link, method, request).await;
            Ended { device, moments: Moments { due, begun, ended: Instant::now() }, answer }
        });
        Ok(())
    }

    fn request(&self, device: &mut Device) -> Request<VerifyOtpRequest> {
        let mut request = Request::new(VerifyOtpRequest {
            request_id: Uuid::new_v4().to_string(),
            subject: Some(verify_otp_request::Subject::Serial(device.serial.clone())),
            operation: Operation::Login.into(),
            code: device.press(),
        });
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
        self.devices.push_back(call.device);
    }
}

async fn ask(mut link: Link, method: PathAndQuery, request: Request<VerifyOtpRequest>) -> Answer {
    let answer = async {
        link.ready().await.map_err(|error| Status::from_error(error.into()))?;
        link.unary(request, method, ProstCodec::<_, VerifyOtpResponse>::default()).await
    };
    match answer.await {
        Ok(response) => Ok(response.into_inner().outcome()),
        Err(status) => Err(wire::code_of(&status)),
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
