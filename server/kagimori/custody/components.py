# SPDX-License-Identifier: Apache-2.0
"""A vendor's AES key on its way in: from a file, or typed by two people.

Each component, and the key, is answered with its check value, to be compared
with the vendor's paper: the first three bytes of the AES-ECB encryption of a
block of zeros (PKCS#11's CKA_CHECK_VALUE).
"""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kagimori.custody.plan import VendorSection

AES_KEY_LENGTHS = (16, 24, 32)


@dataclass(frozen=True, slots=True)
class VendorKey:
    """A vendor's AES key in clear, for as long as the ceremony runs."""

    vendor: str
    use: str
    value: bytes = field(repr=False)

    @property
    def check_value(self) -> str:
        """Six hexadecimal digits to know the key by."""
        return check_value(self.value)


def collect(
    vendors: Mapping[str, VendorSection], say: Callable[[str], None]
) -> tuple[VendorKey, ...]:
    """Return every vendor's key; raise `CeremonyRefused` naming the vendor."""
    return tuple(_collect(name, section, say) for name, section in vendors.items())


def check_value(key: bytes) -> str:
    """Return the first three bytes of a zero block's AES-ECB encryption, as hex."""
    # ECB of one constant block is what the check value is, by definition.
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305
    return encryptor.update(bytes(16))[:3].hex().upper()


def _collect(name: str, section: VendorSection, say: Callable[[str], None]) -> VendorKey:
    where = f"vendor.{name}.key"
    if section.key.file is not None:
        value = _not_zero(where, _key(where, _read(where, section.key.file)))
        say(f"vendor {name}: check value {check_value(value)}")
    else:
        value = _by_components(name, where, section.key.components or 0, say)
    return VendorKey(vendor=name, use=section.use, value=value)


def _read(where: str, path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not ASCII text"
        msg = f"{where}: {reason}: {path}"
        raise CeremonyRefused(msg) from None


def _by_components(name: str, where: str, count: int, say: Callable[[str], None]) -> bytes:
    if not sys.stdin.isatty():
        msg = f"{where}: components are typed at a terminal, and this is none"
        raise CeremonyRefused(msg)
    parts: list[bytes] = []
    for number in range(1, count + 1):
        typed = getpass.getpass(f"vendor {name}: component {number} of {count}: ")
        parts.append(_key(f"{where}: component {number}", typed))
        if len(parts[-1]) != len(parts[0]):
            msg = f"{where}: component {number} is not as long as component 1"
            raise CeremonyRefused(msg)
        if parts[-1] in parts[:-1]:
            msg = f"{where}: component {number} was typed before: equal components cancel out"
            raise CeremonyRefused(msg)
        say(f"vendor {name}: component {number} has check value {check_value(parts[-1])}")
    return _confirmed(name, where, _not_zero(where, reduce(_xor, parts)), say)


def _confirmed(name: str, where: str, key: bytes, say: Callable[[str], None]) -> bytes:
    say(f"vendor {name}: the key has check value {check_value(key)} (AES-ECB of zeros)")
    if input("Is that what the vendor's paper says? [y/N] ").strip().lower() != "y":
        msg = f"{where}: the check value was not confirmed"
        raise CeremonyRefused(msg)
    return key


def _key(where: str, text: str) -> bytes:
    try:
        value = bytes.fromhex(text.strip())
    except ValueError:
        # The parser's own message tells positions within the key.
        msg = f"{where}: not hexadecimal"
        raise CeremonyRefused(msg) from None
    if len(value) not in AES_KEY_LENGTHS:
        msg = f"{where}: {len(value)} bytes; an AES key has 16, 24 or 32"
        raise CeremonyRefused(msg)
    return value


def _not_zero(where: str, key: bytes) -> bytes:
    if not any(key):
        msg = f"{where}: the key is all zeros, which is no secret"
        raise CeremonyRefused(msg)
    return key


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
