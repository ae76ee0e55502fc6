// SPDX-License-Identifier: Apache-2.0
//! Prints how many codes a second one core computes from keys in host memory.
//!
//! `otp_core ROUND_MS`: one line, a number. Each code begins with its key, as
//! another library's `HOTP.at` does: what is timed is all of HOTP(K, C).

use std::hint::black_box;
use std::time::{Duration, Instant};

use kagimori_otp::{Digits, Hash, SoftwareMac, hotp};

const KEY: &[u8] = b"12345678901234567890";
const BATCH: u64 = 1000;

fn main() {
    let milliseconds = std::env::args().nth(1).and_then(|word| word.parse().ok());
    let round = Duration::from_millis(milliseconds.expect("usage: otp_core ROUND_MS"));
    println!("{:.0}", rate(round));
}

/// Codes per second, over at least `round`.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn rate(round: Duration) -> f64 {
    let digits = Digits::new(6).expect("six is a number of digits");
    let start = Instant::now();
    let mut counter = 0;
    while start.elapsed() < round {
        for _ in 0..BATCH {
            let mut mac = SoftwareMac::new(Hash::Sha1, black_box(KEY));
            let Ok(code) = hotp(&mut mac, counter, digits);
            black_box(code);
            counter += 1;
        }
    }
    counter as f64 / start.elapsed().as_secs_f64()
}
