// SPDX-License-Identifier: Apache-2.0
//! The vault against `SoftHSM`.

use std::{collections::BTreeSet, sync::Arc, thread, time::Duration};

use kagimori_hsm::{
    Answer, Asked, AuthPin, Error, HsmError, Identity, Job, Login, Recovery, Row, Settings, Vault,
};
use kagimori_otp::{
    Code, Digits, Hash, Window,
    ocra::{Check, Inputs, Suite},
};

use crate::support::{PATIENCE, bench, until_no_seed_is_open};

/// RFC 4226 Appendix D.
const CODES: [&str; 10] = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
];

#[test]
fn a_search_finds_each_code_of_rfc_4226() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    for (step, code) in (0..).zip(CODES) {
        let answer = search(&vault, &row, code);
        assert_eq!(answer.step, Some(step));
        let nearer = 2 * u32::try_from(step.abs_diff(4)).unwrap();
        assert_eq!(answer.evaluated, if step < 4 { nearer } else { nearer + 1 }.min(10));
    }
    assert_eq!(vault.cache_counts().unwrap(), (9, 1, 1));
}

#[test]
fn a_wrong_code_costs_the_whole_window() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let answer = search(&vault, &Arc::new(bench.row(&vault, |_| ())), "000000");
    assert_eq!((answer.step, answer.evaluated, answer.error), (None, 10, None));
}

#[test]
fn answers_come_in_the_order_of_the_jobs() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, |_| ()));
    let jobs: Vec<Job> = CODES.iter().map(|code| job(&row, code)).collect();
    let answers = vault.search(jobs, PATIENCE).unwrap();
    assert!(answers.into_iter().map(|answer| answer.step.unwrap()).eq(0..10));
}

#[test]
fn a_row_that_was_changed_is_not_opened() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let changes: [fn(&mut Identity); 9] = [
        |row| row.token_id = "8",
        |row| row.serial = "2V0716016FK3",
        |row| row.subscriber = "4711",
        |row| row.factor = "TIME",
        |row| row.digits = Digits::new(8).unwrap(),
        |row| row.t0 = 1,
        |row| row.custody = "HOST_TRANSIENT",
        |row| row.seed_length = 20,
        |row| row.blob = &[0; 32],
    ];
    for change in changes {
        let answer = search(&vault, &Arc::new(bench.changed_row(&vault, change)), CODES[4]);
        assert_eq!(answer.error, Some(Error::RowTampered));
        assert_eq!((answer.step, answer.evaluated), (None, 0));
    }
}

#[test]
fn a_blob_that_is_none_is_no_dead_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = bench.row(&vault, |row| row.blob = &[0; 32]); // its MAC is right
    assert_eq!(search(&vault, &Arc::new(row), CODES[4]).error, Some(Error::RowTampered));
}

#[test]
fn fields_cannot_flow_into_each_other() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = |serial, subscriber| {
        let identity = |row: &mut Identity| (row.serial, row.subscriber) = (serial, subscriber);
        vault.row_mac(&Arc::new(bench.row(&vault, identity)), PATIENCE).unwrap()
    };
    assert_ne!(row("AB", "C"), row("A", "BC"));
}

#[test]
fn a_row_that_no_key_can_vouch_for_is_no_dead_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let changes: [fn(&mut Identity); 2] =
        [|row| row.key_version = 2, |row| row.tenant = "20160003"];
    for change in changes {
        let answer = search(&vault, &Arc::new(bench.changed_row(&vault, change)), CODES[4]);
        assert_eq!((answer.error, answer.evaluated), (Some(Error::RowTampered), 0));
    }
}

#[test]
fn a_row_of_another_wrap_format_is_no_dead_hsm() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let changed = bench.changed_row(&vault, |row| row.wrap_format = "PKCS7");
    let vouched_for = bench.row(&vault, |row| row.wrap_format = "PKCS7");
    for row in [changed, vouched_for] {
        assert_eq!(search(&vault, &Arc::new(row), CODES[4]).error, Some(Error::RowTampered));
    }
}

