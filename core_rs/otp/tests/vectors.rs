// SPDX-License-Identifier: Apache-2.0
//! Every vector of RFC 4226 Appendix D and RFC 6238 Appendix B, from the files
//! that pytest reads too.

use std::{collections::BTreeMap, convert::Infallible, fs};

use kagimori_otp::{Digits, Hash, MAX_MAC, Mac, SoftwareMac, hotp, step_at, truncate};
use serde::{Deserialize, de::DeserializeOwned};

#[derive(Deserialize)]
struct Rfc4226 {
    key_ascii: String,
    digits: u8,
    vectors: Vec<HotpVector>,
}

#[derive(Deserialize)]
struct HotpVector {
    counter: u64,
    truncated: u32,
    code: String,
    ten_digits: String,
}

#[derive(Deserialize)]
struct Rfc6238 {
    digits: u8,
    period: u64,
    t0: u64,
    keys_ascii: BTreeMap<String, String>,
    vectors: Vec<TotpVector>,
}

#[derive(Deserialize)]
struct TotpVector {
    time: u64,
    step: u64,
    hash: String,
    code: String,
}

#[test]
fn hotp_gives_the_codes_of_rfc_4226() {
    let file: Rfc4226 = read("rfc4226.json");
    assert_eq!(file.vectors.len(), 10);
    let mut mac = SoftwareMac::new(Hash::Sha1, file.key_ascii.as_bytes());
    for vector in &file.vectors {
        assert_eq!(code(&mut mac, vector.counter, file.digits), vector.code);
        assert_eq!(code(&mut mac, vector.counter, 10), vector.ten_digits);
        assert_eq!(truncated(&mut mac, vector.counter), vector.truncated);
    }
}

#[test]
fn totp_gives_the_codes_of_rfc_6238() {
    let file: Rfc6238 = read("rfc6238.json");
    assert_eq!(file.vectors.len(), 18);
    for vector in &file.vectors {
        let key = file.keys_ascii[&vector.hash].as_bytes();
        let mut mac = SoftwareMac::new(hash(&vector.hash), key);
        assert_eq!(step_at(vector.time, file.t0, file.period), Some(vector.step));
        assert_eq!(code(&mut mac, vector.step, file.digits), vector.code);
    }
}

#[test]
fn there_is_no_step_before_t0() {
    assert_eq!(step_at(99, 100, 30), None);
    assert_eq!(step_at(100, 100, 30), Some(0));
    assert_eq!(step_at(100, 0, 0), None);
}

fn code(mac: &mut SoftwareMac, counter: u64, digits: u8) -> String {
    let Ok(code) = hotp(mac, counter, Digits::new(digits).unwrap());
    String::from_utf8(code.as_bytes().to_vec()).unwrap()
}

fn truncated(mac: &mut SoftwareMac, counter: u64) -> u32 {
    let mut octets = [0; MAX_MAC];
    let Ok::<(), Infallible>(()) = mac.compute(&counter.to_be_bytes(), &mut octets);
    truncate(&octets, mac.hash())
}

fn hash(name: &str) -> Hash {
    match name {
        "SHA1" => Hash::Sha1,
        "SHA256" => Hash::Sha256,
        "SHA512" => Hash::Sha512,
        other => panic!("no such hash: {other}"),
    }
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
