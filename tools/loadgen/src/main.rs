// SPDX-License-Identifier: Apache-2.0
//! Asks `VerifyOtp` over mTLS, at a set rate or as fast as it is answered, and
//! prints one JSON object (see [`report::Report`]) about how that went.
//!
//! With `--rate` the calls follow a timetable that does not wait for answers,
//! and a call's latency counts from the moment at which it was due: a server
//! that stalls is charged with every call that it kept waiting. With `--closed`
//! a set number of calls is always in flight, which finds the capacity.
//!
//! Every code is right and fresh. The tokens are event-based and of tests: their
//! file holds one JSON object a line (see [`device::Device`]). Each has at most
//! one call in flight, and at the end the file is written back with the counters
//! at which the next run goes on.

mod arguments;
mod device;
mod hotp;
mod load;
mod report;
mod tally;
mod wire;

use anyhow::{Context, Result};
use clap::Parser;

use crate::arguments::Arguments;
use crate::load::{Load, Pace};
use crate::report::Report;

// One thread: the machine's other cores are the server's, and a call that is
// passed between threads costs more than it gains.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let devices = device::read(&arguments.tokens)
        .with_context(|| format!("cannot read {}", arguments.tokens.display()))?;
    let pace = arguments.pace(devices.len())?;
    let links = wire::connect(&arguments).await?;
    let mut load = Load::new(links, &arguments, devices);
    match pace {
        Pace::Open { rate, bound } => load.open(rate, bound, arguments.duration()).await?,
        Pace::Closed { in_flight } => load.closed(in_flight, arguments.duration()).await?,
    }
    let (devices, tally) = load.end();
    device::write(&arguments.tokens, &devices)
        .with_context(|| format!("cannot write {}", arguments.tokens.display()))?;
    println!("{}", serde_json::to_string(&Report::new(pace, arguments.duration(), &tally))?);
    Ok(())
}
