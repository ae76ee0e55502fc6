// SPDX-License-Identifier: Apache-2.0
//! OCRA's suites: what a suite's text says, what is none, and that no text does any harm.

use kagimori_otp::{
    Hash,
    ocra::{DataInput, Format, Inputs, QuestionFormat, Suite, SuiteError, Truncation},
    step_at,
};
use proptest::prelude::*;

#[test]
fn a_suite_says_what_goes_in() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA512-10:C-QN64-PSHA512-S512-T59S").unwrap();
    assert_eq!((suite.hash(), suite.truncation()), (Hash::Sha512, Truncation::Digits(10)));
    assert!(suite.has_counter());
    assert_eq!(suite.question(), QuestionFormat { format: Format::Numeric, longest: 64 });
    assert_eq!((suite.password(), suite.session()), (Some(Hash::Sha512), Some(512)));
    assert_eq!(suite.time_step(), Some(59));
    let bare = Suite::parse("OCRA-1:HOTP-SHA1-0:QH04").unwrap();
    assert_eq!((bare.hash(), bare.truncation()), (Hash::Sha1, Truncation::Full));
    assert_eq!(bare.question(), QuestionFormat { format: Format::Hexadecimal, longest: 4 });
    assert!(!bare.has_counter());
    assert_eq!((bare.password(), bare.session(), bare.time_step()), (None, None, None));
}

#[test]
fn what_a_suite_leaves_out_is_the_rfcs_default() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:Q-P-S-T").unwrap();
    assert_eq!(suite.question(), QuestionFormat { format: Format::Numeric, longest: 8 });
    assert_eq!((suite.password(), suite.session()), (Some(Hash::Sha1), Some(64)));
    assert_eq!(suite.time_step(), Some(60));
    assert_eq!(suite.to_string(), "OCRA-1:HOTP-SHA1-6:Q-P-S-T");
}

#[test]
fn each_unit_of_time_has_its_seconds() {
    for (text, seconds) in
        [("T1S", 1), ("T59S", 59), ("T1M", 60), ("T59M", 3540), ("T1H", 3600), ("T48H", 172_800)]
    {
        let suite = Suite::parse(&format!("OCRA-1:HOTP-SHA1-6:QN08-{text}")).unwrap();
        assert_eq!(suite.time_step(), Some(seconds));
    }
}

/// The RFC's table allows it: no clock counts such steps, and a number can be agreed on.
#[test]
fn a_step_of_no_hours_is_a_number_that_no_clock_gives() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08-T0H").unwrap();
    assert_eq!(suite.time_step(), Some(0));
    assert_eq!(step_at(1_700_000_000, 0, suite.time_step().unwrap()), None);
    let at = |step| {
        let inputs = Inputs { question: "1234", time_step: Some(step), ..Inputs::default() };
        DataInput::new(&suite, &inputs).unwrap().as_bytes().to_vec()
    };
    assert_ne!(at(1), at(2));
}

