// SPDX-License-Identifier: Apache-2.0
//! The table of counts: a file of fixed shape that processes map and add to.
//!
//! All numbers are native-endian 64-bit words.
//!
//! | offset | what |
//! |---|---|
//! | 0 | magic `KGSHIM01` |
//! | 8 | number of counters, n |
//! | 64 · i, for i in 1…n | one counter: its count, then its name in 56 bytes, NUL-padded |
//! | 64 · (n + 1) | the shim's own words: how much of each line of `fail` and `hang` is used up |
//!
//! The counters are the 68 functions of PKCS#11 v2.40 in the order of the
//! function list, then `C_GetAttributeValue(CKA_VALUE)` (calls whose template
//! asks for a value) and `injected` (calls answered by a `fail` line, which are
//! counted under their own name too). A counter has a cache line to itself, and
//! is only ever added to: a reader who wants to begin at zero remembers what he
//! saw.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapMut, MmapRaw};

use crate::functions::NAMES;

/// Calls of `C_GetAttributeValue` that ask for `CKA_VALUE`.
pub const VALUE_READS: usize = NAMES.len();
/// Calls that were answered by a `fail` line.
pub const INJECTED: usize = NAMES.len() + 1;
/// How many lines of `fail` and `hang` a control file may have.
pub const ALLOWANCES: usize = 64;

const MAGIC: u64 = u64::from_ne_bytes(*b"KGSHIM01");
const COUNTERS: usize = NAMES.len() + 2;
const LINE: usize = 64;
const WORD: usize = size_of::<u64>();
const OWN: usize = LINE * (COUNTERS + 1);
const SIZE: usize = OWN + WORD * ALLOWANCES;

/// The table, mapped into this process.
pub struct Table {
    map: MmapRaw,
}

impl Table {
    /// Maps the file, making it first where it is not there.
    ///
    /// Without a path the counts are this process's own.
    pub fn open(path: Option<&Path>) -> Result<Self, String> {
        let map = match path {
            Some(path) => shared(path).map_err(|error| format!("{}: {error}", path.display()))?,
            None => MmapMut::map_anon(SIZE).map_err(|error| error.to_string())?.into(),
        };
        let table = Self { map };
        table.describe();
        Ok(table)
    }

    /// Adds one to a counter.
    pub fn count(&self, counter: usize) {
        self.word(LINE * (counter + 1)).fetch_add(1, Ordering::Relaxed);
    }

    /// Uses up one of `times`; false when they are gone.
    ///
    /// `version` tells control files apart: a new one begins anew. The count is
    /// in the table so that all processes together fail so often and no more.
    pub fn use_allowance(&self, line: usize, version: u32, times: u32) -> bool {
        self.word(OWN + WORD * line)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                let (of, used) = unpack(word);
                let used = if of == version { used } else { 0 };
                (used < times).then(|| pack(version, used + 1))
            })
            .is_ok()
    }

    /// Writes what never changes. Processes that do so at once write the same.
    fn describe(&self) {
        let extra = ["C_GetAttributeValue(CKA_VALUE)", "injected"];
        for (index, name) in NAMES.iter().chain(&extra).enumerate() {
            let mut padded = [0; LINE - WORD];
            padded[..name.len()].copy_from_slice(name.as_bytes());
            for (word, bytes) in padded.chunks_exact(WORD).enumerate() {
                let mut value = [0; WORD];
                value.copy_from_slice(bytes);
                self.word(LINE * (index + 1) + WORD * (word + 1))
                    .store(u64::from_ne_bytes(value), Ordering::Relaxed);
            }
        }
        self.word(WORD).store(COUNTERS as u64, Ordering::Relaxed);
        self.word(0).store(MAGIC, Ordering::Release);
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset + WORD <= SIZE && offset.is_multiple_of(WORD));
        // SAFETY: within the map by the line above, aligned because a map begins
        // on a page, alive as long as self, and only ever touched atomically.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().add(offset).cast()) }
    }
}

fn shared(path: &Path) -> std::io::Result<MmapRaw> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    file.set_len(SIZE as u64)?;
    MmapRaw::map_raw(&file)
}

fn pack(version: u32, used: u32) -> u64 {
    u64::from(version) << 32 | u64::from(used)
}

#[expect(clippy::cast_possible_truncation, reason = "takes the halves apart")]
fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_maps_of_one_file_add_up() {
        let path = std::env::temp_dir().join(format!("pkcs11_shim-{}", std::process::id()));
        let tables = [0; 2].map(|_| Table::open(Some(&path)).expect("a file"));
        for table in &tables {
            table.count(INJECTED);
        }
        let bytes = std::fs::read(&path).expect("readable");
        std::fs::remove_file(&path).expect("there");
        let line = &bytes[LINE * COUNTERS..][..LINE];
        assert_eq!(line[..WORD], 2_u64.to_ne_bytes());
        assert!(line[WORD..].starts_with(b"injected\0"));
    }

    #[test]
    fn the_first_counter_has_the_first_name() {
        let table = Table::open(None).expect("anonymous");
        let name = table.word(LINE + WORD).load(Ordering::Relaxed);
        assert_eq!(&name.to_ne_bytes(), b"C_Initia");
    }
}
