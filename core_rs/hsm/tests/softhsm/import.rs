// SPDX-License-Identifier: Apache-2.0
//! Taking vendors' seeds over, against `SoftHSM`: what a caller of this crate sees.
//! Every algorithm and every refusal is in the vaults' contract, in Python.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use kagimori_hsm::{
    Asked, Custody, Delivered, DeliveryKeys, EncryptedSeed, Error, ImportVault, Job, MacMethod,
    Pbkdf2, Refusal, Row, Sealed, SeedTrouble, Verdict, Zeroizing,
};
use kagimori_otp::{Code, Hash, Window};
use sha1::Sha1;

use crate::support::{Bench, PATIENCE, SEED, TENANT, VendorFile, bench};

#[test]
fn a_key_wrapped_seed_is_opened_inside_the_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let sealed = sealed(bench, &agreed(None), wrapped(&bench.file));
    assert_eq!((sealed.custody, sealed.key_version), (Custody::UnwrappedInHsm, 1));
    assert_eq!(sealed.length, bench.file.wrapped_seed.len() - 8);
    assert_eq!(code_step(bench, &sealed, Hash::Sha1, "755224"), Some(0)); // RFC 4226 Appendix D
}

#[test]
fn a_mac_key_that_opens_inside_the_hsm_is_used_there() {
    let Some((_turn, bench)) = bench() else { return };
    let file = &bench.file;
    let keys = agreed(Some(MacMethod {
        key_algorithm: "kw-aes256".to_owned(),
        key_ciphertext: file.wrapped_mac_key.clone(),
        ..cbc_mac(file)
    }));
    let good = Some(mac(&file.mac_key, &file.wrapped_seed));
    sealed(bench, &keys, EncryptedSeed { mac: good, ..wrapped(file) });
    let vault = ImportVault::open(bench.import_settings(false)).unwrap();
    let wrong = EncryptedSeed { mac: Some(vec![0; 20]), ..wrapped(file) };
    let verdicts = vault.seal(&keys, TENANT, &[wrong]).unwrap();
    assert_eq!(word(&verdicts[0]), "MAC_MISMATCH");
}

#[test]
fn a_cbc_seed_passes_through_locked_memory() {
    let Some((_turn, bench)) = bench() else { return };
    let sealed = sealed(bench, &agreed(Some(cbc_mac(&bench.file))), cbc(&bench.file));
    assert_eq!((sealed.custody, sealed.length), (Custody::HostTransient, 20));
    assert_eq!(code_step(bench, &sealed, Hash::Sha1, "755224"), Some(0));
}

#[test]
fn a_seed_in_clear_says_so_for_ever() {
    let Some((_turn, bench)) = bench() else { return };
    let sealed = sealed(bench, &DeliveryKeys::clear(), clear(SEED));
    assert_eq!(sealed.custody, Custody::ClearText);
    assert_eq!(code_step(bench, &sealed, Hash::Sha1, "755224"), Some(0));
}

#[test]
fn a_seed_shorter_than_its_hash_is_padded_with_zeros() {
    let Some((_turn, bench)) = bench() else { return };
    let seed = EncryptedSeed { hash: Hash::Sha512, ..cbc(&bench.file) };
    let sealed = sealed(bench, &agreed(Some(cbc_mac(&bench.file))), seed);
    assert_eq!(sealed.length, 64);
    // oathtool --totp=sha512 --now=@30 3132333435363738393031323334353637383930
    assert_eq!(code_step(bench, &sealed, Hash::Sha512, "342147"), Some(1));
}

#[test]
fn what_a_password_opens_was_the_hosts_to_open() {
    let Some((_turn, bench)) = bench() else { return };
    // Of "password" and "salt", 4096 times HMAC-SHA-1.
    let how = Pbkdf2 { salt: b"salt", iterations: 4096, length: 32, prf: Hash::Sha1 };
    let keys = DeliveryKeys::password(b"password", &how, None).unwrap();
    let sealed = sealed(
        bench,
        &keys,
        EncryptedSeed { ciphertext: Zeroizing::new(hex(UNDER_A_PASSWORD)), ..wrapped(&bench.file) },
    );
    assert_eq!(sealed.custody, Custody::HostTransient);
    assert_eq!(code_step(bench, &sealed, Hash::Sha1, "755224"), Some(0));
}

#[test]
fn each_seed_has_its_verdict() {
    let Some((_turn, bench)) = bench() else { return };
    let file = &bench.file;
    let mut damaged = cbc(file);
    damaged.ciphertext[20] ^= 1;
    let unknown = EncryptedSeed { algorithm: "kw-camellia".to_owned(), ..cbc(file) };
    let stripped = EncryptedSeed { mac: None, ..cbc(file) };
    let seeds = [cbc(file), damaged, unknown, stripped, cbc(file)];
    let vault = ImportVault::open(bench.import_settings(true)).unwrap();
    let verdicts = vault.seal(&agreed(Some(cbc_mac(file))), TENANT, &seeds).unwrap();
    assert_eq!(
        verdicts.iter().map(word).collect::<Vec<_>>(),
        ["sealed", "MAC_MISMATCH", "UNSUPPORTED_ALGORITHM", "MAC_MISSING", "sealed",]
    );
}

