// SPDX-License-Identifier: Apache-2.0
//! Phones' seeds and passwords, against `SoftHSM`.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use kagimori_hsm::{Asked, Custody, Envelopes, Error, HsmError, Job, Recovery, Row, Sealed, Vault};
use kagimori_otp::{Code, Hash, Window};
use sha1::Sha1;

use crate::support::{Bench, PATIENCE, TENANT, bench};

const OTHER_TENANT: &str = "20160003";

#[test]
fn a_phones_seed_goes_under_the_wrapping_key() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let sealed = vault.seal_envelopes(envelopes(&bench.phone.envelopes), PATIENCE).unwrap();
    for one in &sealed {
        assert_eq!((one.custody, one.key_version), (Custody::SealedByApp, 1));
        assert_eq!((one.length, one.blob.len()), (64, 72));
    }
    assert_ne!(sealed[0].blob, sealed[1].blob);
    assert_eq!(step_of(bench, &vault, &sealed[0], &code(&bench.phone.seed, 7)), Some(7));
    assert_eq!(step_of(bench, &vault, &sealed[1], &code(&[7; 64], 7)), Some(7));
    assert_eq!(vault.opened().unwrap(), 4, "two envelopes, and two seeds for the codes");
}

#[test]
fn after_a_rotation_seeds_go_under_the_newest_key() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.rotated_vault();
    let sealed = vault.seal_envelopes(envelopes(&bench.phone.envelopes), PATIENCE).unwrap();
    assert_eq!(sealed.iter().map(|one| one.key_version).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(step_of(bench, &vault, &sealed[0], &code(&bench.phone.seed, 7)), Some(7));
}

#[test]
fn an_envelope_that_does_not_open_is_named_and_is_no_dead_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let (phone, good) = (&bench.phone, &bench.phone.envelopes[0]);
    let mut damaged = good.clone();
    damaged[9] ^= 1;
    let cut = good[1..].to_vec();
    for envelope in [vec![], vec![0; 256], vec![255; 256], damaged, cut, phone.foreign.clone()] {
        let asked = envelopes(&[good.clone(), envelope]);
        let wanted = Error::Envelope(1, "the provisioning key does not open it");
        assert_eq!(vault.seal_envelopes(asked, PATIENCE).err(), Some(wanted));
    }
    // No session was lost for it: what is open in the others stays open, too.
    assert!(vault.seal_envelopes(envelopes(&phone.envelopes), PATIENCE).is_ok());
}

#[test]
fn a_seed_of_another_length_is_refused() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    for (length, envelope) in &bench.phone.odd {
        let asked = envelopes(&[envelope.clone(), bench.phone.envelopes[0].clone()]);
        let wanted = Error::Envelope(0, "it holds no seed of 64 octets");
        let outcome = vault.seal_envelopes(asked, PATIENCE).err();
        assert_eq!(outcome, Some(wanted), "{length} octets");
    }
}

#[test]
fn a_key_that_was_never_made_needs_a_person() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let asked = Envelopes { key_version: 2, ..envelopes(&bench.phone.envelopes) };
    let missing = error(vault.seal_envelopes(asked, PATIENCE));
    assert!(missing.to_string().contains("'10112231/provisioning/2'"));
    let tenant = OTHER_TENANT.to_owned();
    let unknown = Envelopes { tenant, ..envelopes(&bench.phone.envelopes) };
    for error in [
        missing,
        error(vault.seal_envelopes(unknown, PATIENCE)),
        error(vault.password_mac(TENANT.to_owned(), b"4711", Some(2), PATIENCE)),
        error(vault.password_mac(OTHER_TENANT.to_owned(), b"4711", None, PATIENCE)),
    ] {
        assert_eq!(error.recovery(), Recovery::Fatal);
    }
}

#[test]
fn a_passwords_mac_is_the_messages_and_the_keys() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.rotated_vault();
    let mac = |message, version| {
        vault.password_mac(TENANT.to_owned(), message, version, PATIENCE).unwrap()
    };
    let (newest, version) = mac(b"4711", None);
    assert_eq!(version, 2);
    assert_eq!(mac(b"4711", Some(2)), (newest, 2));
    let (older, version) = mac(b"4711", Some(1));
    assert_eq!(version, 1);
    assert_ne!(older, newest);
    assert_ne!(mac(b"4712", None).0, newest);
    assert_ne!(mac(b"4711\0", None).0, newest);
    assert_ne!(vault.fingerprint(TENANT, b"4711").unwrap(), newest);
}

#[test]
fn the_macs_of_rows_come_in_order() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let rows: Vec<Arc<Row>> =
        ["1", "2", "3"].map(|id| Arc::new(bench.row(&vault, |row| row.token_id = id))).into();
    let one_by_one: Vec<_> = rows.iter().map(|row| vault.row_mac(row, PATIENCE).unwrap()).collect();
    assert_eq!(vault.row_macs(rows, PATIENCE).unwrap(), one_by_one);
    assert_ne!(one_by_one[0], one_by_one[1]);
}

/// Envelopes to the tests' tenant.
pub fn envelopes(octets: &[Vec<u8>]) -> Envelopes {
    let (tenant, octets) = (TENANT.to_owned(), octets.to_vec());
    Envelopes { tenant, key_version: 1, octets, hash: Hash::Sha1 }
}

fn error<T>(outcome: Result<T, Error>) -> HsmError {
    match outcome {
        Err(Error::Hsm(error)) => error,
        _ => panic!("the HSM did not fail"),
    }
}

/// The step that the sealed seed has `code` at.
fn step_of(bench: &Bench, vault: &Vault, sealed: &Sealed, code: &str) -> Option<u64> {
    let row = bench.row(vault, |row| {
        row.blob = Box::leak(sealed.blob.clone().into_boxed_slice());
        (row.key_version, row.custody) = (sealed.key_version, sealed.custody.word());
    });
    let window = Window::new(0, 0, 9, None).unwrap();
    let asked = Asked::Code { window, code: Code::parse(code).unwrap(), second: None };
    let job = Job { row: Arc::new(row), asked };
    vault.search(vec![job], PATIENCE).unwrap()[0].step
}

/// RFC 4226 §5.3, on the host.
fn code(seed: &[u8], counter: u64) -> String {
    let keyed = Hmac::<Sha1>::new_from_slice(seed).unwrap();
    let mac = keyed.chain_update(counter.to_be_bytes()).finalize().into_bytes();
    let offset = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}