#[test]
fn what_is_no_suite_says_which_part() {
    for (text, part) in [
        ("", SuiteError::Algorithm),
        ("OCRA-1", SuiteError::Algorithm),
        ("OCRA-2:HOTP-SHA1-6:QN08", SuiteError::Algorithm),
        ("ocra-1:HOTP-SHA1-6:QN08", SuiteError::Algorithm),
        (" OCRA-1:HOTP-SHA1-6:QN08", SuiteError::Algorithm),
        ("OCRA-1:HOTP-SHA1-6", SuiteError::Function),
        ("OCRA-1::QN08", SuiteError::Function),
        ("OCRA-1:TOTP-SHA1-6:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-sha1-6:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA384-6:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-1:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-3:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-11:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-06:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-00:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-+6:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1--0:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-6-6:QN08", SuiteError::Function),
        ("OCRA-1:HOTP-SHA1-6:", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:C", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:C-T1M", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QX08", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:Qé08", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:Q08", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN03", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN3", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN65", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN008", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN+8", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN08-PMD5", SuiteError::Password),
        ("OCRA-1:HOTP-SHA1-6:QN08-Psha1", SuiteError::Password),
        ("OCRA-1:HOTP-SHA1-6:QN08-S64", SuiteError::Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-S000", SuiteError::Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-S513", SuiteError::Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-S+64", SuiteError::Session),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-TM", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T0S", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T60S", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T0M", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T60M", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T49H", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T01M", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1D", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1é", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-C", SuiteError::Rest),
        ("OCRA-1:HOTP-SHA1-6:QN08-", SuiteError::Rest),
        ("OCRA-1:HOTP-SHA1-6:QN08 ", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN08\n", SuiteError::Question),
        ("OCRA-1:HOTP-SHA1-6:QN08-QN08", SuiteError::Rest),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M-S064", SuiteError::Rest),
        ("OCRA-1:HOTP-SHA1-6:QN08-T1M:QN08", SuiteError::Time),
        ("OCRA-1:HOTP-SHA1-6:QN08-PSHA1-PSHA1", SuiteError::Rest),
    ] {
        assert_eq!(Suite::parse(text), Err(part), "{text}");
    }
}

prop_compose! {
    fn suite_text()(
        hash in prop::sample::select(vec!["SHA1", "SHA256", "SHA512"]),
        digits in prop::sample::select(vec![0, 4, 5, 6, 7, 8, 9, 10]),
        counter in prop::bool::ANY,
        format in prop::sample::select(vec!['A', 'N', 'H']),
        longest in 4..=64,
        password in prop::option::of(prop::sample::select(vec!["SHA1", "SHA256", "SHA512"])),
        session in prop::option::of(1..=512),
        time in prop::option::of(prop_oneof![
            (1..=59).prop_map(|count| format!("{count}S")),
            (1..=59).prop_map(|count| format!("{count}M")),
            (0..=48).prop_map(|count| format!("{count}H")),
        ]),
    ) -> String {
        let counter = if counter { "C-" } else { "" };
        let password = password.map_or_else(String::new, |hash| format!("-P{hash}"));
        let session = session.map_or_else(String::new, |octets| format!("-S{octets:03}"));
        let time = time.map_or_else(String::new, |step| format!("-T{step}"));
        format!(
            "OCRA-1:HOTP-{hash}-{digits}:{counter}Q{format}{longest:02}{password}{session}{time}"
        )
    }
}

proptest! {
    #[test]
    fn every_suite_is_read_and_written_as_it_was(text in suite_text()) {
        prop_assert_eq!(Suite::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn whatever_comes_after_a_suite_makes_it_none(text in suite_text(), more in "[ -~é]{1,4}") {
        // A digit more may be another suite's length or time.
        let read = Suite::parse(&format!("{text}{more}"));
        prop_assert!(read.is_err() || read.unwrap().to_string() != text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,80}", at in 0..=46_usize, suite in suite_text()) {
        let _ = Suite::parse(&text);
        let mut mixed = suite;
        mixed.insert_str(at.min(mixed.len()), &text);
        let _ = Suite::parse(&mixed);
    }

    #[test]
    fn no_inputs_make_a_suite_panic(
        suite in suite_text(), question in ".{0,70}", own in prop::option::of("[0-9A-Fa-f]{0,70}"),
        counter: Option<u64>, time_step: Option<u64>,
        password in prop::option::of(prop::collection::vec(0..=255_u8, 0..70)),
        session in prop::option::of(prop::collection::vec(0..=255_u8, 0..520)),
    ) {
        let inputs = Inputs {
            counter, question: &question, own_question: own.as_deref(),
            password_hash: password.as_deref(), session: session.as_deref(), time_step,
        };
        let _ = DataInput::new(&Suite::parse(&suite).unwrap(), &inputs);
    }

    #[test]
    fn all_that_fits_goes_in(suite in suite_text(), counter: u64, time_step: u64) {
        let suite = Suite::parse(&suite).unwrap();
        let (password, session) = ([7; 64], [8; 512]);
        let question = "12345678".repeat(8);
        let inputs = Inputs {
            counter: suite.has_counter().then_some(counter),
            question: &question[..suite.question().longest],
            own_question: Some(&question[..suite.question().longest]),
            password_hash: suite.password().map(|hash| &password[..hash.length()]),
            session: suite.session().map(|length| &session[..length]),
            time_step: suite.time_step().map(|_| time_step),
        };
        let input = DataInput::new(&suite, &inputs).unwrap();
        let numbers = usize::from(suite.has_counter()) + usize::from(suite.time_step().is_some());
        let lengths = suite.password().map_or(0, Hash::length) + suite.session().unwrap_or(0);
        prop_assert_eq!(
            input.as_bytes().len(), suite.as_bytes().len() + 1 + 128 + 8 * numbers + lengths
        );
    }
}
