# SPDX-License-Identifier: Apache-2.0
"""Codes that answer a question (OCRA, RFC 6287): of a question alone, or of it and the time."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final, Self

from kagimori_client.token.errors import ClockTooEarly

_SUITE: Final = re.compile(
    r"OCRA-1:HOTP-(?P<hash>SHA1|SHA256|SHA512)-(?P<digits>[4-9]|10)"
    r":Q(?P<form>[ANH])(?P<longest>0[4-9]|[1-5][0-9]|6[0-4])"
    r"(?:-T(?P<many>[1-9][0-9]?)(?P<unit>[SMH]))?"
)
_MOST: Final = {"S": 59, "M": 59, "H": 48}
"""Of each unit of time, in one step (RFC 6287 §6.3)."""
_SECONDS: Final = {"S": 1, "M": 60, "H": 3600}
_FORMS: Final = {
    "A": re.compile(r"[\x20-\x7e]+"),
    "N": re.compile(r"[0-9]+"),
    "H": re.compile(r"[0-9A-Fa-f]+"),
}
_QUESTION_OCTETS: Final = 128


@dataclass(frozen=True, slots=True)
class Suite:
    """An OCRASuite (RFC 6287 §6), of those without counter, PIN and session.

    ``form`` is that of the question: A(lphanumeric), N(umeric) or H(exadecimal);
    ``longest`` its length. ``period`` is the seconds of a time step, 0 where the time is
    not asked.
    """

    text: str
    hash_name: str
    digits: int
    form: str
    longest: int
    period: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the suite that is written so, or raise `ValueError`."""
        parts = _SUITE.fullmatch(text)
        if parts is None or int(parts["many"] or 0) > _MOST.get(parts["unit"], 0):
            raise ValueError("no suite that this app knows")
        period = int(parts["many"] or 0) * _SECONDS.get(parts["unit"], 0)
        longest = int(parts["longest"])
        return cls(text, parts["hash"], int(parts["digits"]), parts["form"], longest, period)

    def step(self, at: float) -> int:
        """Return the time step at ``at``, in seconds since 1970; raise `ClockTooEarly`."""
        step = int(at // self.period)
        if step < 0:
            raise ClockTooEarly
        return step

    def code(self, seed: bytes, question: str, step: int | None = None) -> str:
        """Return the answer to ``question`` under ``seed`` (RFC 6287 §5, RFC 4226 §5.3).

        ``step`` is the time step, None where the suite has none. Raise `ValueError` for a
        question that is not of the suite's form, or longer than two of them: parties that
        ask each other put one behind the other (§7.2).
        """
        if (step is None) is (self.period > 0):
            raise ValueError("a time step is given just where the suite has one")
        if not _FORMS[self.form].fullmatch(question) or len(question) > 2 * self.longest:
            raise ValueError("the question is not as the suite wants it")
        time = b"" if step is None else step.to_bytes(8, "big")
        data = self.text.encode() + b"\0" + self._padded(question) + time
        digest = hmac.digest(seed, data, self.hash_name)
        offset = digest[-1] & 0xF
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
        return str(number % 10**self.digits).zfill(self.digits)

    def _padded(self, question: str) -> bytes:
        """Return the question's 128 octets, filled up with zeros on the right (§5.1)."""
        if self.form == "A":
            return question.encode().ljust(_QUESTION_OCTETS, b"\0")
        hexadecimal = f"{int(question):x}" if self.form == "N" else question
        # Of an odd number of digits too, the zeros are on the right.
        return bytes.fromhex(hexadecimal.ljust(2 * _QUESTION_OCTETS, "0"))
