# SPDX-License-Identifier: Apache-2.0
"""What a token shows over a transaction, by openssl and sha256sum: not our own code.

What is put together here is put together from RFC 6287 §6, octet by octet. openssl takes a
key as an argument alone, which ``ps`` shows: it is told the seeds of made-up phones only.
"""

from __future__ import annotations

import subprocess
from typing import Final

SCANNED: Final = "OCRA-1:HOTP-SHA256-8:QH64"
TYPED: Final = "OCRA-1:HOTP-SHA256-8:QA20-T30S"
PERIOD: Final = 30
"""Seconds of a time step of `TYPED`."""
_QUESTION_OCTETS: Final = 128


def sha256sum(text: str) -> str:
    """Return SHA-256 of ``text`` in UTF-8, in lower-case hexadecimal."""
    done = subprocess.run(["sha256sum"], input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode().split()[0]


def code_of_text(seed: bytes, text: str) -> str:
    """Return the code over the text of a QR code."""
    return _code(seed, SCANNED, _question(bytes.fromhex(sha256sum(text))))


def code_of_typed(seed: bytes, typed: str, at: float) -> str:
    """Return the code over account number and amount, ``at`` a time (seconds since 1970)."""
    step = int(at) // PERIOD
    return _code(seed, TYPED, _question(typed.encode()) + step.to_bytes(8, "big"))


def hmac_of(hash_name: str, key: bytes, message: bytes) -> bytes:
    """Return HMAC(key, message); ``hash_name`` is SHA1, SHA256 or SHA512."""
    options = ("-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary")
    done = subprocess.run(
        ["openssl", "dgst", f"-{hash_name.lower()}", *options],
        input=message,
        capture_output=True,
        check=True,
    )
    return done.stdout


def code_of(mac: bytes, digits: int) -> str:
    """Return the decimal digits of a MAC: RFC 4226 §5.3, word for word."""
    offset = mac[-1] & 0xF
    last_31_bits = ((mac[offset] & 0x7F) << 24) + int.from_bytes(mac[offset + 1 : offset + 4])
    return f"{last_31_bits:010d}"[-digits:]


def _question(octets: bytes) -> bytes:
    return octets.ljust(_QUESTION_OCTETS, b"\0")


def _code(seed: bytes, suite: str, inputs: bytes) -> str:
    return code_of(hmac_of("SHA256", seed, suite.encode() + b"\0" + inputs), 8)