/// Whoever can write rows cannot have other tokens' seeds closed by it.
#[test]
fn a_row_that_is_not_opened_takes_nobodys_place() {
    let Some((_turn, bench)) = bench() else { return };
    let settings = Settings { sessions: 1, cache_entries: 1, ..bench.settings() };
    let vault = Vault::open(settings).unwrap();
    let row = Arc::new(bench.row(&vault, |_| ()));
    let changed = Arc::new(bench.changed_row(&vault, |row| row.serial = "2V0716016FK3"));
    assert_eq!(search(&vault, &row, CODES[4]).step, Some(4));
    assert_eq!(search(&vault, &changed, CODES[4]).error, Some(Error::RowTampered));
    assert_eq!(search(&vault, &row, CODES[4]).step, Some(4));
    assert_eq!(vault.cache_counts().unwrap(), (1, 2, 1));
}

#[test]
fn many_threads_share_few_sessions() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let rows: Vec<Arc<Row>> = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
        .into_iter()
        .map(|id| Arc::new(bench.row(&vault, |row| row.token_id = id)))
        .collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for row in rows.iter().cycle().take(200) {
                    assert_eq!(search(&vault, row, CODES[4]).step, Some(4));
                }
            });
        }
    });
    let (hits, misses, entries) = vault.cache_counts().unwrap();
    assert_eq!(hits + misses, 800);
    assert!(entries <= 8);
}

#[test]
fn a_seed_is_closed_when_its_time_is_up() {
    let Some((_turn, bench)) = bench() else { return };
    let settings = Settings { cache_lifetime: Duration::ZERO, ..bench.settings() };
    let vault = Vault::open(settings).unwrap();
    let row = Arc::new(bench.row(&vault, |_| ()));
    for _ in 0..3 {
        assert_eq!(search(&vault, &row, CODES[4]).step, Some(4));
    }
    assert_eq!(vault.cache_counts().unwrap(), (0, 3, 1));
    until_no_seed_is_open(&vault);
    assert_eq!(vault.cache_counts().unwrap(), (0, 3, 0));
}

#[test]
fn keys_without_the_policy_are_found_out() {
    let Some((_turn, bench)) = bench() else { return };
    let findings = bench.vault().self_test().unwrap();
    let failed: Vec<&str> =
        findings.iter().filter(|line| !line.passed).map(|line| line.attempt.as_str()).collect();
    for wanted in [
        "open the canary with SENSITIVE=false",
        "open the canary with no WRAP_WITH_TRUSTED",
        "open the canary with KEY_TYPE=AES",
        "copy the wrapping key",
        "read MODIFIABLE",
        "open an envelope with SENSITIVE=false",
        "open an envelope with no WRAP_WITH_TRUSTED",
        "decrypt with the provisioning key (OAEP)",
        "decrypt with the provisioning key (PKCS#1 v1.5)",
        "decrypt with the provisioning key (raw RSA)",
        "read DECRYPT",
    ] {
        assert!(failed.contains(&wanted), "{wanted} was not found out");
    }
    assert!(findings[0].passed, "the canary itself opens");
    let subjects: BTreeSet<_> = findings.iter().map(|line| line.subject.as_str()).collect();
    let wanted = ["10112231/provisioning/1", "10112231/row/1", "10112231/wrapping/1"];
    assert_eq!(subjects, wanted.into());
}

#[test]
fn what_cannot_be_opened_says_why() {
    let Some((_turn, bench)) = bench() else { return };
    let login = |label: &str, pin: &str| Login { label: label.into(), pin: AuthPin::from(pin) };
    let settings = bench.settings();
    let wrong_pin = login(&settings.login.label, "9999");
    assert_eq!(
        refused(Settings { login: wrong_pin, ..bench.settings() }).rv(),
        "CKR_PIN_INCORRECT"
    );
    let error = refused(Settings { login: login("elsewhere", "9999"), ..bench.settings() });
    assert_eq!(error.to_string(), "no partition is labelled 'elsewhere'");
    let error = refused(Settings { module: "/nowhere.so".to_owned(), ..bench.settings() });
    assert!(error.to_string().contains("/nowhere.so"));
    let mut canary = settings.canaries[0].clone();
    canary.key_version = 9;
    let error = refused(Settings { canaries: vec![canary], ..bench.settings() });
    assert!(error.to_string().contains("'10112231/wrapping/9'"));
}

