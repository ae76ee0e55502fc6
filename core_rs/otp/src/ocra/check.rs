// SPDX-License-Identifier: Apache-2.0
//! Is this the response to that question?

use subtle::ConstantTimeEq;

use super::{
    input::{DataInput, InputError, Inputs},
    response::Response,
    suite::Suite,
};
use crate::{Found, Hash, Interrupted, Mac, Window};

/// A response, what it should be computed over, and the steps that may be meant.
pub struct Check {
    input: DataInput,
    window: Window,
    /// Where the step stands in the input; `None` where there is but one answer.
    moving: Option<usize>,
    response: Response,
}

impl Check {
    /// With `steps` these are the time steps that may be meant, of a suite that has a
    /// time; of one that has none, the counters (RFC 4226 §7.4 looks ahead). What they
    /// stand for is not among the `inputs`.
    pub fn new(
        suite: &Suite,
        mut inputs: Inputs<'_>,
        steps: Option<(u64, u64, u64)>,
        response: &str,
    ) -> Result<Self, InputError> {
        let (first, predicted, last) = steps.unwrap_or((0, 0, 0));
        let window = Window::new(first, predicted, last, None).map_err(|_| InputError::Steps)?;
        if steps.is_some() {
            let meant = match suite.time_step() {
                Some(_) => &mut inputs.time_step,
                None if suite.has_counter() => &mut inputs.counter,
                None => return Err(InputError::Steps),
            };
            if meant.replace(predicted).is_some() {
                return Err(InputError::Steps);
            }
        }
        let input = DataInput::new(suite, &inputs)?;
        let response = Response::parse(response, suite.hash(), suite.truncation())
            .ok_or(InputError::Response)?;
        let moving = steps.and_then(|_| input.moving());
        Ok(Self { input, window, moving, response })
    }

    /// The hash that the HMAC must have.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.input.hash()
    }

    /// Finds the step that has the response, from the predicted one outward; without
    /// steps that is 0. See [`crate::search`] for what its time tells.
    pub fn search<M: Mac>(&self, mac: &mut M) -> Result<Found, Interrupted<M::Error>> {
        let mut input = self.input.clone();
        let mut evaluated = 0;
        for step in self.window.plan() {
            if let Some(place) = self.moving {
                input.put(place, step);
            }
            let computed = input.respond(mac).map_err(|error| Interrupted { error, evaluated })?;
            evaluated += 1;
            if bool::from(computed.ct_eq(&self.response)) {
                return Ok(Found { step: Some(step), evaluated });
            }
        }
        Ok(Found { step: None, evaluated })
    }
}
