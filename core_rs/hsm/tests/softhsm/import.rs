// SPDX-License-Identifier: Apache-2.0
//! Taking vendors' seeds over, against `SoftHSM`.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use kagimori_hsm::{
    Custody, EncryptedSeed, Error, ImportVault, Job, MacMethod, Sealed, SeedTrouble,
};
use kagimori_otp::{Code, Hash, Window};
use sha1::Sha1;

use crate::support::{Bench, PATIENCE, TENANT, VendorFile, bench};

#[test]
fn a_key_wrapped_seed_is_opened_inside_the_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let sealed = seal(bench, &wrapped(&bench.file)).unwrap();
    assert_eq!((sealed.custody, sealed.key_version), (Custody::UnwrappedInHsm, 1));
    assert_eq!(sealed.length, bench.file.wrapped_seed.len() - 8);
    assert_eq!(code_step(bench, &sealed, Hash::Sha1, "755224"), Some(0)); // RFC 4226 Appendix D
}

#[test]
fn a_cbc_seed_passes_through_locked_memory() {
    let Some((_turn, bench)) = bench() else { return };
    let mac = mac(&bench.file, &bench.file.cbc_seed);
    let sealed = seal(bench, &cbc(&bench.file, &mac)).unwrap();
    assert_eq!((sealed.custody, sealed.length), (Custody::HostTransient, 20));
    assert_eq!(code_step(bench, &sealed, Hash::Sha1, "755224"), Some(0));
}

#[test]
fn a_seed_shorter_than_its_hash_is_padded_with_zeros() {
    let Some((_turn, bench)) = bench() else { return };
    let mac = mac(&bench.file, &bench.file.cbc_seed);
    let seed = EncryptedSeed { hash: Hash::Sha512, ..cbc(&bench.file, &mac) };
    let sealed = seal(bench, &seed).unwrap();
    assert_eq!(sealed.length, 64);
    // oathtool --totp=sha512 --now=@30 3132333435363738393031323334353637383930
    assert_eq!(code_step(bench, &sealed, Hash::Sha512, "342147"), Some(1));
}

#[test]
fn the_mac_comes_before_the_seed() {
    let Some((_turn, bench)) = bench() else { return };
    let good = mac(&bench.file, &bench.file.cbc_seed);
    let mut swapped = bench.file.cbc_seed.clone();
    swapped[20] ^= 1;
    let seed = EncryptedSeed { ciphertext: &swapped, ..cbc(&bench.file, &good) };
    assert_eq!(trouble(bench, &seed), SeedTrouble::MacMismatch);
    let wrong = [0; 20];
    let seed = EncryptedSeed { mac: Some(&wrong), ..wrapped_with_mac(&bench.file, &wrong) };
    assert_eq!(trouble(bench, &seed), SeedTrouble::MacMismatch);
    let right = mac(&bench.file, &bench.file.wrapped_seed);
    assert!(seal(bench, &wrapped_with_mac(&bench.file, &right)).is_ok());
}

#[test]
fn a_mac_under_a_key_that_can_be_guessed_is_none() {
    let Some((_turn, bench)) = bench() else { return };
    let file = &bench.file;
    for length in [0, 1, 15] {
        let mac = mac_under(&file.mac_key[..length], &file.cbc_seed);
        let mut seed = cbc(file, &mac);
        let key_ciphertext = &file.cbc_short_mac_keys[length];
        seed.mac_method = seed.mac_method.map(|method| MacMethod { key_ciphertext, ..method });
        assert_eq!(trouble(bench, &seed), SeedTrouble::MacMismatch);
    }
}

#[test]
fn a_mac_that_was_stripped_is_missed() {
    let Some((_turn, bench)) = bench() else { return };
    let good = mac(&bench.file, &bench.file.cbc_seed);
    let seed = cbc(&bench.file, &good);
    for stripped in [
        EncryptedSeed { mac: None, ..seed },
        EncryptedSeed { mac_method: None, ..seed },
        EncryptedSeed { mac: None, mac_method: None, ..seed },
        EncryptedSeed { mac: None, ..wrapped_with_mac(&bench.file, &good) },
    ] {
        assert_eq!(trouble(bench, &stripped), SeedTrouble::MacMissing);
    }
}

