// SPDX-License-Identifier: Apache-2.0
//! Properties of the window plan and of the search.

use std::collections::BTreeSet;

use kagimori_otp::{
    Code, Digits, Found, Hash, Interrupted, MAX_MAC, MAX_STEPS, Mac, SoftwareMac, Window, hotp,
    search, search_pair,
};
use proptest::prelude::*;

const KEY: &[u8] = b"12345678901234567890"; // RFC 4226 Appendix D

prop_compose! {
    fn range()(below in 0..40u64, above in 0..40u64)
              (predicted in below..=u64::MAX - above, below in Just(below), above in Just(above))
              -> (u64, u64, u64) {
        (predicted - below, predicted, predicted + above)
    }
}

proptest! {
    #[test]
    fn a_plan_holds_each_step_of_its_window_once((first, predicted, last) in range()) {
        let plan: Vec<u64> = Window::new(first, predicted, last, None).unwrap().plan().collect();
        let seen: BTreeSet<u64> = plan.iter().copied().collect();
        prop_assert_eq!(plan.len(), seen.len());
        prop_assert!(seen.into_iter().eq(first..=last));
    }

    #[test]
    fn a_plan_goes_from_the_predicted_step_outward((first, predicted, last) in range()) {
        let plan: Vec<u64> = Window::new(first, predicted, last, None).unwrap().plan().collect();
        prop_assert_eq!(plan[0], predicted);
        prop_assert!(plan.is_sorted_by_key(|step| step.abs_diff(predicted)));
    }

    #[test]
    fn the_spent_step_comes_last((first, predicted, last) in range(), spent: u64) {
        prop_assume!(spent < first || spent > last);
        let plain = Window::new(first, predicted, last, None).unwrap();
        let spending = Window::new(first, predicted, last, Some(spent)).unwrap();
        prop_assert!(spending.plan().eq(plain.plan().chain([spent])));
    }

    #[test]
    fn a_code_is_found_at_a_step_that_has_it(
        (first, predicted, last) in range(), pick: prop::sample::Index
    ) {
        let window = Window::new(first, predicted, last, None).unwrap();
        let plan: Vec<u64> = window.plan().collect();
        let code = code_at(*pick.get(&plan));
        let found = found(window, &code);
        // Two steps may share a code: the nearer one to the prediction is meant.
        let wanted = plan.iter().position(|step| code_at(*step).as_bytes() == code.as_bytes());
        prop_assert_eq!(found.step, wanted.map(|index| plan[index]));
        prop_assert_eq!(found.evaluated as usize, wanted.unwrap() + 1);
    }
}

#[test]
fn without_a_match_every_step_is_computed() {
    let window = Window::new(0, 4, 9, None).unwrap();
    let wrong = Code::parse("000000").unwrap(); // none of the ten codes of Appendix D
    assert_eq!(found(window, &wrong), Found { step: None, evaluated: 10 });
}

#[test]
fn a_code_of_another_length_matches_nothing() {
    let window = Window::new(0, 0, 0, None).unwrap();
    for longer in ["7552240", "75522400", "84755224"] {
        assert_eq!(found(window, &Code::parse(longer).unwrap()).step, None);
    }
}

#[test]
fn a_failing_mac_tells_how_far_it_came() {
    let mut mac = FailingAfter { left: 3 };
    let window = Window::new(0, 4, 9, None).unwrap();
    let code = Code::parse("999999").unwrap();
    let outcome = search(&mut mac, window.plan(), six(), &code);
    assert_eq!(outcome, Err(Interrupted { error: "gone", evaluated: 3 }));
}

#[test]
fn a_window_must_make_sense() {
    assert!(Window::new(5, 4, 9, None).is_err());
    assert!(Window::new(5, 10, 9, None).is_err());
    assert!(Window::new(5, 7, 9, Some(5)).is_err());
    assert!(Window::new(5, 7, 9, Some(9)).is_err());
    assert!(Window::new(0, 0, MAX_STEPS - 1, None).is_ok());
    assert!(Window::new(0, 0, MAX_STEPS, None).is_err());
    assert!(Window::new(0, 0, u64::MAX, None).is_err());
}

#[test]
fn a_code_is_six_to_ten_ascii_digits() {
    for good in ["000000", "1234567", "99999999", "2147483647"] {
        assert!(Code::parse(good).is_some_and(|code| code.as_bytes() == good.as_bytes()));
    }
    for bad in
        ["", "12345", "12345678901", " 123456", "+123456", "12345\0", "１２３４５６", "12 456"]
    {
        assert!(Code::parse(bad).is_none(), "{bad:?}");
    }
}

