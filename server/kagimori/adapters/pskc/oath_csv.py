# SPDX-License-Identifier: Apache-2.0
"""OATH CSV: a token a line, its seed in clear.

``serial,seed,type[,digits[,moving]]``: the seed in hexadecimal, the type HOTP or
TOTP, six digits where nothing is said, and as the moving factor the period in
seconds (30) or the next counter (0). No standard defines it; vendors' tools do.
"""

from __future__ import annotations

import binascii
import csv
import re
from collections.abc import Iterator
from typing import Final

from kagimori.adapters.pskc.algorithms import CLEAR
from kagimori.adapters.pskc.source import Source
from kagimori.application.deliveries.vendor_file import (
    LONGEST_PERIOD,
    MOST_PRESSES,
    SHORTEST_SEED,
    EncryptedSeed,
    Fault,
    Head,
    InClear,
    TokenFault,
    VendorFileRefused,
    VendorToken,
)
from kagimori.domain.code import LONGEST, SHORTEST
from kagimori.domain.token import NEVER, SERIAL, Hash, MovingFactor, Profile

LONGEST_LINE: Final = 4096
"""Octets."""

_MARK: Final = b"\xef\xbb\xbf"
"""What some editors put in front of a UTF-8 file."""
_FEWEST, _MOST = 3, 5
_FACTORS: Final = {"HOTP": MovingFactor.EVENT, "TOTP": MovingFactor.TIME}
_HASHES: Final = {32: Hash.SHA256, 64: Hash.SHA512}
"""The hash by the octets of the seed, as is the custom; SHA-1 for any other."""
_DIGITS: Final = "6"
_PERIOD: Final = "30"
_COUNTER: Final = "0"
_INTEGER: Final = re.compile(r"[0-9]{1,19}")


class CsvFile:
    """A `VendorFile` over an OATH CSV file."""

    def __init__(self, source: Source, digest: bytes) -> None:
        """Refuse at once what is another kind of file."""
        self.head = Head(InClear())
        self.digest = digest
        self.size = source.size
        self._source = source
        _check_kind(next(source.chunks(), b""))

    @property
    def position(self) -> int:
        """Return how much was read."""
        return self._source.position

    def tokens(self) -> Iterator[VendorToken | TokenFault]:
        """See `VendorFile.tokens`."""
        empty = True
        for number, line in _lines(self._source.chunks()):
            if line.strip() and not line.startswith(b"#"):
                empty = False
                yield _token(number, line)
        if empty:
            raise VendorFileRefused(Fault.MISSING, "the file holds no token")


def _check_kind(beginning: bytes) -> None:
    text = beginning.removeprefix(_MARK).lstrip()
    if text.startswith(b"<"):
        raise VendorFileRefused(Fault.NOT_CSV, "this is XML, not CSV")
    if b"\0" in text:
        raise VendorFileRefused(Fault.NOT_CSV, "this is not text")


def _lines(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers; of one that is too long, enough to show it."""
    number, rest = 0, b""
    for at, chunk in enumerate(chunks):
        pieces = (rest + (chunk if at else chunk.removeprefix(_MARK))).split(b"\n")
        rest = pieces.pop()[: LONGEST_LINE + 1]
        for piece in pieces:
            number += 1
            yield number, piece.removesuffix(b"\r")
    if rest:
        yield number + 1, rest


def _token(number: int, line: bytes) -> VendorToken | TokenFault:
    serial = ""
    try:
        first, seed, kind, *more = _fields(line)
        serial = _serial(first)
        return _read(number, serial, _seed(seed), kind, more)
    except VendorFileRefused as refused:
        return TokenFault(serial, number, refused.fault, refused.detail)


def _fields(line: bytes) -> list[str]:
    if len(line) > LONGEST_LINE:
        raise VendorFileRefused(Fault.TOO_LARGE, f"the line has more than {LONGEST_LINE} octets")
    try:
        # One line at a time, so that a stray quotation mark does not swallow the next.
        [fields] = csv.reader([line.decode(errors="replace")], strict=True)
    except (csv.Error, ValueError):
        raise VendorFileRefused(Fault.UNEXPECTED, "the line is not CSV") from None
    if not _FEWEST <= len(fields) <= _MOST:
        fault = Fault.MISSING if len(fields) < _FEWEST else Fault.UNEXPECTED
        detail = "a line is serial,seed,type, then digits, then period or counter"
        raise VendorFileRefused(fault, detail)
    return fields


def _read(number: int, serial: str, seed: bytes, kind: str, more: list[str]) -> VendorToken:
    digits, moving, *_ = *(field.strip() for field in more), "", ""
    factor = _FACTORS.get(kind.strip().upper())
    if factor is None:
        raise VendorFileRefused(Fault.UNSUPPORTED, "the type must be HOTP or TOTP")
    length = _integer("digits", digits or _DIGITS, SHORTEST, LONGEST)
    period, last_step = 0, NEVER
    if factor is MovingFactor.TIME:
        period = _integer("period", moving or _PERIOD, 1, LONGEST_PERIOD)
    else:
        last_step = _integer("counter", moving or _COUNTER, 0, MOST_PRESSES) - 1
    profile = Profile(factor, _HASHES.get(len(seed), Hash.SHA1), length, period)
    return VendorToken(serial, profile, last_step, 0, EncryptedSeed(CLEAR, seed), number)


def _serial(field: str) -> str:
    if not SERIAL.fullmatch(field):
        detail = "a serial is 1 to 32 characters of 0-9 and A-Z and nothing else"
        raise VendorFileRefused(Fault.BAD_SERIAL, detail)
    return field


def _seed(field: str) -> bytes:
    try:
        seed = binascii.unhexlify(field.strip())
    except ValueError:
        raise VendorFileRefused(Fault.BAD_VALUE, "the seed must be hexadecimal") from None
    if len(seed) < SHORTEST_SEED:
        detail = f"the seed has fewer than {SHORTEST_SEED} octets"
        raise VendorFileRefused(Fault.SEED_TOO_SHORT, detail)
    return seed


def _integer(name: str, field: str, lowest: int, highest: int) -> int:
    number = int(field) if _INTEGER.fullmatch(field) else None
    if number is None or not lowest <= number <= highest:
        detail = f"the {name} must be a whole number from {lowest} to {highest}"
        raise VendorFileRefused(Fault.BAD_VALUE, detail)
    return number
