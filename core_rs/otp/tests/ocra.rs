// SPDX-License-Identifier: Apache-2.0
//! OCRA: every vector of RFC 6287 Appendix C, and what is no question, input or response.

use std::{collections::BTreeMap, convert::Infallible, fs};

use kagimori_otp::{
    Found, Hash, Interrupted, MAX_MAC, Mac, SoftwareMac,
    ocra::{Check, DataInput, InputError, Inputs, Suite},
};
use serde::Deserialize;

const KEY: &[u8] = b"12345678901234567890";

#[derive(Deserialize)]
struct Rfc6287 {
    keys_ascii: BTreeMap<String, String>,
    password_sha1_hex: String,
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    suite: String,
    key: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    counter: Option<u64>,
    question: String,
    own_question: Option<String>,
    time_step: Option<u64>,
    response: String,
}

#[test]
fn ocra_gives_the_responses_of_rfc_6287() {
    let path = format!("{}/../../tests/vectors/rfc6287.json", env!("CARGO_MANIFEST_DIR"));
    let file: Rfc6287 = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let password = octets(&file.password_sha1_hex);
    let mut seen = 0;
    for table in &file.tables {
        let suite = Suite::parse(&table.suite).unwrap();
        let key = file.keys_ascii[&table.key].as_bytes();
        for vector in &table.vectors {
            let inputs = Inputs {
                counter: vector.counter,
                question: &vector.question,
                own_question: vector.own_question.as_deref(),
                password_hash: suite.password().map(|_| password.as_slice()),
                session: None,
                time_step: vector.time_step,
            };
            assert_eq!(respond(key, &suite, &inputs), vector.response, "{suite}");
            seen += 1;
        }
    }
    assert_eq!((file.tables.len(), seen), (11, 70));
}

#[test]
fn a_number_goes_in_as_its_hexadecimal_digits_padded_on_the_right() {
    // The numbers of the RFC's vectors, by `printf %x`.
    for (question, wanted) in [
        ("00000000", "00"),
        ("11111111", "a98ac7"),
        ("22222222", "153158e0"),
        ("12345678", "bc614e"),
        ("0001", "10"),
        ("0016", "10"),
        ("0255", "ff"),
    ] {
        assert_question("OCRA-1:HOTP-SHA1-6:QN08", question, None, wanted);
    }
    // 10^64 - 1, by `bc`.
    let wanted = "184f03e93ff9f4daa797ed6e38ed64bf6a1f00ffffffffffffffff";
    assert_question("OCRA-1:HOTP-SHA1-6:QN64", &"9".repeat(64), None, wanted);
}

#[test]
fn other_questions_go_in_as_they_are() {
    let hexadecimal = "OCRA-1:HOTP-SHA1-6:QH08";
    assert_question(hexadecimal, "0aF9", None, "0af9");
    assert_question(hexadecimal, "12345", None, "123450");
    assert_question(hexadecimal, "12345", Some("6789a"), "123456789a");
    let alphanumeric = "OCRA-1:HOTP-SHA1-6:QA08";
    assert_question(alphanumeric, "aZ09", None, "615a3039");
    assert_question(alphanumeric, "SIG1", Some("CLI2"), "53494731434c4932");
    assert_question("OCRA-1:HOTP-SHA1-6:QN08", "1234", Some("5678"), "bc614e");
}

#[test]
fn what_is_no_question_of_the_suite_is_refused() {
    for (format, questions) in [
        ("QN08", ["", "123", "123456789", "1234a", "+1234", "１２３４"].as_slice()),
        ("QH08", &["", "abc", "123456789", "abcg", " abcd", "0x12"]),
        ("QA08", &["", "abc", "abcdefghi", "ab-c", "abcé", "ab c", "abc\0"]),
    ] {
        let suite = Suite::parse(&format!("OCRA-1:HOTP-SHA1-6:{format}")).unwrap();
        for question in questions {
            let alone = Inputs { question, ..inputs() };
            let second = Inputs { question: "1234", own_question: Some(question), ..inputs() };
            for inputs in [alone, second] {
                let refused = DataInput::new(&suite, &inputs).err();
                assert_eq!(refused, Some(InputError::Question), "{question:?}");
            }
        }
    }
}

