// SPDX-License-Identifier: Apache-2.0
//! HOTP in software (RFC 4226), for tokens whose seeds protect nothing.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The code of `counter`, with `digits` digits (RFC 4226 §5.3).
pub fn code(seed: &[u8], counter: u64, digits: u32) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(seed).expect("HMAC takes keys of any length");
    mac.update(&counter.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 0xf);
    let chosen = digest[offset..offset + 4].try_into().expect("offset is at most 15 of 19");
    let number = u32::from_be_bytes(chosen) & 0x7fff_ffff;
    format!("{:0width$}", number % 10_u32.pow(digits), width = digits as usize)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Rfc4226 {
        key_ascii: String,
        digits: u32,
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        counter: u64,
        truncated: u32,
        code: String,
    }

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let text = include_str!("../../../tests/vectors/rfc4226.json");
        let rfc: Rfc4226 = serde_json::from_str(text).unwrap();
        assert_eq!(rfc.vectors.len(), 10);
        for vector in rfc.vectors {
            let seed = rfc.key_ascii.as_bytes();
            assert_eq!(super::code(seed, vector.counter, rfc.digits), vector.code);
            // The appendix gives the truncated value too: its last eight digits.
            let eight = format!("{:08}", vector.truncated % 100_000_000);
            assert_eq!(super::code(seed, vector.counter, 8), eight);
        }
    }
}
