// SPDX-License-Identifier: Apache-2.0
//! Which step of a window has this code?

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
