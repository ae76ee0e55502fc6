// SPDX-License-Identifier: Apache-2.0
//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{ArgGroup, Parser};
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;

use crate::load::Pace;

/// Asks `VerifyOtp` at a set rate, or as fast as it is answered, and measures.
#[derive(Parser)]
#[command(group(ArgGroup::new("pace").required(true).args(["rate", "closed"])))]
pub struct Arguments {
    /// Where the server is: <https://host:port>
    #[arg(long)]
    pub target: Uri,
    /// The RPC, whose messages must be those of `VerifyOtp`
    #[arg(long, default_value = "/kagimori.verification.v1.VerificationService/VerifyOtp")]
    pub method: PathAndQuery,
    /// The certificate authority of the server, PEM
    #[arg(long)]
    pub ca: PathBuf,
    /// The client's certificate, PEM
    #[arg(long)]
    pub cert: PathBuf,
    /// The client's private key, PEM
    #[arg(long)]
    pub key: PathBuf,
    /// The tokens, one JSON object a line; written back with their next counters
    #[arg(long)]
    pub tokens: PathBuf,
    /// Open loop: calls due per second
    #[arg(long)]
    rate: Option<f64>,
    /// Closed loop: calls in flight at any time
    #[arg(long)]
    closed: Option<usize>,
    /// Open loop: most calls in flight; one that is due beyond is dropped [default: one a token]
    #[arg(long, conflicts_with = "closed")]
    bound: Option<usize>,
    /// How long calls are sent
    #[arg(long)]
    seconds: f64,
    /// HTTP/2 connections, taken in turn
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Deadline of each call
    #[arg(long, default_value_t = 5000)]
    pub deadline_ms: u64,
}

impl Arguments {
    /// How long calls are sent.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// What decides when a call is sent, given so many `tokens`.
    ///
    /// Fails where a number makes no sense; no token can have two calls in flight.
    pub fn pace(&self, tokens: usize) -> Result<Pace> {
        ensure!(self.connections > 0, "--connections must be at least 1");
        ensure!(self.seconds > 0.0 && self.seconds < 1e6, "--seconds must be above 0");
        let pace = match (self.rate, self.closed) {
            (Some(rate), _) => Pace::Open { rate, bound: self.bound.unwrap_or(tokens) },
            (None, closed) => Pace::Closed { in_flight: closed.unwrap_or_default() },
        };
        let (Pace::Open { bound: most, .. } | Pace::Closed { in_flight: most }) = pace;
        ensure!((1..=tokens).contains(&most), "{most} calls in flight, but {tokens} tokens");
        if let Pace::Open { rate, .. } = pace {
            ensure!(rate > 0.0 && rate < 1e7, "--rate must be above 0");
        }
        Ok(pace)
    }
}
