// SPDX-License-Identifier: Apache-2.0
//! The control file: what to do to which call.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::str::SplitWhitespace;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cryptoki_sys::CK_RV;

use crate::codes;
use crate::functions::Function;
use crate::table::{ALLOWANCES, Table};

/// The control file as this process last saw it.
pub struct Control {
    path: Option<PathBuf>,
    begin: Instant,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Option<u128>,
    version: Option<u32>,
    rules: Arc<Rules>,
}

impl Control {
    /// Without a path there are no rules.
    pub fn new(path: Option<PathBuf>) -> Self {
        let seen = Seen { at: None, version: None, rules: Arc::default() };
        Self { path, begin: Instant::now(), seen: Mutex::new(seen) }
    }

    /// Returns the rules in force. At most a millisecond old: asking the file
    /// system at every call would cost more than some calls do.
    pub fn rules(&self) -> Arc<Rules> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.begin.elapsed().as_millis();
        if seen.at != Some(now) {
            seen.at = Some(now);
            self.look(&mut seen);
        }
        Arc::clone(&seen.rules)
    }

    fn look(&self, seen: &mut Seen) {
        let Some(path) = &self.path else { return };
        let version = path.metadata().ok().as_ref().map(version);
        if version == seen.version {
            return;
        }
        seen.version = version;
        let text = match version {
            Some(_) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            None => Ok(String::new()),
        };
        match text.and_then(|text| Rules::parse(&text, version.unwrap_or(0))) {
            Ok(rules) => seen.rules = Arc::new(rules),
            Err(reason) => eprintln!("pkcs11_shim: {}: {reason}", path.display()),
        }
    }
}

/// The same number in every process that sees the same file.
fn version(file: &Metadata) -> u32 {
    let mut hasher = DefaultHasher::new();
    (file.ino(), file.mtime(), file.mtime_nsec(), file.len()).hash(&mut hasher);
    u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX)
}

/// What a control file says.
#[derive(Debug, Default, PartialEq)]
pub struct Rules {
    /// How long every call sleeps.
    pub latency: Duration,
    /// Whether calls come one at a time.
    pub serial: bool,
    version: u32,
    faults: Vec<Fault>,
    hangs: Vec<Hang>,
}

/// A line that makes calls wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hang {
    target: Target,
    pub duration: Duration,
    times: Option<u32>,
}

#[derive(Debug, PartialEq)]
struct Fault {
    target: Target,
    answer: CK_RV,
    times: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Device,
    One(Function),
}

impl Rules {
    /// The line that makes a call of `function` wait, if any; uses it up.
    pub fn hang(&self, function: Function, table: &Table) -> Option<Hang> {
        let lines = self.hangs.iter().zip(self.faults.len()..);
        lines
            .filter(|(hang, _)| hang.target.covers(function))
            .find(|(hang, line)| self.use_up(*line, hang.times, table))
            .map(|(hang, _)| *hang)
    }

    /// Whether a call that waits because of this line still must.
    pub fn holds(&self, hang: Hang) -> bool {
        self.hangs.contains(&hang)
    }

    /// The error that a call of `function` answers, if any; uses it up.
    pub fn fault(&self, function: Function, table: &Table) -> Option<CK_RV> {
        self.faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.target.covers(function))
            .find(|(line, fault)| self.use_up(*line, fault.times, table))
            .map(|(_, fault)| fault.answer)
    }

    fn use_up(&self, line: usize, times: Option<u32>, table: &Table) -> bool {
        times.is_none_or(|times| table.use_allowance(line, self.version, times))
    }

    /// Reads a control file; the error names the line.
    fn parse(text: &str, version: u32) -> Result<Self, String> {
        let mut rules = Self { version, ..Self::default() };
        for (number, line) in text.lines().enumerate() {
            let rule = line.split('#').next().unwrap_or_default();
            rules.add(rule).ok_or_else(|| format!("line {}: not understood", number + 1))?;
        }
        if rules.faults.len() + rules.hangs.len() > ALLOWANCES {
            return Err(format!("more than {ALLOWANCES} lines of fail and hang"));
        }
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        match words.next() {
            None => {}
            Some("latency_us") => self.latency = Duration::from_micros(number(&mut words)?),
            Some("serial") => self.serial = number(&mut words)? != 0,
            Some("fail") => self.faults.push(Fault {
                target: Target::parse(words.next()?)?,
                answer: codes::parse(words.next()?)?,
                times: times(words.next()?)?,
            }),
            Some("hang") => self.hangs.push(Hang {
                target: Target::parse(words.next()?)?,
                duration: Duration::from_millis(number(&mut words)?),
                times: times(words.next().unwrap_or("forever"))?,
            }),
            Some(_) => return None,
        }
        words.next().is_none().then_some(())
    }
}