#[test]
fn a_second_user_of_the_module_is_refused() {
    let Some((_turn, bench)) = bench() else { return };
    let _first = bench.vault();
    assert_eq!(refused(bench.settings()).rv(), "CKR_CRYPTOKI_ALREADY_INITIALIZED");
}

#[test]
fn a_closed_vault_stays_closed() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    vault.close();
    vault.close();
    assert!(
        matches!(vault.ping(PATIENCE), Err(Error::Hsm(error)) if error.recovery() == Recovery::Fatal)
    );
    drop(bench.vault()); // the module is free again
}

/// The HSM is not even asked: a row of another purpose is not opened for it.
#[test]
fn a_seed_is_asked_for_its_own_purpose_only() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let login = Arc::new(bench.row(&vault, |_| ()));
    let signing = Arc::new(bench.row(&vault, |row| row.purpose = "SIGNING"));
    let before = vault.opened().unwrap();
    for job in [job(&signing, CODES[4]), signature(&login, "237653")] {
        let answer = vault.search(vec![job], PATIENCE).unwrap().remove(0);
        assert_eq!(answer.error, Some(Error::RowTampered));
        assert_eq!((answer.step, answer.evaluated), (None, 0));
    }
    assert_eq!((vault.opened().unwrap(), vault.cache_counts().unwrap()), (before, (0, 0, 0)));
    let jobs = vec![job(&login, CODES[4]), signature(&signing, "237653")];
    let answers = vault.search(jobs, PATIENCE).unwrap();
    assert_eq!((answers[0].step, answers[1].step), (Some(4), Some(0)));
    assert_eq!(answers[1].evaluated, 1);
}

#[test]
fn a_row_that_is_called_another_purposes_is_not_opened() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.changed_row(&vault, |row| row.purpose = "SIGNING"));
    let answer = vault.search(vec![signature(&row, "237653")], PATIENCE).unwrap().remove(0);
    assert_eq!((answer.error, answer.evaluated), (Some(Error::RowTampered), 0));
}

#[test]
fn the_hash_of_a_signature_is_the_suites() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = |row: &mut Identity| (row.purpose, row.hash) = ("SIGNING", Hash::Sha512);
    let row = Arc::new(bench.row(&vault, row));
    let answer = vault.search(vec![signature(&row, "237653")], PATIENCE).unwrap().remove(0);
    assert_eq!(answer.step, Some(0));
}

/// RFC 6287 C.1: the first response of the 20-octet key.
fn signature(row: &Arc<Row>, response: &str) -> Job {
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
    let inputs = Inputs { question: "00000000", ..Inputs::default() };
    let check = Check::new(&suite, inputs, None, response).unwrap();
    Job { row: Arc::clone(row), asked: Asked::Signature(Arc::new(check)) }
}

fn search(vault: &Vault, row: &Arc<Row>, code: &str) -> Answer {
    let answers = vault.search(vec![job(row, code)], PATIENCE).unwrap();
    answers.into_iter().next().unwrap()
}

fn job(row: &Arc<Row>, code: &str) -> Job {
    let window = Window::new(0, 4, 9, None).unwrap();
    let asked = Asked::Code { window, code: Code::parse(code).unwrap(), second: None };
    Job { row: Arc::clone(row), asked }
}

fn refused(settings: Settings) -> HsmError {
    match Vault::open(settings) {
        Err(Error::Hsm(error)) => {
            assert_eq!(error.recovery(), Recovery::Fatal);
            error
        }
        _ => panic!("not refused by the HSM"),
    }
}
