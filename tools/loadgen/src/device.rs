// SPDX-License-Identifier: Apache-2.0
//! A token in a customer's hand.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::hotp;

/// Most digits of a code (RFC 4226 truncates to 31 bits).
const MOST_DIGITS: u32 = 9;

/// An event-based token, as
/// `{"serial": "…", "seed": "<hex>", "counter": <the next one>, "digits": 6}`.
#[derive(Deserialize, Serialize)]
pub struct Device {
    /// Its serial number, as the server knows it.
    pub serial: String,
    #[serde(with = "hex")]
    seed: Vec<u8>,
    counter: u64,
    digits: u32,
}

impl Device {
    /// The device that a line of JSON tells of.
    pub fn parse(line: &[u8]) -> Result<Self> {
        let device: Self = serde_json::from_slice(line)?;
        ensure!((1..=MOST_DIGITS).contains(&device.digits), "digits must be 1 to {MOST_DIGITS}");
        Ok(device)
    }

    /// Press the button: the next code, which is never shown again.
    pub fn press(&mut self) -> String {
        let code = hotp::code(&self.seed, self.counter, self.digits);
        self.counter += 1;
        code
    }

    /// Mistype the next code, in its last digit. The button is not pressed.
    pub fn mistype(&self) -> String {
        let mut code = hotp::code(&self.seed, self.counter, self.digits);
        let last = code.pop().and_then(|digit| digit.to_digit(10)).unwrap_or_default();
        code.push(char::from_digit((last + 1) % 10, 10).unwrap_or('0'));
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The seed and codes of RFC 4226, Appendix D.
    const LINE: &str = r#"{"serial":"A1","seed":"3132333435363738393031323334353637383930","counter":7,"digits":6}"#;

    #[test]
    fn a_press_shows_the_next_code_and_moves_on() {
        let mut device = Device::parse(LINE.as_bytes()).unwrap();
        assert_eq!(
            [device.press(), device.press(), device.press()],
            ["162583", "399871", "520489"]
        );
    }

    #[test]
    fn a_mistyped_code_is_wrong_and_the_right_one_is_still_to_come() {
        let mut device = Device::parse(LINE.as_bytes()).unwrap();
        assert_eq!([device.mistype(), device.press()], ["162584", "162583"]);
        device.press();
        assert_eq!([device.mistype(), device.press()], ["520480", "520489"]);
    }

    #[test]
    fn a_token_without_digits_is_refused() {
        assert!(Device::parse(LINE.replace(r#""digits":6"#, r#""digits":0"#).as_bytes()).is_err());
    }
}
