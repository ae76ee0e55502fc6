// SPDX-License-Identifier: Apache-2.0
//! The tokens that the calls are about, and the file they lie in.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::hotp;

/// Most digits of a code (RFC 4226 truncates to 31 bits).
const MOST_DIGITS: u32 = 9;

/// An event-based token. A line of the file is
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
    /// Press the button: the next code, which is never shown again.
    pub fn press(&mut self) -> String {
        let code = hotp::code(&self.seed, self.counter, self.digits);
        self.counter += 1;
        code
    }
}

/// Read the tokens of a file, in its order.
pub fn read(path: &Path) -> Result<Vec<Device>> {
    let lines = BufReader::new(fs::File::open(path)?).lines();
    lines
        .enumerate()
        .map(|(at, line)| parse(&line?).with_context(|| format!("line {}", at + 1)))
        .collect()
}

/// Replace the file by one with the tokens as they are now.
pub fn write(path: &Path, devices: &[Device]) -> Result<()> {
    let draft = path.with_extension("draft");
    let mut file = std::io::BufWriter::new(fs::File::create(&draft)?);
    for device in devices {
        serde_json::to_writer(&mut file, device)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    fs::rename(draft, path)?;
    Ok(())
}

fn parse(line: &str) -> Result<Device> {
    let device: Device = serde_json::from_str(line)?;
    ensure!((1..=MOST_DIGITS).contains(&device.digits), "digits must be 1 to {MOST_DIGITS}");
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The seed and codes of RFC 4226, Appendix D.
    const LINE: &str = r#"{"serial":"A1","seed":"3132333435363738393031323334353637383930","counter":7,"digits":6}"#;

    #[test]
    fn a_press_shows_the_next_code_and_moves_on() {
        let mut device = parse(LINE).unwrap();
        assert_eq!(
            [device.press(), device.press(), device.press()],
            ["162583", "399871", "520489"]
        );
    }

    #[test]
    fn what_was_pressed_is_not_shown_after_the_file_is_read_again() {
        let path = std::env::temp_dir().join(format!("loadgen-{}.jsonl", std::process::id()));
        fs::write(&path, format!("{LINE}\n")).unwrap();
        let mut devices = read(&path).unwrap();
        assert_eq!(devices[0].press(), "162583");
        write(&path, &devices).unwrap();
        let mut again = read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!((again.len(), again[0].serial.as_str()), (1, "A1"));
        assert_eq!(again[0].press(), "399871");
    }

    #[test]
    fn a_token_without_digits_is_refused() {
        assert!(parse(&LINE.replace(r#""digits":6"#, r#""digits":0"#)).is_err());
    }
}