struct FailingAfter {
    left: u32,
}

impl Mac for FailingAfter {
    type Error = &'static str;

    fn hash(&self) -> Hash {
        Hash::Sha1
    }

    fn compute(&mut self, _: &[u8], _: &mut [u8; MAX_MAC]) -> Result<(), Self::Error> {
        self.left = self.left.checked_sub(1).ok_or("gone")?;
        Ok(())
    }
}

fn six() -> Digits {
    Digits::new(6).unwrap()
}

fn code_at(step: u64) -> Code {
    let Ok(code) = hotp(&mut SoftwareMac::new(Hash::Sha1, KEY), step, six());
    code
}

fn found(window: Window, code: &Code) -> Found {
    let mut mac = SoftwareMac::new(Hash::Sha1, KEY);
    let Ok(found) = search(&mut mac, window.plan(), six(), code);
    found
}

fn found_pair(window: Window, first: &Code, second: &Code) -> Found {
    let mut mac = SoftwareMac::new(Hash::Sha1, KEY);
    let Ok(found) = search_pair(&mut mac, window.plan(), six(), first, second);
    found
}

#[test]
fn two_codes_are_found_where_they_stand_one_behind_the_other() {
    for predicted in 0..=9 {
        let window = Window::new(0, predicted, 9, None).unwrap();
        let pair = |first, second| found_pair(window, &code_at(first), &code_at(second)).step;
        for first in 0..9 {
            assert_eq!(pair(first, first + 1), Some(first + 1));
        }
        assert_eq!(pair(9, 10), None); // both lie in the window
        assert_eq!(pair(4, 3), None);
        assert_eq!(pair(3, 5), None);
        assert_eq!(pair(3, 3), None);
    }
}

#[test]
fn one_step_has_no_two_codes() {
    let window = Window::new(3, 3, 3, None).unwrap();
    for (first, second) in [(2, 3), (3, 3), (3, 4)] {
        let found = found_pair(window, &code_at(first), &code_at(second));
        assert_eq!(found, Found { step: None, evaluated: 1 });
    }
}

#[test]
fn what_is_spent_belongs_to_no_pair() {
    let window = Window::new(4, 4, 9, Some(3)).unwrap();
    assert_eq!(found_pair(window, &code_at(3), &code_at(4)).step, None);
    assert_eq!(found_pair(window, &code_at(4), &code_at(5)).step, Some(5));
}

#[test]
fn half_a_pair_costs_what_a_wrong_one_costs() {
    let window = Window::new(0, 4, 9, None).unwrap();
    let wrong = Code::parse("000000").unwrap();
    for step in 0..10 {
        for (first, second) in [(code_at(step), wrong), (wrong, code_at(step)), (wrong, wrong)] {
            let found = found_pair(window, &first, &second);
            assert_eq!(found, Found { step: None, evaluated: 10 });
        }
    }
}

#[test]
fn the_predicted_pair_costs_two_codes() {
    let window = Window::new(0, 20, 40, None).unwrap();
    let found = found_pair(window, &code_at(19), &code_at(20));
    assert_eq!(found, Found { step: Some(20), evaluated: 2 });
}

#[test]
fn a_failing_mac_tells_how_far_it_came_with_a_pair() {
    let mut mac = FailingAfter { left: 3 };
    let window = Window::new(0, 4, 9, None).unwrap();
    let code = Code::parse("999999").unwrap();
    let outcome = search_pair(&mut mac, window.plan(), six(), &code, &code);
    assert_eq!(outcome, Err(Interrupted { error: "gone", evaluated: 3 }));
}

proptest! {
    #[test]
    fn a_pair_is_found_in_its_window_and_nowhere_else(
        (first, predicted, last) in range(), pick: prop::sample::Index, off in -2..=2_i64
    ) {
        let window = Window::new(first, predicted, last, None).unwrap();
        let plan: Vec<u64> = window.plan().collect();
        let Some(second) = pick.get(&plan).checked_add_signed(off) else { return Ok(()) };
        let Some(before) = second.checked_sub(1) else { return Ok(()) };
        let found = found_pair(window, &code_at(before), &code_at(second));
        // Other steps may happen to have the two codes, once in a million millions.
        let inside = first <= before && second <= last;
        prop_assert_eq!(found.step, inside.then_some(second));
        prop_assert!(found.evaluated as usize <= plan.len());
    }
}