impl Target {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "*" => Some(Self::Device),
            name => Function::named(name).map(Self::One),
        }
    }

    fn covers(self, function: Function) -> bool {
        match self {
            Self::One(one) => one == function,
            Self::Device => !matches!(
                function,
                Function::C_Initialize
                    | Function::C_Finalize
                    | Function::C_GetInfo
                    | Function::C_GetFunctionList
            ),
        }
    }
}

fn number(words: &mut SplitWhitespace<'_>) -> Option<u64> {
    words.next()?.parse().ok()
}

#[expect(clippy::option_option, reason = "forever is None, a mistake is no answer")]
fn times(word: &str) -> Option<Option<u32>> {
    match word {
        "forever" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED};

    fn rules(text: &str) -> Rules {
        Rules::parse(text, 7).expect("well-formed")
    }

    #[test]
    fn every_line_has_its_effect() {
        let rules = rules("# slow\nlatency_us 1000\n\nserial 1 # one line\nhang C_Sign 5000\n");
        assert_eq!(rules.latency, Duration::from_millis(1));
        assert!(rules.serial);
        let table = Table::open(None).expect("anonymous");
        let hang = rules.hang(Function::C_Sign, &table).map(|hang| hang.duration);
        assert_eq!(hang, Some(Duration::from_secs(5)));
        assert_eq!(rules.hang(Function::C_SignInit, &table), None);
    }

    #[test]
    fn a_mistake_names_its_line() {
        for line in [
            "latency_us",
            "latency_us -1",
            "serial yes",
            "fail C_Sing CKR_DEVICE_ERROR 1",
            "fail C_Sign CKR_DEVICE_EROR 1",
            "fail C_Sign CKR_DEVICE_ERROR",
            "fail C_Sign CKR_DEVICE_ERROR -1",
            "fail C_Sign CKR_DEVICE_ERROR 1 1",
            "hang C_Sign soon",
            "hang C_Sign 1000 often",
            "hang C_Sign 1000 1 1",
            "explode",
        ] {
            let answer = Rules::parse(&format!("serial 0\n{line}"), 7);
            assert_eq!(answer, Err("line 2: not understood".into()), "{line}");
        }
    }

    #[test]
    fn failures_are_used_up_line_by_line() {
        let table = Table::open(None).expect("anonymous");
        let rules = rules("fail C_Sign CKR_DEVICE_ERROR 2\nfail * 0x32 1");
        let answers = [0; 4].map(|_| rules.fault(Function::C_Sign, &table));
        let device = Some(CKR_DEVICE_ERROR);
        assert_eq!(answers, [device, device, Some(CKR_DEVICE_REMOVED), None]);
    }

    #[test]
    fn hangs_and_failures_are_used_up_each_by_itself() {
        let table = Table::open(None).expect("anonymous");
        let rules = rules("hang C_Sign 1000 1\nfail C_Sign CKR_DEVICE_ERROR 1\nhang * 7 1");
        let hangs = [0; 3].map(|_| rules.hang(Function::C_Sign, &table).map(|hang| hang.duration));
        assert_eq!(hangs, [Some(Duration::from_secs(1)), Some(Duration::from_millis(7)), None]);
        let faults = [0; 2].map(|_| rules.fault(Function::C_Sign, &table));
        assert_eq!(faults, [Some(CKR_DEVICE_ERROR), None]);
    }

    #[test]
    fn a_hang_ends_with_its_line() {
        let table = Table::open(None).expect("anonymous");
        let before = rules("hang C_Sign 1000 1");
        let hang = before.hang(Function::C_Sign, &table).expect("hangs");
        assert!(rules("latency_us 1\nhang C_Sign 1000 1").holds(hang));
        assert!(!rules("latency_us 1").holds(hang));
    }

    #[test]
    fn a_new_file_begins_anew() {
        let table = Table::open(None).expect("anonymous");
        let text = "fail C_Sign CKR_DEVICE_ERROR 1";
        for version in [1, 2] {
            let rules = Rules::parse(text, version).expect("well-formed");
            assert!(rules.fault(Function::C_Sign, &table).is_some());
            assert!(rules.fault(Function::C_Sign, &table).is_none());
        }
    }

    #[test]
    fn the_star_spares_what_needs_no_device() {
        let table = Table::open(None).expect("anonymous");
        let rules = rules("fail * CKR_DEVICE_REMOVED forever");
        assert!(rules.fault(Function::C_OpenSession, &table).is_some());
        assert!(rules.fault(Function::C_Finalize, &table).is_none());
    }
}
