// SPDX-License-Identifier: Apache-2.0
//! A question as the HMAC takes it: RFC 6287 §5.1.

use super::suite::{Format, QuestionFormat};

/// Octets of the questions together.
pub(super) const OCTETS: usize = 128;

/// The shortest question. The RFC calls its lengths "up to", and knows none below 4; what
/// is shorter is one of so few that a code over it binds to next to nothing.
const SHORTEST: usize = 4;

/// Octets of the largest number: two questions of 64 digits.
const LARGEST: usize = 54;

/// Writes one party's question, or the other party's and one's own behind it, to the
/// left of `out`, which holds zeros. `None` for what is no question of this `format`.
///
/// Two numbers are one number, their digits side by side: the RFC joins what was asked,
/// and does not say how numbers would be told apart.
pub(super) fn encode(
    format: QuestionFormat,
    question: &str,
    own: Option<&str>,
    out: &mut [u8],
) -> Option<()> {
    let fits = |text: &str| {
        (SHORTEST..=format.longest).contains(&text.len())
            && text.bytes().all(|byte| format.format.holds(byte))
    };
    if !fits(question) || !own.is_none_or(fits) {
        return None;
    }
    let characters = question.bytes().chain(own.unwrap_or_default().bytes());
    match format.format {
        Format::Alphanumeric => {
            out.iter_mut().zip(characters).for_each(|(place, character)| *place = character);
        }
        Format::Hexadecimal => push_all(out, characters.map(value_of)),
        Format::Numeric => {
            let number = number_of(characters);
            let digits = number.iter().flat_map(|octet| [octet >> 4, octet & 0x0f]);
            push_all(out, digits.skip_while(|digit| *digit == 0));
        }
    }
    Some(())
}

impl Format {
    const fn holds(self, character: u8) -> bool {
        match self {
            Self::Alphanumeric => character.is_ascii_alphanumeric(),
            Self::Numeric => character.is_ascii_digit(),
            Self::Hexadecimal => character.is_ascii_hexdigit(),
        }
    }
}

/// Writes hexadecimal digits from the left. After an odd one there is a zero, as the
/// RFC's reference code pads the text and not the number.
fn push_all(out: &mut [u8], digits: impl Iterator<Item = u8>) {
    for (place, digit) in digits.enumerate() {
        out[place / 2] |= if place % 2 == 0 { digit << 4 } else { digit };
    }
}

/// The number that decimal digits make, in network order.
fn number_of(digits: impl Iterator<Item = u8>) -> [u8; LARGEST] {
    let mut number = [0; LARGEST];
    for digit in digits {
        let mut carry = u16::from(value_of(digit));
        for octet in number.iter_mut().rev() {
            let [high, low] = (u16::from(*octet) * 10 + carry).to_be_bytes();
            (carry, *octet) = (u16::from(high), low);
        }
    }
    number
}

const fn value_of(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}
