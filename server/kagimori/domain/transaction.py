# SPDX-License-Identifier: Apache-2.0
"""What a customer signs (取引確認): transfers, in one encoding that has one reading.

The encoding is text in UTF-8, for an app reads it from a QR code: lines, ended by a
line feed each but the last, whose fields cannot hold one. No two challenges encode
alike, and no text but an encoding is read: numbers have no leading zeros, the total is
the sum. Version 1::

    KAGIMORI-T1
    <service ID> <challenge_id>
    <currency> <number of transfers> <total>
    <bank> <branch> <account type> <account number> <amount>
    <reference>
    <payee name>

with the last three lines for each transfer; a reference may be empty, and its line is
there. The text never ends in an empty line, for readers of QR codes trim. The version's
name stands for the suite, too (RFC 6287 §6): another suite is another version. Only
apps read it, so only they have a reader.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum
from typing import Final

from kagimori.domain.enrollment import service_id
from kagimori.domain.errors import InvalidField
from kagimori.domain.value import value

VERSION: Final = "KAGIMORI-T1"

CODE_DIGITS: Final = 8
"""Digits of a code that signs, in either suite."""

SCANNED_SUITE: Final = "OCRA-1:HOTP-SHA256-8:QH64"
"""Over SHA-256 of the encoding. The challenge's id in it makes it the only one of its kind."""

TYPED_SUITE: Final = "OCRA-1:HOTP-SHA256-8:QA20-T30S"
"""Over what was typed, and the time: the same transfer twice has two codes.

Alphanumeric: a numeric question is padded on the right of its hexadecimal digits
(RFC 6287 §5.1), so that 1 and 16 would be one.
"""

TYPED_PERIOD: Final = 30
"""Seconds of a time step of the typed suite."""

LARGEST_AMOUNT: Final = 9_999_999_999
LONGEST_NAME: Final = 48
LONGEST_REFERENCE: Final = 20
LONGEST_TEXT: Final = 2_331
"""Octets of an encoding: what a QR code of version 40 and level M holds (ISO/IEC 18004)."""

_CHALLENGE_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BANK: Final = re.compile(r"[0-9]{4}")
_BRANCH: Final = re.compile(r"[0-9]{3}")
_ACCOUNT: Final = re.compile(r"[0-9]{7}")
# What names of payees are written in (全銀): one code point for each character, and one
# width. So its small kana are not here (ｯ is ﾂ there), nor ｰ, which is "-" there and looks
# like it, nor ¥, which some have at U+00A5 and some at U+005C. ｦ is: some banks take it.
# A mark (ﾞ, ﾟ) is a character of its own; nothing is composed or converted.
_WORD: Final = r"[0-9A-Zｦｱ-ﾝﾞﾟ()\-./,｢｣]+"
_TEXT: Final = re.compile(f"{_WORD}(?: {_WORD})*")


class Currency(StrEnum):
    """ISO 4217."""

    JPY = "JPY"


class AccountType(StrEnum):
    """預金種目, in Zengin's digits."""

    ORDINARY = "1"
    CURRENT = "2"
    SAVINGS = "4"
    OTHER = "9"


class SigningProfile(StrEnum):
    """How the token learns what it signs."""

    SCANNED = "SCANNED"
    TYPED = "TYPED"


@value(frozen=True, slots=True)
class Transfer:
    """One payment; see `transfer` for what its fields can be. ``amount`` is in yen."""

    bank: str = field(repr=False)
    branch: str = field(repr=False)
    account_type: AccountType = field(repr=False)
    account_number: str = field(repr=False)
    payee_name: str = field(repr=False)
    amount: int = field(repr=False)
    reference: str = field(repr=False)


@value(frozen=True, slots=True)
class Transaction:
    """What one signature covers, in the order in which it is shown."""

    transfers: tuple[Transfer, ...] = field(repr=False)
    currency: Currency = Currency.JPY

    @property
    def total(self) -> int:
        """Return the sum of the amounts."""
        return sum(each.amount for each in self.transfers)


@value(frozen=True, slots=True)
class Challenge:
    """What is signed: a transaction, once. ``tenant`` is the service ID."""

    tenant: str
    challenge_id: str
    transaction: Transaction
    text: str = field(init=False, repr=False, compare=False)
    """The canonical encoding."""
    digest: bytes = field(init=False, repr=False, compare=False)
    """SHA-256 of the encoding in UTF-8: what tells this challenge from all others."""

    def __post_init__(self) -> None:
        """Encode once: a verification asks for it again and again."""
        text = "\n".join(_lines(self.tenant, self.challenge_id, self.transaction))
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "digest", hashlib.sha256(_octets(text)).digest())


