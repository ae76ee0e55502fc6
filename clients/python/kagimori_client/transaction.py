# SPDX-License-Identifier: Apache-2.0
"""What a customer signs (取引確認): transfers, and the one text that a QR code holds of them.

Lines, ended by a line feed each but the last, whose fields cannot hold one::

    KAGIMORI-T1
    <service ID> <challenge_id>
    <currency> <number of transfers> <total>
    <bank> <branch> <account type> <account number> <amount>
    <reference>
    <payee name>

with the last three lines for each transfer. No two transactions encode alike, and no
text but an encoding is read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kagimori_client.errors import InvalidRequest

VERSION: Final = "KAGIMORI-T1"
JPY: Final = "JPY"
"""The one currency there is (ISO 4217)."""

LARGEST_AMOUNT: Final = 9_999_999_999
LONGEST_NAME: Final = 48
LONGEST_REFERENCE: Final = 20
LONGEST_TEXT: Final = 2_331
"""Octets of a text: what a QR code of version 40 and level M holds (ISO/IEC 18004)."""

HEAD_LINES: Final = 3
"""Lines of a text before its transfers."""
TRANSFER_LINES: Final = 3
"""Lines of each transfer."""

_SERVICE_ID: Final = re.compile(r"[0-9]{8}")
_CHALLENGE_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BANK: Final = re.compile(r"[0-9]{4}")
_BRANCH: Final = re.compile(r"[0-9]{3}")
_ACCOUNT: Final = re.compile(r"[0-9]{7}")
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,9}")
# Zengin's half-width characters, without small kana, ｰ and ¥: one width and one code point
# for each, so that nothing looks like something else.
_CHARACTERS: Final = r"[0-9A-Zｦｱ-ﾝﾞﾟ()\-./,｢｣]+"
_TEXT: Final = re.compile(f"{_CHARACTERS}(?: {_CHARACTERS})*")
_TEXT_RULE: Final = (
    "half-width characters: 0-9, A-Z, katakana but for small ones and ｰ, ( ) - . / , ｢ ｣, "
    "and single spaces inside"
)


class InvalidTransaction(InvalidRequest, ValueError):
    """What cannot be a transaction: ``field`` is not as it must be. Nothing was sent.

    ``field`` is its proto name ("payee_name", "transfers", ...), "text" for a text that
    holds no transaction; ``reason`` says what it must be and quotes nothing.
    """

    def __init__(self, field: str, reason: str) -> None:
        """``reason`` never quotes the value."""
        super().__init__(field, reason, None)


class AccountType(StrEnum):
    """預金種目: the digit of the Zengin formats, and the number in the API."""

    ORDINARY = "1"
    """普通."""
    CURRENT = "2"
    """当座."""
    SAVINGS = "4"
    """貯蓄."""
    OTHER = "9"
    """その他."""

    @property
    def number(self) -> int:
        """Return kagimori.verification.v1.AccountType's number of it."""
        return int(self.value)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One payment. Raise `InvalidTransaction` for what no bank can carry out.

    ``bank_code`` 4, ``branch_code`` 3, ``account_number`` 7 ASCII digits; ``payee_name``
    (受取人名) 1 to 48 and ``reference`` 0 to 20 half-width characters: 0-9, A-Z, katakana
    but for small ones and ｰ, ( ) - . / , ｢ ｣, and single spaces inside. ``amount`` is 1 to
    9,999,999,999 yen. Nothing is converted.
    """

    bank_code: str = field(repr=False)
    branch_code: str = field(repr=False)
    account_type: AccountType = field(repr=False)
    account_number: str = field(repr=False)
    payee_name: str = field(repr=False)
    amount: int = field(repr=False)
    reference: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        _check("bank_code", "must be 4 ASCII digits", holds=_matches(_BANK, self.bank_code))
        _check("branch_code", "must be 3 ASCII digits", holds=_matches(_BRANCH, self.branch_code))
        known = isinstance(self.account_type, AccountType)
        _check("account_type", "must be a member of kagimori_client.AccountType", holds=known)
        account = _matches(_ACCOUNT, self.account_number)
        _check("account_number", "must be 7 ASCII digits", holds=account)
        named = _is_text(self.payee_name, LONGEST_NAME)
        _check("payee_name", f"must be 1 to {LONGEST_NAME} {_TEXT_RULE}", holds=named)
        whole = type(self.amount) is int and 1 <= self.amount <= LARGEST_AMOUNT
        _check("amount", "must be an int, 1 to 9,999,999,999", holds=whole)
        referred = self.reference == "" or _is_text(self.reference, LONGEST_REFERENCE)
        _check("reference", f"must be 0 to {LONGEST_REFERENCE} {_TEXT_RULE}", holds=referred)


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one signature covers: the transfers, in the order in which they are shown.

    Raise `InvalidTransaction` without a transfer, or for another ``currency`` than JPY.
    """

    transfers: tuple[Transfer, ...] = field(repr=False)
    currency: str = JPY

    def __post_init__(self) -> None:
        several = isinstance(self.transfers, tuple | list)
        _check("transfers", "must be a tuple of kagimori_client.Transfer", holds=several)
        # Whoever still has the list may not change what was looked at.
        object.__setattr__(self, "transfers", tuple(self.transfers))
        _check("transfers", "must name at least one", holds=bool(self.transfers))
        right = all(isinstance(each, Transfer) for each in self.transfers)
        _check("transfers", "must be of kagimori_client.Transfer", holds=right)
        _check("currency", "must be JPY", holds=self.currency == JPY)

    @property
    def total(self) -> int:
        """Return the sum of the amounts, in yen."""
        return sum(each.amount for each in self.transfers)

    def encoded(self, service_id: str, challenge_id: str) -> str:
        """Return the text of the challenge that a bank has made about it.

        ``service_id`` is the bank's 8 digits, ``challenge_id`` a UUID as the authority
        writes it. Raise `InvalidTransaction` for what has no text, such as more
        transfers than fit into a QR code.
        """
        _check("service_id", "must be 8 ASCII digits", holds=_matches(_SERVICE_ID, service_id))
        named = _matches(_CHALLENGE_ID, challenge_id)
        _check("challenge_id", "must be a UUID in lower case", holds=named)
        head = f"{self.currency} {len(self.transfers)} {self.total}"
        lines = [VERSION, f"{service_id} {challenge_id}", head]
        for each in self.transfers:
            account = f"{each.bank_code} {each.branch_code} {each.account_type}"
            lines.append(f"{account} {each.account_number} {each.amount}")
            lines += (each.reference, each.payee_name)
        text = "\n".join(lines)
        fits = len(text.encode()) <= LONGEST_TEXT
        msg = f"must fit into {LONGEST_TEXT} octets all together: sign them in parts"
        _check("transfers", msg, holds=fits)
        return text


