// SPDX-License-Identifier: Apache-2.0
//! Tells how fast vendors' seeds go through the HSM if nothing else is done.
//!
//! Reads an [`Order`] (TOML), which an empty line ends, and prints `open`. Then it
//! prints a number for each line that it reads: tokens per second of one round, in
//! one session of each partition. A token costs `C_UnwrapKey` (or `C_Decrypt` and
//! `C_CreateObject`), the MAC of the file where its key is in the HSM, one code,
//! `C_WrapKey`, `C_DestroyObject` and the MAC of its row.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kagimori_hsm::{
    AuthPin, Canary, DeliveryKeys, EncryptedSeed, Error, Identity, ImportSettings, ImportVault,
    Login, MacMethod, Provider, Row, Zeroizing,
};
use kagimori_otp::{Digits, Hash};
use serde::Deserialize;

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
    /// Where the host opens the seeds.
    importing: Option<Importing>,
    delivery: Delivery,
}

#[derive(Deserialize)]
struct Sealed {
    key_version: u32,
    blob: Vec<u8>,
    challenge: Vec<u8>,
    response: Vec<u8>,
}

#[derive(Deserialize)]
struct Importing {
    partition: String,
    pin: String,
}

/// Seeds of 20 octets for HMAC-SHA-1, under a key that was agreed on; one MAC
/// method for all where there is one.
#[derive(Deserialize)]
struct Delivery {
    tenant: String,
    wrap_format: String,
    vendor: String,
    algorithm: String,
    seeds: Vec<Vec<u8>>,
    mac_algorithm: Option<String>,
    #[serde(default)]
    mac_key_algorithm: String,
    #[serde(default)]
    mac_key: Vec<u8>,
}

fn main() {
    let mut lines = io::stdin().lines().map(|line| line.expect("lines on standard input"));
    let order = lines.by_ref().take_while(|line| !line.is_empty());
    let order = order.collect::<Vec<_>>().join("\n");
    let order: Order = toml::from_str(&order).expect("a well-formed order");
    let vault = ImportVault::open(settings(&order)).unwrap_or_else(|error| give_up(&error));
    println!("open");
    for _ in lines {
        println!("{:.2}", rate(&vault, &order));
    }
}

/// Tokens per second, over at least a round.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn rate(vault: &ImportVault, order: &Order) -> f64 {
    let (keys, seeds, row) = (keys(&order.delivery), seeds(&order.delivery), row(order));
    let (start, round) = (Instant::now(), Duration::from_millis(order.round_ms));
    let mut tokens = 0;
    while start.elapsed() < round {
        let bare = vault.bare_seal_loop(&keys, &order.delivery.tenant, &seeds, &row, 1);
        bare.unwrap_or_else(|error| give_up(&error));
        tokens += seeds.len();
    }
    tokens as f64 / start.elapsed().as_secs_f64()
}

fn keys(delivery: &Delivery) -> DeliveryKeys {
    let mac = delivery.mac_algorithm.as_ref().map(|algorithm| MacMethod {
        algorithm: algorithm.clone(),
        key_algorithm: delivery.mac_key_algorithm.clone(),
        key_ciphertext: delivery.mac_key.clone(),
    });
    DeliveryKeys::pre_shared(delivery.vendor.clone(), mac)
}

/// Their MACs are computed and not compared.
fn seeds(delivery: &Delivery) -> Vec<EncryptedSeed> {
    let seed = |octets: &Vec<u8>| EncryptedSeed {
        algorithm: delivery.algorithm.clone(),
        ciphertext: Zeroizing::new(octets.clone()),
        mac: None,
        hash: Hash::Sha1,
    };
    delivery.seeds.iter().map(seed).collect()
}

/// A row such as a new token's.
fn row(order: &Order) -> Arc<Row> {
    let identity = Identity {
        tenant: &order.delivery.tenant,
        token_id: "0123456789abcdef0123456789abcdef",
        serial: "KAGI00000001",
        subscriber: "",
        kind: "HARDWARE",
        purpose: "AUTHENTICATION",
        factor: "TIME",
        hash: Hash::Sha1,
        digits: Digits::new(6).expect("six is a number of digits"),
        period: 30,
        t0: 0,
        custody: "UNWRAPPED_IN_HSM",
        seed_length: 24,
        key_version: order.canary.key_version,
        wrap_format: &order.delivery.wrap_format,
        blob: &[0; 32],
    };
    Arc::new(Row::new(&identity, &[]))
}

fn settings(order: &Order) -> ImportSettings {
    let login = |label: &str, pin: &str| Login { label: label.into(), pin: AuthPin::from(pin) };
    let Order { canary, delivery, importing, .. } = order;
    ImportSettings {
        module: order.module.clone(),
        serving: login(&order.partition, &order.pin),
        importing: importing.as_ref().map(|room| login(&room.partition, &room.pin)),
        policy: order.policy.clone(),
        provider: Provider {
            kwp: order.kwp,
            wrap_format: delivery.wrap_format.clone(),
            oaep_hash: Hash::Sha1, // nothing here is opened with it
            hmac_min_is_hash_length: order.hmac_min_is_hash_length,
        },
        canaries: vec![Canary {
            tenant: delivery.tenant.clone(),
            key_version: canary.key_version,
            blob: canary.blob.clone(),
            challenge: canary.challenge.clone(),
            response: canary.response.clone(),
        }],
        allow_host_transient: importing.is_some(),
        allow_clear_text: false,
    }
}

fn give_up(error: &Error) -> ! {
    eprintln!("import_seeds: {error}");
    std::process::exit(1)
}