#[test]
fn only_the_suites_own_inputs_are_taken() {
    let plain = Inputs { question: "1234", ..inputs() };
    for (suite, inputs, wanted) in [
        ("QN08", Inputs { counter: Some(0), ..plain }, InputError::Counter),
        ("C-QN08", plain, InputError::Counter),
        ("QN08", Inputs { password_hash: Some(&[0; 20]), ..plain }, InputError::Password),
        ("QN08-PSHA1", plain, InputError::Password),
        ("QN08-PSHA1", Inputs { password_hash: Some(&[0; 32]), ..plain }, InputError::Password),
        ("QN08", Inputs { session: Some(b""), ..plain }, InputError::Session),
        ("QN08-S064", plain, InputError::Session),
        ("QN08-S064", Inputs { session: Some(&[1; 65]), ..plain }, InputError::Session),
        ("QN08", Inputs { time_step: Some(0), ..plain }, InputError::Time),
        ("QN08-T1M", plain, InputError::Time),
    ] {
        let suite = Suite::parse(&format!("OCRA-1:HOTP-SHA1-6:{suite}")).unwrap();
        assert_eq!(DataInput::new(&suite, &inputs).err(), Some(wanted), "{suite}");
    }
}

#[test]
fn the_inputs_stand_in_the_order_of_the_rfc() {
    let text = "OCRA-1:HOTP-SHA1-6:C-QA08-PSHA1-S064-T1M";
    let suite = Suite::parse(text).unwrap();
    let inputs = Inputs {
        counter: Some(0x0102_0304_0506_0708),
        question: "Quiz",
        own_question: None,
        password_hash: Some(&[9; 20]),
        session: Some(b"session"),
        time_step: Some(0x132_d0b6),
    };
    let mut wanted = text.as_bytes().to_vec();
    wanted.push(0);
    wanted.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    wanted.extend(b"Quiz");
    wanted.extend([0; 124]);
    wanted.extend([9; 20]);
    wanted.extend([0; 57]);
    wanted.extend(b"session");
    wanted.extend([0, 0, 0, 0, 1, 0x32, 0xd0, 0xb6]);
    assert_eq!(DataInput::new(&suite, &inputs).unwrap().as_bytes(), wanted);
}

#[test]
fn a_response_is_found_at_its_time_step_and_nowhere_else() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-10:QA20-T30S").unwrap();
    let asked = Inputs { question: "12345671000", ..inputs() };
    for (step, wanted, evaluated) in
        [(9, None, 5), (10, Some(10), 4), (12, Some(12), 1), (14, Some(14), 5), (15, None, 5)]
    {
        let response = respond(KEY, &suite, &Inputs { time_step: Some(step), ..asked });
        let check = Check::new(&suite, asked, Some((10, 12, 14)), &response).unwrap();
        assert_eq!(found(&check), Found { step: wanted, evaluated });
    }
}

#[test]
fn without_a_time_it_is_the_counter_that_moves() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-10:C-QA20").unwrap();
    let asked = Inputs { question: "12345671000", ..inputs() };
    for (counter, wanted) in [(0, Some(0)), (4, Some(4)), (5, None)] {
        let response = respond(KEY, &suite, &Inputs { counter: Some(counter), ..asked });
        let check = Check::new(&suite, asked, Some((0, 0, 4)), &response).unwrap();
        assert_eq!(found(&check).step, wanted);
    }
}

#[test]
fn with_a_time_the_counter_stays() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-10:C-QA20-T1M").unwrap();
    let asked = Inputs { question: "12345671000", counter: Some(0), ..inputs() };
    let response = respond(KEY, &suite, &Inputs { time_step: Some(7), ..asked });
    let check = Check::new(&suite, asked, Some((6, 6, 8)), &response).unwrap();
    assert_eq!(found(&check).step, Some(7));
    let other = Inputs { counter: Some(1), ..asked };
    let check = Check::new(&suite, other, Some((6, 6, 8)), &response).unwrap();
    assert_eq!(found(&check), Found { step: None, evaluated: 3 });
}

#[test]
fn without_steps_one_mac_says_it() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-10:C-QA20").unwrap();
    let asked = Inputs { question: "12345671000", counter: Some(0), ..inputs() };
    let response = respond(KEY, &suite, &asked);
    let check = Check::new(&suite, asked, None, &response).unwrap();
    assert_eq!(found(&check), Found { step: Some(0), evaluated: 1 });
    let next = Inputs { counter: Some(1), ..asked };
    let check = Check::new(&suite, next, None, &response).unwrap();
    assert_eq!(found(&check), Found { step: None, evaluated: 1 });
}

