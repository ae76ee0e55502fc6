// SPDX-License-Identifier: Apache-2.0
//! One-time passwords: RFC 4226 (HOTP), RFC 6238 (TOTP) and RFC 6287 (OCRA).
//!
//! The arithmetic is here; the key is not. Whoever holds the key computes the
//! HMAC of a message behind the [`Mac`] trait, and may fail: an HSM is a device.
//! [`search`] asks which step of a [`Window`] a code belongs to, from the step
//! that an honest clock predicts outward, so that the usual case costs one MAC.
//! A grid card's cells are codes of fixed counters ([`cell`]); a code over what the
//! customer was asked is [`ocra`]'s.

#![no_std]
#![forbid(unsafe_code)]

mod cell;
mod code;
mod hash;
mod hotp;
pub mod ocra;
mod search;
#[cfg(feature = "software")]
mod software;
mod window;

pub use cell::{CELL_DIGITS, Cell, PLACES, cell, cells_match};
pub use code::{Code, Digits};
pub use hash::{Hash, MAX_MAC};
pub use hotp::{Mac, hotp, step_at, truncate};
pub use search::{Found, Interrupted, search, search_pair};
#[cfg(feature = "software")]
pub use software::SoftwareMac;
pub use window::{MAX_STEPS, Plan, Window, WindowError};
