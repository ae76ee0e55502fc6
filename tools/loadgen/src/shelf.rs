// SPDX-License-Identifier: Apache-2.0
//! The tokens that the calls are about, where they lie in their file.
//!
//! There can be a million of them, so none is kept in memory: all lines are as
//! long, with spaces at their ends, and a device is read and written in its place.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::device::Device;

/// A file of devices, numbered from 0. Its lines are JSON, see [`Device`].
pub struct Shelf {
    file: File,
    /// Octets of a line, with its end.
    line: usize,
    count: usize,
}

impl Shelf {
    /// The devices of the file at `path`, all of whose lines must be as long.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let line = BufReader::new(&file).skip_until(b'\n')?;
        let octets = usize::try_from(file.metadata()?.len())?;
        ensure!(line > 0 && octets.is_multiple_of(line), "the lines are not all as long");
        Ok(Self { file, line, count: octets / line })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Let `deed` be done with a device, and remember what became of its counter.
    pub fn with<T>(&self, number: u32, deed: impl FnOnce(&mut Device) -> T) -> Result<T> {
        let at = u64::from(number) * self.line as u64;
        self.at(at, deed).with_context(|| format!("token {number} of the file"))
    }

    fn at<T>(&self, place: u64, deed: impl FnOnce(&mut Device) -> T) -> Result<T> {
        let mut line = vec![0; self.line];
        self.file.read_exact_at(&mut line, place)?;
        let end = line.pop();
        ensure!(end == Some(b'\n'), "the lines are not all as long");
        let mut device = Device::parse(&line)?;
        let done = deed(&mut device);
        let mut after = serde_json::to_vec(&device)?;
        ensure!(after.len() <= line.len(), "no room for the next counter: add spaces to the lines");
        after.resize(line.len(), b' ');
        self.file.write_all_at(&after, place)?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    // The seed and codes of RFC 4226, Appendix D.
    const SEED: &str = "3132333435363738393031323334353637383930";

    #[test]
    fn a_token_is_pressed_in_its_place_and_the_file_remembers() {
        let path = file_of("remembers", &[line("A1", 9, 1), line("B2", 0, 1)]);
        let shelf = Shelf::open(&path).unwrap();
        assert_eq!(shelf.count(), 2);
        assert_eq!(shelf.with(0, Device::press).unwrap(), "520489");
        assert_eq!(shelf.with(1, Device::press).unwrap(), "755224");
        let again = Shelf::open(&path).unwrap();
        assert_eq!(again.with(1, Device::press).unwrap(), "287082");
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines, [line("A1", 10, 0), line("B2", 2, 0)]);
    }

    #[test]
    fn a_counter_without_room_is_an_error_and_the_next_line_is_whole() {
        let path = file_of("room", &[line("A1", 9, 0), line("B2", 9, 0)]);
        let shelf = Shelf::open(&path).unwrap();
        assert!(shelf.with(0, Device::press).is_err());
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(text, format!("{}\n{}\n", line("A1", 9, 0), line("B2", 9, 0)));
    }

    #[test]
    fn lines_of_two_lengths_are_refused() {
        for lengths in [[1, 2], [2, 1], [0, 96]] {
            let lines = lengths.map(|spaces| line("A1", 0, spaces));
            let path = file_of(&format!("lengths{}", lengths[0]), &lines);
            let opened = Shelf::open(&path);
            let read =
                opened.and_then(|shelf| (0..2).try_for_each(|number| shelf.with(number, |_| ())));
            fs::remove_file(&path).unwrap();
            assert!(read.is_err(), "{lengths:?}");
        }
    }

    fn line(serial: &str, counter: u64, spaces: usize) -> String {
        let json =
            format!(r#"{{"serial":"{serial}","seed":"{SEED}","counter":{counter},"digits":6}}"#);
        json + &" ".repeat(spaces)
    }

    fn file_of(name: &str, lines: &[String]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("loadgen-{}-{name}", std::process::id()));
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    }
}
