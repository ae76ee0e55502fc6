# SPDX-License-Identifier: Apache-2.0
"""Codes of 取引確認 by openssl, over octets that are put together here (RFC 6287 §5)."""

from __future__ import annotations

import hashlib

from support.openssl import code_of, hmac_of

SCANNED = "OCRA-1:HOTP-SHA256-8:QH64"
TYPED = "OCRA-1:HOTP-SHA256-8:QA20-T30S"


def code_of_text(seed: bytes, text: str) -> str:
    """Return the code over a QR code's text."""
    question = hashlib.sha256(text.encode()).digest()
    return _code(seed, SCANNED.encode() + b"\0" + question + bytes(128 - 32))


def code_of_typed(seed: bytes, typed: str, at: int) -> str:
    """Return the code over what was typed, at ``at``."""
    question = typed.encode() + bytes(128 - len(typed))
    return _code(seed, TYPED.encode() + b"\0" + question + (at // 30).to_bytes(8, "big"))


def _code(seed: bytes, data: bytes) -> str:
    return code_of(hmac_of("SHA256", seed, data), 8)