#[test]
fn a_delivery_that_is_refused_as_a_whole_is_an_error() {
    let Some((_turn, bench)) = bench() else { return };
    let file = &bench.file;
    let vault = ImportVault::open(bench.import_settings(false)).unwrap();
    let nobody = DeliveryKeys::pre_shared("nobody".to_owned(), None);
    for (keys, seed, wanted) in [
        (nobody, wrapped(file), SeedTrouble::UnknownVendor),
        (agreed(Some(cbc_mac(file))), cbc(file), SeedTrouble::HostTransientNotAllowed),
        (DeliveryKeys::clear(), clear(SEED), SeedTrouble::ClearTextNotAllowed),
    ] {
        let outcome = vault.seal(&keys, TENANT, &[seed]);
        assert!(matches!(outcome, Err(Error::Seed(trouble, _)) if trouble == wanted));
    }
}

#[test]
fn the_serving_process_takes_over_what_opens_inside_the_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let seeds = vec![wrapped(&bench.file), cbc(&bench.file)];
    let keys = Arc::new(agreed(None));
    let asked = Delivered { keys, tenant: TENANT.to_owned(), seeds };
    let opened = vault.opened().unwrap();
    let verdicts = vault.seal_delivered(asked, PATIENCE).unwrap();
    assert_eq!(
        verdicts.iter().map(word).collect::<Vec<_>>(),
        ["sealed", "HOST_TRANSIENT_NOT_ALLOWED",]
    );
    assert_eq!(vault.opened().unwrap(), opened + 1, "a recycled worker counts it");
}

#[test]
fn row_macs_are_those_of_the_serving_process() {
    let Some((_turn, bench)) = bench() else { return };
    let rows = |vault| {
        let row = |token_id| Arc::new(bench.row(vault, |row| row.token_id = token_id));
        vec![row("7"), row("8")]
    };
    let (rows, wanted): (Vec<Arc<Row>>, _) = {
        let vault = bench.vault();
        let rows = rows(&vault);
        let wanted = vault.row_macs(rows.clone(), PATIENCE).unwrap();
        (rows, wanted)
    };
    let vault = ImportVault::open(bench.import_settings(false)).unwrap();
    assert_eq!(vault.row_macs(&rows).unwrap(), wanted);
}

/// Made with Python's `hashlib.pbkdf2_hmac` and `cryptography`'s key wrap with padding.
const UNDER_A_PASSWORD: &str = "48cd4410eec411db7a824206ceb66df5a8878283bd3ddde00daa590bf674a655";

fn sealed(bench: &Bench, keys: &DeliveryKeys, seed: EncryptedSeed) -> Sealed {
    let vault = ImportVault::open(bench.import_settings(true)).unwrap();
    let verdict = vault.seal(keys, TENANT, &[seed]).unwrap().remove(0);
    verdict.unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Ok(_) => "sealed",
        Err(Refusal(trouble, _)) => trouble.word(),
    }
}

fn agreed(mac: Option<MacMethod>) -> DeliveryKeys {
    DeliveryKeys::pre_shared("acme".to_owned(), mac)
}

fn wrapped(file: &VendorFile) -> EncryptedSeed {
    EncryptedSeed {
        algorithm: "kw-aes256".to_owned(),
        ciphertext: Zeroizing::new(file.wrapped_seed.clone()),
        mac: None,
        hash: Hash::Sha1,
    }
}

fn cbc(file: &VendorFile) -> EncryptedSeed {
    EncryptedSeed {
        algorithm: "aes256-cbc".to_owned(),
        ciphertext: Zeroizing::new(file.cbc_seed.clone()),
        mac: Some(mac(&file.mac_key, &file.cbc_seed)),
        hash: Hash::Sha1,
    }
}

fn clear(seed: &[u8]) -> EncryptedSeed {
    EncryptedSeed {
        algorithm: "clear".to_owned(),
        ciphertext: Zeroizing::new(seed.to_vec()),
        mac: None,
        hash: Hash::Sha1,
    }
}

fn cbc_mac(file: &VendorFile) -> MacMethod {
    MacMethod {
        algorithm: "hmac-sha1".to_owned(),
        key_algorithm: "aes256-cbc".to_owned(),
        key_ciphertext: file.cbc_mac_key.clone(),
    }
}

fn mac(key: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let keyed = Hmac::<Sha1>::new_from_slice(key).unwrap();
    keyed.chain_update(ciphertext).finalize().into_bytes().to_vec()
}

fn hex(text: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(octet).collect()
}

/// The step that the sealed seed has `code` at, searched by a serving vault.
fn code_step<'b>(bench: &'b Bench, sealed: &'b Sealed, hash: Hash, code: &str) -> Option<u64> {
    let vault = bench.vault();
    let row = bench.row(&vault, |row| (row.blob, row.hash) = (&sealed.blob, hash));
    let window = Window::new(0, 0, 9, None).unwrap();
    let asked = Asked::Code { window, code: Code::parse(code).unwrap(), second: None };
    let job = Job { row: Arc::new(row), asked };
    vault.search(vec![job], PATIENCE).unwrap()[0].step
}