#[test]
fn what_cannot_be_taken_over_says_why() {
    let Some((_turn, bench)) = bench() else { return };
    let file = &bench.file;
    let mut damaged = file.wrapped_seed.clone();
    damaged[9] ^= 1;
    let short_mac = mac(file, &file.cbc_short_seed);
    let short = EncryptedSeed { ciphertext: &file.cbc_short_seed, ..cbc(file, &short_mac) };
    for (seed, wanted) in [
        (EncryptedSeed { ciphertext: &damaged, ..wrapped(file) }, SeedTrouble::UnwrapFailed),
        (EncryptedSeed { ciphertext: &[0; 33], ..wrapped(file) }, SeedTrouble::UnwrapFailed),
        (EncryptedSeed { hash: Hash::Sha256, ..wrapped(file) }, SeedTrouble::SeedTooShort),
        (short, SeedTrouble::SeedTooShort),
        (EncryptedSeed { vendor: "nobody", ..wrapped(file) }, SeedTrouble::UnknownVendor),
        (
            EncryptedSeed { algorithm: "tripledes-cbc", ..wrapped(file) },
            SeedTrouble::UnsupportedAlgorithm,
        ),
    ] {
        assert_eq!(trouble(bench, &seed), wanted);
    }
}

#[test]
fn the_host_sees_a_seed_only_if_that_was_asked_for() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = ImportVault::open(bench.import_settings(false)).unwrap();
    let mac = mac(&bench.file, &bench.file.cbc_seed);
    let outcome = vault.seal(&cbc(&bench.file, &mac), TENANT);
    let wanted = SeedTrouble::HostTransientNotAllowed;
    assert!(matches!(outcome, Err(Error::Seed(trouble, _)) if trouble == wanted));
}

fn seal(bench: &Bench, seed: &EncryptedSeed) -> Result<Sealed, Error> {
    ImportVault::open(bench.import_settings(true)).unwrap().seal(seed, TENANT)
}

fn trouble(bench: &Bench, seed: &EncryptedSeed) -> SeedTrouble {
    match seal(bench, seed) {
        Err(Error::Seed(trouble, _)) => trouble,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken over"),
    }
}

fn wrapped(file: &VendorFile) -> EncryptedSeed<'_> {
    EncryptedSeed {
        vendor: "acme",
        algorithm: "kw-aes256",
        ciphertext: &file.wrapped_seed,
        mac: None,
        mac_method: None,
        hash: Hash::Sha1,
    }
}

fn wrapped_with_mac<'f>(file: &'f VendorFile, mac: &'f [u8]) -> EncryptedSeed<'f> {
    let method = MacMethod {
        algorithm: "hmac-sha1",
        key_algorithm: "kw-aes256",
        key_ciphertext: &file.wrapped_mac_key,
    };
    EncryptedSeed { mac: Some(mac), mac_method: Some(method), ..wrapped(file) }
}

fn cbc<'f>(file: &'f VendorFile, mac: &'f [u8]) -> EncryptedSeed<'f> {
    let method = MacMethod {
        algorithm: "hmac-sha1",
        key_algorithm: "aes256-cbc",
        key_ciphertext: &file.cbc_mac_key,
    };
    EncryptedSeed {
        algorithm: "aes256-cbc",
        ciphertext: &file.cbc_seed,
        mac: Some(mac),
        mac_method: Some(method),
        ..wrapped(file)
    }
}

fn mac(file: &VendorFile, ciphertext: &[u8]) -> Vec<u8> {
    mac_under(&file.mac_key, ciphertext)
}

fn mac_under(key: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let keyed = Hmac::<Sha1>::new_from_slice(key).unwrap();
    keyed.chain_update(ciphertext).finalize().into_bytes().to_vec()
}

/// The step that the sealed seed has `code` at, searched by a serving vault.
fn code_step<'b>(bench: &'b Bench, sealed: &'b Sealed, hash: Hash, code: &str) -> Option<u64> {
    let vault = bench.vault();
    let row = bench.row(&vault, |row| (row.blob, row.hash) = (&sealed.blob, hash));
    let window = Window::new(0, 0, 9, None).unwrap();
    let job = Job { row: Arc::new(row), window, code: Code::parse(code).unwrap(), second: None };
    vault.search(vec![job], PATIENCE).unwrap()[0].step
}