def check_transfer(transfer: Transfer, name: str) -> None:
    """Raise `InvalidField` of ``name`` for what no encoding can hold; quote nothing."""
    no_reference = not transfer.reference
    for part, is_right, rule in (
        ("bank_code", _BANK.fullmatch(transfer.bank), "must be 4 ASCII digits"),
        ("branch_code", _BRANCH.fullmatch(transfer.branch), "must be 3 ASCII digits"),
        ("account_number", _ACCOUNT.fullmatch(transfer.account_number), "must be 7 ASCII digits"),
        ("payee_name", _is_text(transfer.payee_name, LONGEST_NAME), _NAME_RULE),
        ("amount", 1 <= transfer.amount <= LARGEST_AMOUNT, _AMOUNT_RULE),
        (
            "reference",
            no_reference or _is_text(transfer.reference, LONGEST_REFERENCE),
            _REFERENCE_RULE,
        ),
    ):
        if not is_right:
            raise InvalidField(f"{name}.{part}", rule)


def check_challenge(challenge: Challenge) -> None:
    """Raise `InvalidField` for a challenge that has no encoding; quote nothing."""
    service_id(challenge.tenant)
    if not _CHALLENGE_ID.fullmatch(challenge.challenge_id):
        raise InvalidField("challenge_id", "must be a UUID in lower-case 8-4-4-4-12 form")
    transfers = challenge.transaction.transfers
    if not transfers:
        raise InvalidField("transaction.transfers", "must name at least one")
    for number, each in enumerate(transfers):
        check_transfer(each, f"transaction.transfers[{number}]")
    if len(_octets(challenge.text)) > LONGEST_TEXT:
        msg = f"must fit into {LONGEST_TEXT} octets all together: sign them in parts"
        raise InvalidField("transaction.transfers", msg)


def typed(transaction: Transaction) -> tuple[str, str]:
    """Return what is typed: the account number, and the amount in decimal.

    The question is the one behind the other; the first always has 7 digits, so that it
    has one reading. Raises `InvalidField` for a batch: nobody types all of its payees.
    """
    if len(transaction.transfers) != 1:
        raise InvalidField("transaction.transfers", "a batch can be scanned only")
    (only,) = transaction.transfers
    return only.account_number, str(only.amount)


@value(frozen=True, slots=True)
class Question:
    """What a token computes a code over (RFC 6287 §6).

    ``text`` is the challenge as the ``suite`` takes it; ``period`` is the seconds of its
    time step, 0 where it has none.
    """

    suite: str
    text: str = field(repr=False)
    period: int = 0


def question_of(profile: SigningProfile, challenge: Challenge) -> Question:
    """Return what is computed over; raises `InvalidField` as `typed` does."""
    if profile is SigningProfile.SCANNED:
        return Question(SCANNED_SUITE, challenge.digest.hex())
    return Question(TYPED_SUITE, "".join(typed(challenge.transaction)), TYPED_PERIOD)


_TEXT_RULE: Final = (
    "half-width characters: 0-9, A-Z, katakana but for small ones and ｰ, ( ) - . / , ｢ ｣, "
    "and single spaces inside"
)
_NAME_RULE: Final = f"must be 1 to {LONGEST_NAME} {_TEXT_RULE}"
_REFERENCE_RULE: Final = f"must be 0 to {LONGEST_REFERENCE} {_TEXT_RULE}"
_AMOUNT_RULE: Final = f"must be 1 to {LARGEST_AMOUNT:,}"


def _is_text(text: str, longest: int) -> bool:
    return len(text) <= longest and _TEXT.fullmatch(text) is not None


def _lines(tenant: str, challenge_id: str, transaction: Transaction) -> Iterator[str]:
    yield VERSION
    yield f"{tenant} {challenge_id}"
    yield f"{transaction.currency} {len(transaction.transfers)} {transaction.total}"
    for each in transaction.transfers:
        account = f"{each.bank} {each.branch} {each.account_type} {each.account_number}"
        yield f"{account} {each.amount}"
        yield each.reference
        yield each.payee_name


def _octets(text: str) -> bytes:
    # What has no UTF-8 is refused by `check_challenge`, in words.
    return text.encode(errors="surrogatepass")
