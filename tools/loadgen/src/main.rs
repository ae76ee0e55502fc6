// SPDX-License-Identifier: Apache-2.0
//! Asks `VerifyOtp`, or `BatchVerifyOtp` with several codes a call, over mTLS, at
//! a set rate or as fast as it is answered, and prints one JSON object (see
//! [`report::Report`]) about how that went.
//!
//! With `--rate` the calls follow a timetable that does not wait for answers,
//! and a call's latency counts from the moment at which it was due: a server
//! that stalls is charged with every call that it kept waiting. With `--closed`
//! a set number of calls is always in flight, which finds the capacity.
//!
//! Every code is fresh, and right unless `--wrong` asks for others. The tokens
//! are event-based and of tests: their file holds one JSON object a line (see
//! [`device::Device`] and [`shelf::Shelf`]). Each is in one call at a time, and
//! its line says where the next run goes on.
//!
//! With `--requests` it asks `VerifyTransaction` instead, each call with the next of
//! the messages that somebody prepared, codes and all (see [`prepared::Prepared`]);
//! each is sent once, and the run ends early if there is none left.

mod arguments;
mod call;
mod device;
mod hotp;
mod load;
mod prepared;
mod report;
mod shelf;
mod supply;
mod tally;
mod wire;

use anyhow::Result;
use clap::Parser;

use crate::arguments::Arguments;
use crate::load::{Load, Pace};
use crate::report::Report;
use crate::supply::Supply;

// One thread: the machine's other cores are the server's, and a call that is
// passed between threads costs more than it gains.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let supply = Supply::open(&arguments)?;
    let pace = arguments.pace(supply.count())?;
    let links = wire::connect(&arguments).await?;
    let mut load = Load::new(links, &arguments, supply);
    match pace {
        Pace::Open { rate, bound } => load.open(rate, bound, arguments.duration()).await?,
        Pace::Closed { in_flight } => load.closed(in_flight, arguments.duration()).await?,
    }
    let report = Report::new(pace, arguments.duration(), &load.end());
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
