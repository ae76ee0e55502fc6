# SPDX-License-Identifier: Apache-2.0
"""OCRA (RFC 6287) in a few lines of Python."""

from __future__ import annotations

import hmac
import re
from typing import Final

_SUITE: Final = re.compile(
    r"OCRA-1:HOTP-(?P<hash>SHA1|SHA256|SHA512)-(?P<digits>\d+):"
    r"(?P<counter>C-)?Q(?P<format>[ANH])(?P<longest>0[4-9]|[1-5]\d|6[0-4])"
    r"(?P<password>-PSHA\d+)?(?P<session>-S(?P<octets>\d{3})?)?(?P<time>-T\d+[SMH])?"
)
_QUESTION: Final = 128
_SHORTEST: Final = 4
_CHARACTERS: Final = {"A": "[0-9A-Za-z]+", "N": "[0-9]+", "H": "[0-9A-Fa-f]+"}


def ocra(  # noqa: PLR0913 - the RFC's inputs, by their names
    key: bytes,
    suite: str,
    question: str,
    *,
    counter: int | None = None,
    password_hash: bytes | None = None,
    session: bytes | None = None,
    time_step: int | None = None,
) -> str:
    """Return the response of RFC 6287 §5.2; the full value in hexadecimal for 0 digits.

    Raises ValueError for what is no suite, and where an input is missing or does not fit.
    """
    parts = _SUITE.fullmatch(suite)
    if parts is None or not _SHORTEST <= len(question) <= int(parts["longest"]):
        raise ValueError
    inputs = b"".join(
        (
            _wanted(parts["counter"], counter, 8),
            _octets(parts["format"], question).ljust(_QUESTION, b"\0"),
            _wanted(parts["password"], password_hash, 0),
            _wanted(parts["session"], session, int(parts["octets"] or 64)),
            _wanted(parts["time"], time_step, 8),
        )
    )
    mac = hmac.digest(key, suite.encode() + b"\0" + inputs, parts["hash"].lower())
    digits = int(parts["digits"])
    if not digits:
        return mac.hex()
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    return str(number)[-digits:].rjust(digits, "0")


def _octets(kind: str, question: str) -> bytes:
    if not re.fullmatch(_CHARACTERS[kind], question):
        raise ValueError
    if kind == "A":
        return question.encode()
    text = f"{int(question):x}" if kind == "N" else question
    return bytes.fromhex(text + "0" * (len(text) % 2))


def _wanted(named: str | None, given: int | bytes | None, length: int) -> bytes:
    if (named is None) != (given is None):
        raise ValueError
    if given is None:
        return b""
    return given.to_bytes(length) if isinstance(given, int) else given.rjust(length, b"\0")
