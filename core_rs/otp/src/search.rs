// SPDX-License-Identifier: Apache-2.0
//! Which step of a window has this code, or these two?

use subtle::ConstantTimeEq;

use crate::{Code, Digits, Mac, Plan, hotp};

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The step that has the code, if one has.
    pub step: Option<u64>,
    /// How many codes were computed.
    pub evaluated: u32,
}

/// A search that the MAC broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted<E> {
    /// What the MAC said.
    pub error: E,
    /// How many codes had been computed before.
    pub evaluated: u32,
}

/// Tries the steps of `plan` in order and stops at the first that has `code`.
///
/// Each comparison takes the same time whatever the code; the number of them
/// tells at most how far the token's clock is off. Without a match every step
/// is computed, so all wrong codes cost the same.
pub fn search<M: Mac>(
    mac: &mut M,
    plan: Plan,
    digits: Digits,
    code: &Code,
) -> Result<Found, Interrupted<M::Error>> {
    let mut evaluated = 0;
    for step in plan {
        let candidate =
            hotp(mac, step, digits).map_err(|error| Interrupted { error, evaluated })?;
        evaluated += 1;
        if bool::from(candidate.ct_eq(code)) {
            return Ok(Found { step: Some(step), evaluated });
        }
    }
    Ok(Found { step: None, evaluated })
}

/// Tries the steps of `plan` in order and stops at the first that has the code
/// `first` while the step behind it has `second` (RFC 4226 §7.4); that step is found.
///
/// Each step of the plan costs one code, and one more where `first` fits.
pub fn search_pair<M: Mac>(
    mac: &mut M,
    plan: Plan,
    digits: Digits,
    first: &Code,
    second: &Code,
) -> Result<Found, Interrupted<M::Error>> {
    let mut evaluated = 0;
    let mut fits = |step: u64, code: &Code| -> Result<bool, Interrupted<M::Error>> {
        let candidate =
            hotp(mac, step, digits).map_err(|error| Interrupted { error, evaluated })?;
        evaluated += 1;
        Ok(bool::from(candidate.ct_eq(code)))
    };
    for candidate in plan {
        let Some(next) = candidate.checked_add(1) else { continue };
        if fits(candidate, first)? && fits(next, second)? {
            return Ok(Found { step: Some(next), evaluated });
        }
    }
    Ok(Found { step: None, evaluated })
}
