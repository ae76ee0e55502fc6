// SPDX-License-Identifier: Apache-2.0
//! OCRA: codes over what the two parties ask each other (RFC 6287).
//!
//! A [`Suite`] says what goes into a code; a [`DataInput`] is that, as the HMAC takes it;
//! a [`Check`] is a response that somebody offered, and the time steps or counters that
//! he may mean. The HMAC's key is elsewhere, as for all of this crate.

mod check;
mod input;
mod question;
mod response;
mod suite;

pub use check::Check;
pub use input::{DataInput, InputError, Inputs};
pub use response::Response;
pub use suite::{Format, QuestionFormat, Suite, SuiteError, Truncation};
