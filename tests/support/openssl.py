# SPDX-License-Identifier: Apache-2.0
"""openssl: HMACs that nothing of ours has computed."""

from __future__ import annotations

import subprocess


def hmac_of(hash_name: str, key: bytes, message: bytes) -> bytes:
    """Return HMAC(key, message); ``hash_name`` is SHA1, SHA256 or SHA512."""
    how = ("-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary")
    told = subprocess.run(
        ["openssl", "dgst", f"-{hash_name.lower()}", *how],
        input=message,
        capture_output=True,
        check=True,
    )
    return told.stdout


def code_of(mac: bytes, digits: int) -> str:
    """Return the decimal digits of a MAC: RFC 4226 §5.3, word for word."""
    offset = mac[-1] & 0xF
    last_31_bits = ((mac[offset] & 0x7F) << 24) + int.from_bytes(mac[offset + 1 : offset + 4])
    return f"{last_31_bits:010d}"[-digits:]
