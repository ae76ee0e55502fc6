// SPDX-License-Identifier: Apache-2.0
//! Which step of a window has this code, or these two?

use subtle::{Choice, ConstantTimeEq};

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

/// Tries the steps of `plan` in order and stops as soon as two neighbours of them have
/// the codes `first` and `second`, in this order (RFC 4226 §7.4); the step of `second`
/// is found.
///
/// Each step costs one code, whichever of the two it has: what a wrong pair costs does
/// not tell whether one half of it was right. What is spent belongs to no pair.
pub fn search_pair<M: Mac>(
    mac: &mut M,
    plan: Plan,
    digits: Digits,
    first: &Code,
    second: &Code,
) -> Result<Found, Interrupted<M::Error>> {
    let mut evaluated = 0;
    // A plan goes outward: what was tried is one range, and the next step lies beside it.
    let mut range: Option<(Tried, Tried)> = None;
    for step in plan.unspent() {
        let candidate =
            hotp(mac, step, digits).map_err(|error| Interrupted { error, evaluated })?;
        evaluated += 1;
        let tried = Tried { step, first: candidate.ct_eq(first), second: candidate.ct_eq(second) };
        let (lowest, highest) = range.unwrap_or((tried, tried));
        let below = step < lowest.step;
        let (earlier, later) = if below { (tried, lowest) } else { (highest, tried) };
        if earlier.step < later.step && bool::from(earlier.first & later.second) {
            return Ok(Found { step: Some(later.step), evaluated });
        }
        range = Some(if below { (tried, highest) } else { (lowest, tried) });
    }
    Ok(Found { step: None, evaluated })
}

/// A step that was tried, and which of the two codes it has.
#[derive(Clone, Copy)]
struct Tried {
    step: u64,
    first: Choice,
    second: Choice,
}
