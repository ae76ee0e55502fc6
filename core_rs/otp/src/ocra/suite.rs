// SPDX-License-Identifier: Apache-2.0
//! Which inputs make a code, and how: RFC 6287 §6.

use core::{fmt, iter::Peekable, ops::RangeInclusive, str, str::Split};

use crate::Hash;

/// Octets of the longest suite that there is:
/// `OCRA-1:HOTP-SHA512-10:C-QN64-PSHA512-S512-T59S`.
pub(super) const LONGEST: usize = 46;

/// A suite. Its text is hashed with the rest, so it is kept as it came.
///
/// ```
/// use kagimori_otp::ocra::{Suite, SuiteError};
///
/// let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:QA20-T30S")?;
/// assert_eq!(suite.time_step(), Some(30));
/// assert_eq!(suite.to_string(), "OCRA-1:HOTP-SHA256-8:QA20-T30S");
/// assert_eq!(Suite::parse("OCRA-1:HOTP-SHA256-8:QA99"), Err(SuiteError::Question));
/// # Ok::<(), SuiteError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    text: [u8; LONGEST],
    length: usize,
    hash: Hash,
    truncation: Truncation,
    counter: bool,
    question: QuestionFormat,
    password: Option<Hash>,
    session: Option<usize>,
    time_step: Option<u64>,
}

/// What is made of the HMAC (RFC 6287 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// The suite says 0: the whole HMAC is the response.
    Full,
    /// So many decimal digits, 4 to 10 (RFC 4226 §5.3).
    Digits(u8),
}

/// What a question is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `A`: ASCII letters and digits.
    Alphanumeric,
    /// `N`: decimal digits.
    Numeric,
    /// `H`: hexadecimal digits.
    Hexadecimal,
}

/// How a party's question looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionFormat {
    /// What it is written with.
    pub format: Format,
    /// Its most characters, 4 to 64.
    pub longest: usize,
}

/// Which part of a text makes it no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuiteError {
    /// It is not `OCRA-1`.
    Algorithm,
    /// It is not `HOTP-`, a hash of ours, and the digits: 0 or 4 to 10.
    Function,
    /// There is no question behind the counter, or it is not `Q`, its format and 4 to 64.
    Question,
    /// It is `P`, but not with a hash of ours.
    Password,
    /// It is `S`, but not with three digits that make 1 to 512 octets.
    Session,
    /// It is `T`, but not with 1 to 59 `S`, 1 to 59 `M`, or 0 to 48 `H`.
    Time,
    /// Something follows, or stands where it does not belong.
    Rest,
}

impl Suite {
    /// Reads a suite, in capitals: what looks otherwise is another message to the HMAC.
    ///
    /// A `Q`, `P`, `S` or `T` alone means the RFC's default: `QN08`, `PSHA1`, `S064`,
    /// `T1M`. A length of a question may be one digit, as in the RFC's own example
    /// (`QH8`, §6.4).
    pub fn parse(text: &str) -> Result<Self, SuiteError> {
        let (algorithm, rest) = text.split_once(':').ok_or(SuiteError::Algorithm)?;
        if algorithm != "OCRA-1" {
            return Err(SuiteError::Algorithm);
        }
        let (function, inputs) = rest.split_once(':').ok_or(SuiteError::Function)?;
        let (hash, truncation) = read_function(function).ok_or(SuiteError::Function)?;
        let mut parts = inputs.split('-').peekable();
        let counter = parts.next_if_eq(&"C").is_some();
        let question = parts.next().and_then(read_question).ok_or(SuiteError::Question)?;
        let password = optional(&mut parts, 'P', read_password, SuiteError::Password)?;
        let session = optional(&mut parts, 'S', read_session, SuiteError::Session)?;
        let time_step = optional(&mut parts, 'T', read_time, SuiteError::Time)?;
        let (mut octets, length) = ([0; LONGEST], text.len());
        if parts.next().is_some() || length > LONGEST {
            return Err(SuiteError::Rest);
        }
        octets[..length].copy_from_slice(text.as_bytes());
        let text = octets;
        Ok(Self { text, length, hash, truncation, counter, question, password, session, time_step })
    }

    /// The octets that the HMAC takes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }

    /// The hash of the HMAC.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// What is made of the HMAC.
    #[must_use]
    pub const fn truncation(&self) -> Truncation {
        self.truncation
    }

