// SPDX-License-Identifier: Apache-2.0
//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{ArgGroup, Parser, ValueEnum};
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;

use crate::load::Pace;

const UNARY: &str = "/kagimori.verification.v1.VerificationService/VerifyOtp";
const BATCH: &str = "/kagimori.verification.v1.VerificationService/BatchVerifyOtp";
const TRANSACTION: &str = "/kagimori.verification.v1.VerificationService/VerifyTransaction";

/// Asks for codes to be verified at a set rate, or as fast as they are, and measures.
#[derive(Parser)]
#[command(group(ArgGroup::new("pace").required(true).args(["rate", "closed"])))]
#[command(group(ArgGroup::new("supply").required(true).args(["tokens", "requests"])))]
pub struct Arguments {
    /// Where the server is: <https://host:port>
    #[arg(long)]
    pub target: Uri,
    /// Ask `BatchVerifyOtp` with so many codes a call [default: `VerifyOtp`]
    #[arg(long)]
    pub batch: Option<usize>,
    /// Another RPC with the messages of the one asked
    #[arg(long)]
    method: Option<PathAndQuery>,
    /// The certificate authority of the server, PEM
    #[arg(long)]
    pub ca: PathBuf,
    /// The client's certificate, PEM
    #[arg(long)]
    pub cert: PathBuf,
    /// The client's private key, PEM
    #[arg(long)]
    pub key: PathBuf,
    /// The tokens, one JSON object a line, all lines as long; counters are written back
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Ask `VerifyTransaction` with the messages of this file instead, each once: one
    /// behind the other, behind its length; each is given a `request_id` when it is sent
    #[arg(long, conflicts_with_all = ["batch", "order", "wrong"])]
    pub requests: Option<PathBuf>,
    /// Which token is next
    #[arg(long, value_enum, default_value_t = Order::Turn)]
    pub order: Order,
    /// The share of codes that are wrong, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    pub wrong: f64,
    /// Open loop: calls due per second
    #[arg(long)]
    rate: Option<f64>,
    /// Closed loop: calls in flight at any time
    #[arg(long)]
    closed: Option<usize>,
    /// Open loop: most calls in flight; one that is due beyond is dropped
    /// [default: as many as there are tokens, or requests, for]
    #[arg(long, conflicts_with = "closed")]
    bound: Option<usize>,
    /// How long calls are sent
    #[arg(long)]
    seconds: f64,
    /// HTTP/2 connections, taken in turn: with `SO_REUSEPORT` the kernel spreads
    /// them over the server's processes
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Deadline of each call
    #[arg(long, default_value_t = 5000)]
    pub deadline_ms: u64,
}

/// Which token is next.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// Those of the file, one after the other, round and round
    Turn,
    /// The same round, shuffled anew for each run
    Random,
}

impl Arguments {
    /// How long calls are sent.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// The file with what is asked.
    pub fn supply(&self) -> &Path {
        let named = self.requests.as_ref().or(self.tokens.as_ref());
        named.expect("one of them is required")
    }

    /// The RPC.
    pub fn method(&self) -> PathAndQuery {
        let asked = match (&self.requests, self.batch) {
            (Some(_), _) => TRANSACTION,
            (None, Some(_)) => BATCH,
            (None, None) => UNARY,
        };
        self.method.clone().unwrap_or_else(|| PathAndQuery::from_static(asked))
    }

    /// What decides when a call is sent, given so many `tokens` or requests.
    ///
    /// Fails where a number makes no sense; none of them can be in two calls at once.
    pub fn pace(&self, tokens: usize) -> Result<Pace> {
        let batch = self.batch.unwrap_or(1);
        ensure!(batch > 0, "--batch must be at least 1");
        ensure!(self.connections > 0, "--connections must be at least 1");
        ensure!((0.0..=1.0).contains(&self.wrong), "--wrong must be 0 to 1");
        ensure!(self.seconds > 0.0 && self.seconds < 1e6, "--seconds must be above 0");
        let pace = match (self.rate, self.closed) {
            (Some(rate), _) => Pace::Open { rate, bound: self.bound.unwrap_or(tokens / batch) },
            (None, closed) => Pace::Closed { in_flight: closed.unwrap_or_default() },
        };
        let (Pace::Open { bound: most, .. } | Pace::Closed { in_flight: most }) = pace;
        ensure!(
            (1..=tokens / batch).contains(&most),
            "{most} calls in flight, with {batch} each of {tokens}"
        );
        if let Pace::Open { rate, .. } = pace {
            ensure!(rate > 0.0 && rate < 1e7, "--rate must be above 0");
        }
        Ok(pace)
    }
}