@dataclass(frozen=True, slots=True)
class ReadTransaction:
    """What a text says: whose challenge, which, and about what."""

    service_id: str
    challenge_id: str
    transaction: Transaction


def read(text: str) -> ReadTransaction:
    """Return what ``text`` says, or raise `InvalidTransaction` for any but an encoding."""
    _check("text", "must be a str", holds=isinstance(text, str))
    # Which part was wrong tells of what it holds: that error is not chained.
    with suppress(ValueError):
        said = _said(text.split("\n"))
        # One reading: what does not encode to this very text was not an encoding.
        if said.transaction.encoded(said.service_id, said.challenge_id) == text:
            return said
    raise InvalidTransaction("text", f"must be an encoding of version {VERSION}")


def _said(lines: list[str]) -> ReadTransaction:
    """Return what the lines seem to say; raise `ValueError` where they say nothing."""
    if len(lines) < HEAD_LINES + TRANSFER_LINES or lines[0] != VERSION:
        raise ValueError
    service_id, challenge_id = lines[1].split(" ")
    currency, _count, _total = lines[2].split(" ")
    rest = lines[HEAD_LINES:]
    # Of unequal length where a line is missing: a `ValueError`.
    triples = zip(*(rest[place::TRANSFER_LINES] for place in range(TRANSFER_LINES)), strict=True)
    transfers = tuple(_transfer(*triple) for triple in triples)
    return ReadTransaction(service_id, challenge_id, Transaction(transfers, currency))


def _transfer(paid: str, reference: str, payee_name: str) -> Transfer:
    bank, branch, account_type, account_number, amount = paid.split(" ")
    # Python's int() takes more than a decimal has, and digits of other scripts.
    if not _AMOUNT.fullmatch(amount):
        raise ValueError
    return Transfer(
        bank, branch, AccountType(account_type), account_number, payee_name, int(amount), reference
    )


def _check(name: str, reason: str, *, holds: bool) -> None:
    if not holds:
        raise InvalidTransaction(name, reason)


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _is_text(text: object, longest: int) -> bool:
    return isinstance(text, str) and len(text) <= longest and _TEXT.fullmatch(text) is not None
