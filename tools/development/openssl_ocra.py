# SPDX-License-Identifier: Apache-2.0
"""What a token shows over a transaction, by openssl and sha256sum: not our own code.

What is put together here is put together from RFC 6287 §6, octet by octet. openssl takes a
key as an argument alone, which ``ps`` shows: it is told the seeds of made-up phones only.
"""

from __future__ import annotations

import subprocess
from typing import Final

SCANNED: Final = b"OCRA-1:HOTP-SHA256-8:QH64"
TYPED: Final = b"OCRA-1:HOTP-SHA256-8:QA20-T30S"
PERIOD: Final = 30
"""Seconds of a time step of `TYPED`."""
_QUESTION_OCTETS: Final = 128


def sha256sum(text: str) -> str:
    """Return SHA-256 of ``text`` in UTF-8, in lower-case hexadecimal."""
    done = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode().split()[0]


def scanned_code(seed: bytes, text: str) -> str:
    """Return the code over the text of a QR code."""
    return _code(seed, SCANNED + b"\0" + _question(bytes.fromhex(sha256sum(text))))


def typed_code(seed: bytes, account: str, amount: str, at: float) -> str:
    """Return the code over what was typed ``at`` a time, in seconds since 1970."""
    step = int(at) // PERIOD
    return _code(
        seed, TYPED + b"\0" + _question((account + amount).encode()) + step.to_bytes(8, "big")
    )


def _question(octets: bytes) -> bytes:
    return octets + bytes(_QUESTION_OCTETS - len(octets))


def _code(seed: bytes, data_input: bytes) -> str:
    """Return 8 digits (RFC 4226 §5.3) of the HMAC over ``data_input``."""
    options = ("-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{seed.hex()}", "-binary")
    done = subprocess.run(
        ["openssl", "dgst", *options], input=data_input, capture_output=True, check=True
    )
    offset = done.stdout[-1] & 0x0F
    number = int.from_bytes(done.stdout[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number:010d}"[-8:]
