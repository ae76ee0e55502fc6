// SPDX-License-Identifier: Apache-2.0
//! What the HMAC is computed over: RFC 6287 §5.1.

use core::fmt;

use zeroize::Zeroize;

use super::{
    question::{self, OCTETS},
    response::Response,
    suite::{LONGEST, Suite, Truncation},
};
use crate::{Hash, MAX_MAC, Mac};

/// Octets of a counter, and of a time step.
const NUMBER: usize = 8;

/// Octets of the longest session information.
const LONGEST_SESSION: usize = 512;

/// Octets of all that can go in: suite, a zero, C, Q, P, S and T.
const ROOM: usize = LONGEST + 1 + NUMBER + OCTETS + MAX_MAC + LONGEST_SESSION + NUMBER;

/// The inputs of a code: exactly those that its suite names.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'i> {
    /// C. All 64 bits are counters, 0 too.
    pub counter: Option<u64>,
    /// Q: the other party's question.
    pub question: &'i str,
    /// Q of whoever computes, where both parties ask (RFC 6287 §7.2).
    pub own_question: Option<&'i str>,
    /// P: the hash of the password.
    pub password_hash: Option<&'i [u8]>,
    /// S: what the session is about; zeros go before what is shorter than the suite says.
    pub session: Option<&'i [u8]>,
    /// T: time steps since 1970.
    pub time_step: Option<u64>,
}

/// Which input does not fit the suite: one is missing, too many, or not as the suite says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputError {
    /// C.
    Counter,
    /// Q, either party's.
    Question,
    /// P.
    Password,
    /// S.
    Session,
    /// T.
    Time,
    /// Steps, but the suite has neither a time nor a counter that is not given.
    Steps,
    /// The response.
    Response,
}

/// A suite's inputs as the HMAC takes them. It shows itself to nobody, and is wiped.
#[derive(Clone)]
pub struct DataInput {
    octets: [u8; ROOM],
    length: usize,
    counter: Option<usize>,
    time: Option<usize>,
    hash: Hash,
    truncation: Truncation,
}

impl DataInput {
    /// The inputs in the order of the RFC.
    pub fn new(suite: &Suite, inputs: &Inputs<'_>) -> Result<Self, InputError> {
        let mut input = Self {
            octets: [0; ROOM],
            length: 0,
            counter: None,
            time: None,
            hash: suite.hash(),
            truncation: suite.truncation(),
        };
        input.push(suite.as_bytes());
        input.push(&[0]);
        input.counter =
            input.push_number(suite.has_counter(), inputs.counter, InputError::Counter)?;
        question::encode(
            suite.question(),
            inputs.question,
            inputs.own_question,
            input.room(OCTETS),
        )
        .ok_or(InputError::Question)?;
        input.push_password(suite, inputs.password_hash)?;
        input.push_session(suite, inputs.session)?;
        let has_time = suite.time_step().is_some();
        input.time = input.push_number(has_time, inputs.time_step, InputError::Time)?;
        Ok(input)
    }

    /// The octets, first to last.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// The hash that the HMAC must have.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Computes the response. The MAC is one of this [`DataInput::hash`].
    pub fn respond<M: Mac>(&self, mac: &mut M) -> Result<Response, M::Error> {
        let mut octets = [0; MAX_MAC];
        mac.compute(self.as_bytes(), &mut octets)?;
        Ok(Response::of(&octets, self.hash, self.truncation))
    }

    /// Where the time step stands, or else the counter.
    pub(super) fn moving(&self) -> Option<usize> {
        self.time.or(self.counter)
    }

    pub(super) fn put(&mut self, place: usize, number: u64) {
        self.octets[place..place + NUMBER].copy_from_slice(&number.to_be_bytes());
    }

    fn push_number(
        &mut self,
        wanted: bool,
        given: Option<u64>,
        error: InputError,
    ) -> Result<Option<usize>, InputError> {
        if wanted != given.is_some() {
            return Err(error);
        }
        let place = self.length;
        Ok(given.map(|number| {
            self.push(&number.to_be_bytes());
            place
        }))
    }

    fn push_password(&mut self, suite: &Suite, given: Option<&[u8]>) -> Result<(), InputError> {
        if suite.password().map(Hash::length) != given.map(<[u8]>::len) {
            return Err(InputError::Password);
        }
        self.push(given.unwrap_or_default());
        Ok(())
    }

    fn push_session(&mut self, suite: &Suite, given: Option<&[u8]>) -> Result<(), InputError> {
        match (suite.session(), given) {
            (None, None) => Ok(()),
            (Some(length), Some(octets)) if octets.len() <= length => {
                self.room(length - octets.len());
                self.push(octets);
                Ok(())
            }
            _ => Err(InputError::Session),
        }
    }

    fn push(&mut self, octets: &[u8]) {
        self.room(octets.len()).copy_from_slice(octets);
    }

    /// The next octets, which are zeros.
    fn room(&mut self, length: usize) -> &mut [u8] {
        let start = self.length;
        self.length += length;
        &mut self.octets[start..self.length]
    }
}

impl Drop for DataInput {
    fn drop(&mut self) {
        self.octets[..self.length].zeroize();
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Counter => "a counter goes with a suite that has one, and only with that",
            Self::Question => "the question does not fit the suite",
            Self::Password => "the hash of the password does not fit the suite",
            Self::Session => "the session information does not fit the suite",
            Self::Time => "a time step goes with a suite that has one, and only with that",
            Self::Steps => "steps go with a suite that has a time, or a counter that is not given",
            Self::Response => "the code is none that a suite could have made",
        })
    }
}

impl core::error::Error for InputError {}
