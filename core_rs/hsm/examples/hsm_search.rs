// SPDX-License-Identifier: Apache-2.0
//! Prints how fast open seeds are searched, beside the bare PKCS#11 calls.
//!
//! Reads an [`Order`] (TOML) from standard input. Prints two numbers: jobs per
//! second, in batches, whose first step is the match, and pairs of `C_SignInit` and
//! `C_Sign` per second with the same seed in the same session. Both sides are
//! measured in turn; the best round of each counts.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kagimori_hsm::{
    Asked, AuthPin, Canary, Error, Identity, Job, Login, Provider, Row, Settings, Vault,
};
use kagimori_otp::{Code, Digits, Hash, Window};
use serde::Deserialize;

/// Jobs in one search: a busy server's searches hold some dozens.
const BATCH: usize = 64;
/// So many that handing them over costs nothing beside them.
const BARE: u64 = 5_000;
const PATIENCE: Duration = Duration::from_secs(1);
/// Longer than any bench, so that the seed is opened once.
const LIFETIME: Duration = Duration::from_hours(1);

/// What to measure, and where.
#[derive(Deserialize)]
struct Order {
    rounds: u32,
    round_ms: u64,
    module: String,
    partition: String,
    pin: String,
    policy: String,
    kwp: u64,
    hmac_min_is_hash_length: bool,
    canary: Sealed,
    token: TokenRow,
    step: u64,
    code: String,
}

#[derive(Deserialize)]
struct Sealed {
    blob: Vec<u8>,
    challenge: Vec<u8>,
    response: Vec<u8>,
}

/// A token with HMAC-SHA-1 and six digits, as its row has it.
#[derive(Deserialize)]
struct TokenRow {
    tenant: String,
    token_id: String,
    serial: String,
    subscriber: String,
    kind: String,
    purpose: String,
    factor: String,
    period: u32,
    t0: i64,
    custody: String,
    seed_length: u32,
    key_version: u32,
    wrap_format: String,
    blob: Vec<u8>,
    mac: Vec<u8>,
}

fn main() {
    let order = io::read_to_string(io::stdin()).expect("an order on standard input");
    let order: Order = toml::from_str(&order).expect("a well-formed order");
    let job = job(&order);
    let (rounds, round) = (order.rounds, Duration::from_millis(order.round_ms));
    let vault = Vault::open(settings(order)).unwrap_or_else(|error| give_up(&error));
    let (mut searches, mut ceiling) = (0.0_f64, 0.0_f64);
    for _ in 0..rounds {
        searches = searches.max(rate(round, || search(&vault, &job)));
        ceiling = ceiling.max(rate(round, || bare(&vault, &job)));
    }
    println!("{searches:.0} {ceiling:.0}");
}

/// Calls per second, over at least `round`; `some` makes a few and counts them.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn rate(round: Duration, some: impl Fn() -> u64) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < round {
        calls += some();
    }
    calls as f64 / start.elapsed().as_secs_f64()
}

fn search(vault: &Vault, job: &Job) -> u64 {
    let answers = vault.search(vec![job.clone(); BATCH], PATIENCE);
    let answers = answers.unwrap_or_else(|error| give_up(&error));
    for answer in &answers {
        assert_eq!((answer.step.is_some(), answer.evaluated), (true, 1));
    }
    answers.len() as u64
}

fn bare(vault: &Vault, job: &Job) -> u64 {
    vault.bare_hmac_loop(&job.row, BARE).unwrap_or_else(|error| give_up(&error));
    BARE
}

fn job(order: &Order) -> Job {
    let asked = Asked::Code {
        window: Window::new(order.step, order.step, order.step, None).expect("one step"),
        code: Code::parse(&order.code).expect("six digits"),
        second: None,
    };
    Job { row: Arc::new(row(&order.token)), asked }
}

fn row(token: &TokenRow) -> Row {
    let identity = Identity {
        tenant: &token.tenant,
        token_id: &token.token_id,
        serial: &token.serial,
        subscriber: &token.subscriber,
        kind: &token.kind,
        purpose: &token.purpose,
        factor: &token.factor,
        hash: Hash::Sha1,
        digits: Digits::new(6).expect("six is a number of digits"),
        period: token.period,
        t0: token.t0,
        custody: &token.custody,
        seed_length: token.seed_length,
        key_version: token.key_version,
        wrap_format: &token.wrap_format,
        blob: &token.blob,
    };
    Row::new(&identity, &token.mac)
}

fn settings(order: Order) -> Settings {
    let Order { canary, token, .. } = order;
    Settings {
        module: order.module,
        login: Login { label: order.partition, pin: AuthPin::new(order.pin.into()) },
        policy: order.policy,
        provider: Provider {
            kwp: order.kwp,
            wrap_format: token.wrap_format,
            oaep_hash: Hash::Sha1, // nothing here is opened with it
            hmac_min_is_hash_length: order.hmac_min_is_hash_length,
        },
        canaries: vec![Canary {
            tenant: token.tenant,
            key_version: token.key_version,
            blob: canary.blob,
            challenge: canary.challenge,
            response: canary.response,
        }],
        sessions: 1,
        cache_entries: 1,
        cache_lifetime: LIFETIME,
    }
}

fn give_up(error: &Error) -> ! {
    eprintln!("hsm_search: {error}");
    std::process::exit(1)
}
