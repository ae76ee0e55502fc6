# SPDX-License-Identifier: Apache-2.0
"""A vendor's AES or 3DES key on its way in: from a file, or typed by people.

Each component, and the key, is answered with its check value, to be compared
with the vendor's paper: the first three bytes of the ECB encryption of a block
of zeros (PKCS#11's CKA_CHECK_VALUE).
"""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kagimori.custody.plan import VendorKeySource, VendorSection

CipherName = Literal["AES", "3DES"]

_LENGTHS = {"AES": (16, 24, 32), "3DES": (24,)}
_MUST_HAVE = {"AES": "an AES key has 16, 24 or 32", "3DES": "a 3DES key has 24"}
_DES_OCTETS = 8
_PARITY = 0x01


@dataclass(frozen=True, slots=True)
class VendorKey:
    """A vendor's key in clear, for as long as the ceremony runs.

    ``use`` is the key policy's word for it.
    """

    vendor: str
    use: str
    value: bytes = field(repr=False)
    cipher: CipherName = "AES"

    @property
    def check_value(self) -> str:
        """Six hexadecimal digits to know the key by."""
        return check_value(self.value, self.cipher)


def collect(
    vendors: Mapping[str, Sequence[VendorSection]], say: Callable[[str], None]
) -> tuple[VendorKey, ...]:
    """Return the keys that vendors gave; raise `CeremonyRefused` naming the vendor."""
    return tuple(
        VendorKey(name, section.policy_use, entry.value(section.key), section.cipher)
        for name, sections in vendors.items()
        for entry, section in _entries(name, sections, say)
        if section.key is not None
    )


def enter(vendor: str, cipher: CipherName, source: Path | int, say: Callable[[str], None]) -> bytes:
    """Return one key from a file or in so many components; raise `CeremonyRefused`.

    One component is the key itself, for a person who has it whole.
    """
    entry = _Entry(vendor, cipher, say)
    return entry.from_file(source) if isinstance(source, Path) else entry.by_components(source)


def check_value(key: bytes, cipher: CipherName = "AES") -> str:
    """Return the first three bytes of a zero block's ECB encryption, as hex."""
    algorithm = AES(key) if cipher == "AES" else TripleDES(key)
    # ECB of one constant block is what the check value is, by definition.
    encryptor = Cipher(algorithm, ECB()).encryptor()  # noqa: S305
    return encryptor.update(bytes(algorithm.block_size // 8))[:3].hex().upper()


def _entries(
    name: str, sections: Sequence[VendorSection], say: Callable[[str], None]
) -> Iterator[tuple[_Entry, VendorSection]]:
    given = [section for section in sections if section.key is not None]
    for section in given:
        # Who types a component must know which of a vendor's keys it is for.
        title = name if len(given) == 1 else f"{name} ({section.use}, {section.cipher})"
        yield _Entry(title, section.cipher, say), section


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key as it is entered: whose it is, in words for people, and its cipher."""

    title: str
    cipher: CipherName
    say: Callable[[str], None]

    @property
    def where(self) -> str:
        return f"vendor.{self.title}.key"

    def value(self, source: VendorKeySource) -> bytes:
        if source.file is None:
            return self.by_components(source.components or 0)
        return self.from_file(source.file)

    def from_file(self, path: Path) -> bytes:
        value = self._sound(self._parsed(self.where, _read(self.where, path)))
        self.say(f"vendor {self.title}: check value {check_value(value, self.cipher)}")
        return value

    def by_components(self, count: int) -> bytes:
        if not sys.stdin.isatty():
            msg = f"{self.where}: components are typed at a terminal, and this is none"
            raise CeremonyRefused(msg)
        parts: list[bytes] = []
        for number in range(1, count + 1):
            what = f"component {number} of {count}" if count > 1 else "the key"
            typed = getpass.getpass(f"vendor {self.title}: {what}: ")
            where = f"{self.where}: component {number}" if count > 1 else self.where
            part = self._parsed(where, typed)
            self._refuse_unfit(number, part, parts)
            parts.append(part)
            if count > 1:
                shown = check_value(part, self.cipher)
                self.say(f"vendor {self.title}: component {number} has check value {shown}")
        return self._confirmed(self._sound(reduce(_xor, parts)))

    def _refuse_unfit(self, number: int, part: bytes, before: Sequence[bytes]) -> None:
        if before and len(part) != len(before[0]):
            msg = f"{self.where}: component {number} is not as long as component 1"
            raise CeremonyRefused(msg)
        if part in before:
            msg = f"{self.where}: component {number} was typed before: equal components cancel out"
            raise CeremonyRefused(msg)

    def _confirmed(self, key: bytes) -> bytes:
        shown = check_value(key, self.cipher)
        self.say(
            f"vendor {self.title}: the key has check value {shown} ({self.cipher}-ECB of zeros)"
        )
        if input("Is that what the vendor's paper says? [y/N] ").strip().lower() != "y":
            msg = f"{self.where}: the check value was not confirmed"
            raise CeremonyRefused(msg)
        return key

    def _parsed(self, where: str, text: str) -> bytes:
        try:
            value = bytes.fromhex(text.strip())
        except ValueError:
            # The parser's own message tells positions within the key.
            msg = f"{where}: not hexadecimal"
            raise CeremonyRefused(msg) from None
        if len(value) not in _LENGTHS[self.cipher]:
            msg = f"{where}: {len(value)} bytes; {_MUST_HAVE[self.cipher]}"
            raise CeremonyRefused(msg)
        return value

    def _sound(self, key: bytes) -> bytes:
        if not any(key):
            msg = f"{self.where}: the key is all zeros, which is no secret"
            raise CeremonyRefused(msg)
        if self.cipher == "3DES" and _is_single_des(key):
            msg = f"{self.where}: two parts that follow each other are equal: that is single DES"
            raise CeremonyRefused(msg)
        return key


def _is_single_des(key: bytes) -> bool:
    """Return whether encryption and decryption cancel out (SP 800-67 section 3.3.2).

    The lowest bit of each octet is parity, which DES does not look at.
    """
    bare = bytes(octet & ~_PARITY & 0xFF for octet in key)
    first, second, third = (bare[at : at + _DES_OCTETS] for at in range(0, len(bare), _DES_OCTETS))
    return second in (first, third)


def _read(where: str, path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not ASCII text"
        msg = f"{where}: {reason}: {path}"
        raise CeremonyRefused(msg) from None


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