#[test]
fn steps_must_have_something_to_stand_for() {
    let plain = Inputs { question: "1234", ..inputs() };
    for (suite, inputs, steps, wanted) in [
        ("QN08", plain, Some((0, 0, 0)), InputError::Steps),
        ("C-QN08", Inputs { counter: Some(0), ..plain }, Some((0, 0, 0)), InputError::Steps),
        ("QN08-T1M", Inputs { time_step: Some(0), ..plain }, Some((0, 0, 0)), InputError::Steps),
        ("QN08-T1M", plain, Some((1, 0, 2)), InputError::Steps),
        ("QN08-T1M", plain, Some((0, 0, 5000)), InputError::Steps),
        ("QN08-T1M", plain, None, InputError::Time),
        ("C-QN08", plain, None, InputError::Counter),
        ("C-QN08-T1M", plain, Some((0, 0, 0)), InputError::Counter),
    ] {
        let suite = Suite::parse(&format!("OCRA-1:HOTP-SHA1-6:{suite}")).unwrap();
        assert_eq!(Check::new(&suite, inputs, steps, "123456").err(), Some(wanted), "{suite}");
    }
}

#[test]
fn a_response_is_digits_or_for_no_truncation_the_whole_mac() {
    let plain = Inputs { question: "1234", ..inputs() };
    let check = |digits: &str, text: &str| {
        let suite = Suite::parse(&format!("OCRA-1:HOTP-SHA1-{digits}:QN08")).unwrap();
        Check::new(&suite, plain, None, text).map(|check| found(&check).step)
    };
    for bad in ["", "123", "12345678901", "12345a", "１２３４", "-123", "1234 "] {
        assert_eq!(check("6", bad), Err(InputError::Response), "{bad}");
    }
    for digits in ["4", "5", "6", "7", "8", "9", "10"] {
        let suite = Suite::parse(&format!("OCRA-1:HOTP-SHA1-{digits}:QN08")).unwrap();
        let response = respond(KEY, &suite, &plain);
        assert_eq!(response.len().to_string(), digits);
        assert_eq!(check(digits, &response), Ok(Some(0)));
        let (shorter, longer) = (&response[1..], format!("{response}0"));
        assert_ne!(check(digits, shorter), Ok(Some(0)));
        assert_ne!(check(digits, &longer), Ok(Some(0)));
    }
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-0:QN08").unwrap();
    let whole = respond(KEY, &suite, &plain);
    assert_eq!(whole.len(), 40);
    assert_eq!(check("0", &whole), Ok(Some(0)));
    assert_eq!(check("0", &whole.to_uppercase()), Ok(Some(0)));
    let changed = format!("{}{}", if whole.starts_with('0') { '1' } else { '0' }, &whole[1..]);
    assert_eq!(check("0", &changed), Ok(None));
    for bad in ["-0", "0", "123456", &whole[1..], &format!("{whole}0"), &"g".repeat(40)] {
        assert_eq!(check("0", bad), Err(InputError::Response), "{bad}");
    }
}

#[test]
fn a_failing_mac_tells_how_far_it_came() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:QA20-T30S").unwrap();
    let asked = Inputs { question: "12345671000", ..inputs() };
    let check = Check::new(&suite, asked, Some((0, 4, 9)), "0000000000").unwrap();
    let outcome = check.search(&mut FailingAfter { left: 3 });
    assert_eq!(outcome, Err(Interrupted { error: "gone", evaluated: 3 }));
}

struct FailingAfter {
    left: u32,
}

impl Mac for FailingAfter {
    type Error = &'static str;

    fn hash(&self) -> Hash {
        Hash::Sha256
    }

    fn compute(&mut self, _: &[u8], _: &mut [u8; MAX_MAC]) -> Result<(), Self::Error> {
        self.left = self.left.checked_sub(1).ok_or("gone")?;
        Ok(())
    }
}

fn inputs() -> Inputs<'static> {
    Inputs::default()
}

fn respond(key: &[u8], suite: &Suite, inputs: &Inputs<'_>) -> String {
    let input = DataInput::new(suite, inputs).unwrap();
    let Ok::<_, Infallible>(response) = input.respond(&mut SoftwareMac::new(suite.hash(), key));
    let mut text = String::new();
    response.write_to(&mut text).unwrap();
    text
}

fn found(check: &Check) -> Found {
    let Ok(found) = check.search(&mut SoftwareMac::new(check.hash(), KEY));
    found
}

/// The question's 128 octets are `wanted`, and zeros behind it.
fn assert_question(suite: &str, question: &str, own_question: Option<&str>, wanted: &str) {
    let suite = Suite::parse(suite).unwrap();
    let inputs = Inputs { question, own_question, ..inputs() };
    let input = DataInput::new(&suite, &inputs).unwrap();
    let mut octets = octets(wanted);
    octets.resize(128, 0);
    assert_eq!(&input.as_bytes()[suite.as_bytes().len() + 1..], octets, "{question}");
}

fn octets(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
