// SPDX-License-Identifier: Apache-2.0
//! Requests of a file, each for one call.

use std::fs;
use std::path::Path;
use std::vec::IntoIter;

use anyhow::{Context, Result};
use prost::Message;
use uuid::Uuid;

use crate::wire::VerifyTransactionRequest;

/// `VerifyTransactionRequest`s in the order of their file, where each stands behind its
/// length (a varint).
///
/// All are read at once: nothing waits for the file while calls are measured.
pub struct Prepared(IntoIter<VerifyTransactionRequest>);

impl Prepared {
    /// The requests of the file at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let octets = fs::read(path)?;
        let mut rest = octets.as_slice();
        let mut requests = Vec::new();
        while !rest.is_empty() {
            let request = VerifyTransactionRequest::decode_length_delimited(&mut rest);
            requests.push(request.with_context(|| format!("request {}", requests.len()))?);
        }
        Ok(Self(requests.into_iter()))
    }

    /// How many there are yet.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// The next one, as a call of its own: a `request_id` that was sent before would be
    /// answered from memory.
    pub fn next(&mut self) -> Option<VerifyTransactionRequest> {
        let request = self.0.next()?;
        Some(VerifyTransactionRequest { request_id: Uuid::now_v7().to_string(), ..request })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn each_request_is_there_once_and_as_a_call_of_its_own() {
        let path = file_of("once", &[written("11111111"), written("22222222")].concat());
        let mut prepared = Prepared::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(prepared.left(), 2);
        let [first, second] = [(); 2].map(|()| prepared.next().unwrap());
        assert_eq!([first.code, second.code], ["11111111", "22222222"]);
        assert_eq!(first.subscriber_ref, "customer-7");
        for id in [&first.request_id, &second.request_id] {
            assert!(Uuid::try_parse(id).is_ok(), "{id}");
        }
        assert_ne!(first.request_id, second.request_id);
        assert!(prepared.next().is_none());
    }

    #[test]
    fn a_file_that_ends_within_a_request_is_refused() {
        let mut octets = [written("11111111"), written("22222222")].concat();
        octets.pop();
        let path = file_of("cut", &octets);
        let opened = Prepared::open(&path);
        fs::remove_file(&path).unwrap();
        assert!(format!("{:#}", opened.err().unwrap()).contains("request 1"));
    }

    // By hand, as protobuf's encoding has it: fields 2 and 5, both strings.
    fn written(code: &str) -> Vec<u8> {
        let message = format!("\x12\x0acustomer-7\x2a\x08{code}").into_bytes();
        [vec![u8::try_from(message.len()).unwrap()], message].concat()
    }

    fn file_of(name: &str, octets: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("loadgen-{}-{name}", std::process::id()));
        fs::write(&path, octets).unwrap();
        path
    }
}