    /// Whether a counter goes in.
    #[must_use]
    pub const fn has_counter(&self) -> bool {
        self.counter
    }

    /// How the questions look.
    #[must_use]
    pub const fn question(&self) -> QuestionFormat {
        self.question
    }

    /// The hash of the password that goes in, if one does.
    #[must_use]
    pub const fn password(&self) -> Option<Hash> {
        self.password
    }

    /// The octets of session information that go in.
    #[must_use]
    pub const fn session(&self) -> Option<usize> {
        self.session
    }

    /// The seconds of a time step, if the time goes in.
    ///
    /// They are 0 for `T0H`, which the RFC's table allows. Such steps cannot be counted:
    /// no clock says which one it is ([`crate::step_at`] gives `None`), and the parties
    /// have to agree on a number themselves.
    #[must_use]
    pub const fn time_step(&self) -> Option<u64> {
        self.time_step
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(str::from_utf8(self.as_bytes()).expect("it was read from text"))
    }
}

impl fmt::Display for SuiteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Algorithm => "a suite begins with OCRA-1",
            Self::Function => "a suite's function is HOTP-, SHA1, SHA256 or SHA512, and 0 or 4-10",
            Self::Question => "a suite's question is QA, QN or QH with a length of 04-64",
            Self::Password => "a suite's password is PSHA1, PSHA256 or PSHA512",
            Self::Session => "a suite's session is S001 to S512",
            Self::Time => "a suite's time step is T1S-T59S, T1M-T59M or T0H-T48H",
            Self::Rest => "a suite's inputs are C, Q, P, S and T in this order, each once",
        })
    }
}

impl core::error::Error for SuiteError {}

fn optional<T>(
    parts: &mut Peekable<Split<'_, char>>,
    letter: char,
    read: impl Fn(&str) -> Option<T>,
    error: SuiteError,
) -> Result<Option<T>, SuiteError> {
    let found = parts.next_if(|part| part.starts_with(letter));
    found.map(|part| read(&part[1..]).ok_or(error)).transpose()
}

fn read_function(text: &str) -> Option<(Hash, Truncation)> {
    let (hash, digits) = text.strip_prefix("HOTP-")?.split_once('-')?;
    let truncation = match plain(digits, 0..=10)? {
        0 => Truncation::Full,
        4..=10 => Truncation::Digits(digits.parse().ok()?),
        _ => return None,
    };
    Some((read_hash(hash)?, truncation))
}

fn read_question(text: &str) -> Option<QuestionFormat> {
    let text = text.strip_prefix('Q')?;
    let format = match text.chars().next() {
        None => return Some(QuestionFormat { format: Format::Numeric, longest: 8 }),
        Some('A') => Format::Alphanumeric,
        Some('N') => Format::Numeric,
        Some('H') => Format::Hexadecimal,
        Some(_) => return None,
    };
    let length = &text[1..];
    let longest = if length.len() <= 2 { number(length, 4..=64)? } else { return None };
    Some(QuestionFormat { format, longest: longest.into() })
}

fn read_password(text: &str) -> Option<Hash> {
    if text.is_empty() { Some(Hash::Sha1) } else { read_hash(text) }
}

fn read_session(text: &str) -> Option<usize> {
    match text.len() {
        0 => Some(64),
        3 => number(text, 1..=512).map(usize::from),
        _ => None,
    }
}

fn read_time(text: &str) -> Option<u64> {
    let (unit, range) = match text.bytes().last() {
        None => return Some(60),
        Some(b'S') => (1, 1..=59),
        Some(b'M') => (60, 1..=59),
        Some(b'H') => (3600, 0..=48),
        Some(_) => return None,
    };
    Some(unit * u64::from(plain(&text[..text.len() - 1], range)?))
}

fn read_hash(text: &str) -> Option<Hash> {
    match text {
        "SHA1" => Some(Hash::Sha1),
        "SHA256" => Some(Hash::Sha256),
        "SHA512" => Some(Hash::Sha512),
        _ => None,
    }
}

/// A number without zeros before it.
fn plain(text: &str, range: RangeInclusive<u16>) -> Option<u16> {
    if text.len() > 1 && text.starts_with('0') { None } else { number(text, range) }
}

fn number(text: &str, range: RangeInclusive<u16>) -> Option<u16> {
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && range.contains(number))
}
