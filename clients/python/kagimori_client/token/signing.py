# SPDX-License-Identifier: Apache-2.0
"""取引確認: what is shown is what is signed, and nothing else can be."""

from __future__ import annotations

import hashlib
import re
from typing import Final, final

from kagimori_client.token.errors import InvalidField, NotATransaction
from kagimori_client.token.ocra import Suite
from kagimori_client.transaction import InvalidTransaction, ReadTransaction, Transfer, read

SCANNED: Final = Suite.parse("OCRA-1:HOTP-SHA256-8:QH64")
"""Over SHA-256 of the text, which names its challenge."""

TYPED: Final = Suite.parse("OCRA-1:HOTP-SHA256-8:QA20-T30S")
"""Over the account number with the amount behind it, and the time."""

_ACCOUNT: Final = re.compile(r"[0-9]{7}")
_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,9}")


@final
class TransactionToSign:
    """A transaction as it was scanned, to be shown, and then to be signed.

    Whatever it shows was read from the one text that the code will cover; neither can be
    put in the other's place. `SoftwareToken.read_transaction` makes it.
    """

    __slots__ = ("_digest", "_read")

    _digest: str
    _read: ReadTransaction

    def __init__(self, text: str) -> None:
        """Read ``text``, or raise `NotATransaction`."""
        try:
            object.__setattr__(self, "_read", read(text))
        except InvalidTransaction:
            raise NotATransaction from None
        object.__setattr__(self, "_digest", hashlib.sha256(text.encode()).hexdigest())

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """Return the payments, in the order in which they are to be shown."""
        return self._read.transaction.transfers

    @property
    def total(self) -> int:
        """Return the sum of the amounts."""
        return self._read.transaction.total

    @property
    def currency(self) -> str:
        """Return the currency of the amounts (ISO 4217)."""
        return self._read.transaction.currency

    @property
    def service_id(self) -> str:
        """Return the サービスID of the bank that asks for it."""
        return self._read.service_id

    @property
    def challenge_id(self) -> str:
        """Return the challenge's UUID."""
        return self._read.challenge_id

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("what is to be signed does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("what is to be signed does not change")

    def __repr__(self) -> str:
        """Show the challenge and nothing of the transaction."""
        return f"<TransactionToSign {self.challenge_id}>"


def answer(seed: bytes, scanned: TransactionToSign) -> str:
    """Return the code over exactly what ``scanned`` shows, 8 digits."""
    return SCANNED.code(seed, scanned._digest)  # noqa: SLF001 - nobody else is to have it


def typed_answer(seed: bytes, account_number: str, amount: str, at: float) -> str:
    """Return the code over what was typed, at ``at``, 8 digits; raise `InvalidField`."""
    question = typed_account(account_number) + typed_amount(amount)
    return TYPED.code(seed, question, TYPED.step(at))


def typed_account(text: str) -> str:
    """Return ``text`` if it can be an account number; else raise `InvalidField`."""
    if not isinstance(text, str) or not _ACCOUNT.fullmatch(text):
        raise InvalidField("account_number", "must be 7 ASCII digits")
    return text


def typed_amount(text: str) -> str:
    """Return ``text`` if it can be an amount in yen; else raise `InvalidField`."""
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        reason = "must be 1 to 10 ASCII digits, the first not 0"
        raise InvalidField("amount", reason)
    return text
