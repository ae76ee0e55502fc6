// SPDX-License-Identifier: Apache-2.0
//! Tells how fast phones' envelopes go through the HSM if nothing else is done.
//!
//! Reads an [`Order`] (TOML), which an empty line ends, and prints `open`. Then it
//! prints a number for each line that it reads: set-ups per second of one round,
//! with `C_UnwrapKey`, `C_WrapKey` and `C_DestroyObject` for both envelopes of each,
//! in one session.

use std::io;
use std::time::{Duration, Instant};

use kagimori_hsm::{AuthPin, Canary, Envelopes, Error, Login, Provider, Settings, Vault};
use kagimori_otp::Hash;
use serde::Deserialize;

/// So many that handing them over costs nothing beside them.
const AT_ONCE: u64 = 5;
const PATIENCE: Duration = Duration::from_mins(1);

/// What to measure, and where.
#[derive(Deserialize)]
struct Order {
    round_ms: u64,
    module: String,
    partition: String,
    pin: String,
    policy: String,
    kwp: u64,
    hmac_min_is_hash_length: bool,
    canary: Sealed,
    phone: Phone,
}

#[derive(Deserialize)]
struct Sealed {
    key_version: u32,
    blob: Vec<u8>,
    challenge: Vec<u8>,
    response: Vec<u8>,
}

/// A phone's envelopes (RSAES-OAEP with SHA-1), and the tenant they are for.
#[derive(Deserialize)]
struct Phone {
    tenant: String,
    key_version: u32,
    wrap_format: String,
    envelopes: Vec<Vec<u8>>,
}

fn main() {
    let mut lines = io::stdin().lines().map(|line| line.expect("lines on standard input"));
    let order = lines.by_ref().take_while(|line| !line.is_empty());
    let order = order.collect::<Vec<_>>().join("\n");
    let order: Order = toml::from_str(&order).expect("a well-formed order");
    let vault = Vault::open(settings(&order)).unwrap_or_else(|error| give_up(&error));
    println!("open");
    for _ in lines {
        println!("{:.2}", rate(&vault, &order.phone, Duration::from_millis(order.round_ms)));
    }
}

/// Set-ups per second, over at least `round`.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn rate(vault: &Vault, phone: &Phone, round: Duration) -> f64 {
    let start = Instant::now();
    let mut set_ups = 0;
    while start.elapsed() < round {
        let bare = vault.bare_envelope_loop(envelopes(phone), AT_ONCE, PATIENCE);
        bare.unwrap_or_else(|error| give_up(&error));
        set_ups += AT_ONCE;
    }
    set_ups as f64 / start.elapsed().as_secs_f64()
}

fn envelopes(phone: &Phone) -> Envelopes {
    Envelopes {
        tenant: phone.tenant.clone(),
        key_version: phone.key_version,
        octets: phone.envelopes.clone(),
        hash: Hash::Sha1,
    }
}

fn settings(order: &Order) -> Settings {
    let Order { canary, phone, .. } = order;
    Settings {
        module: order.module.clone(),
        login: Login {
            label: order.partition.clone(),
            pin: AuthPin::new(order.pin.as_str().into()),
        },
        policy: order.policy.clone(),
        provider: Provider {
            kwp: order.kwp,
            wrap_format: phone.wrap_format.clone(),
            oaep_hash: Hash::Sha1,
            hmac_min_is_hash_length: order.hmac_min_is_hash_length,
        },
        canaries: vec![Canary {
            tenant: phone.tenant.clone(),
            key_version: canary.key_version,
            blob: canary.blob.clone(),
            challenge: canary.challenge.clone(),
            response: canary.response.clone(),
        }],
        sessions: 1,
        cache_entries: 1,
        cache_lifetime: PATIENCE,
    }
}

fn give_up(error: &Error) -> ! {
    eprintln!("provision: {error}");
    std::process::exit(1)
}
