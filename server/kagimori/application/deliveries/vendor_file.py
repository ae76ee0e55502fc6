# SPDX-License-Identifier: Apache-2.0
"""What a vendor delivers: tokens with encrypted seeds, whatever the file format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from kagimori.domain.device import Device, Validity
from kagimori.domain.token import Hash, Profile
from kagimori.domain.value import value

LONGEST_PERIOD: Final = 120
"""Seconds: a code that holds for longer is hardly a one-time password any more."""

MOST_PRESSES: Final = 2**48
"""A counter that no thumb reaches, and still far from where 64 bits end."""

SHORTEST_SEED: Final = 16
"""Octets (RFC 4226 §4, R6)."""

LONGEST_NAME: Final = 64
"""Characters of a manufacturer or a model, as they are kept."""


class Fault(StrEnum):
    """Why a vendor's file is not read, in words for the import report."""

    NOT_A_REGULAR_FILE = "NOT_A_REGULAR_FILE"
    TOO_LARGE = "TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    TRUNCATED = "TRUNCATED"
    NOT_XML = "NOT_XML"
    DOCTYPE = "DOCTYPE"
    NOT_PSKC = "NOT_PSKC"
    NOT_CSV = "NOT_CSV"
    MISSING = "MISSING"
    UNEXPECTED = "UNEXPECTED"
    UNSUPPORTED = "UNSUPPORTED"
    BAD_VALUE = "BAD_VALUE"
    BAD_SERIAL = "BAD_SERIAL"
    PLAIN_SEED = "PLAIN_SEED"
    SEED_TOO_SHORT = "SEED_TOO_SHORT"
    MAC_MISSING = "MAC_MISSING"
    EXPIRED = "EXPIRED"
    PASSWORD_NEEDED = "PASSWORD_NEEDED"
    NOT_SIGNED = "NOT_SIGNED"
    SIGNATURE_UNTRUSTED = "SIGNATURE_UNTRUSTED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"


class VendorFileRefused(Exception):
    """The file is not read, or not read on.

    ``line`` counts from 1; ``serial`` is None where the fault is not one
    token's. ``detail`` is a sentence for people that never quotes the file.
    """

    def __init__(
        self, fault: Fault, detail: str, line: int | None = None, serial: str | None = None
    ) -> None:
        """Keep what is known of the fault and where it is."""
        known = (line and f"line {line}", serial and f"serial {serial}")
        place = ", ".join(word for word in known if word)
        super().__init__(": ".join(word for word in (place, fault, detail) if word))
        self.fault = fault
        self.detail = detail
        self.line = line
        self.serial = serial


# --- how a file is encrypted ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreSharedKey:
    """A key that the vendor and the HSM administrators agreed on (RFC 6030 §6.1)."""

    vendor: str


@dataclass(frozen=True, slots=True)
class PasswordKey:
    """A key that PBKDF2 derives from a password (RFC 6030 §6.2, RFC 8018 §5.2).

    ``length`` is in octets; ``prf`` is the hash of its HMAC.
    """

    password: str = field(repr=False)
    salt: bytes
    iterations: int
    length: int
    prf: Hash


@dataclass(frozen=True, slots=True)
class RsaKey:
    """The vendor's seeds are encrypted to an RSA key of the HSM's (RFC 6030 §6.3).

    ``certificate`` is the one that the file names (DER), None where it names none.
    """

    vendor: str
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class OneTimeKey:
    """An AES key that is in the file, encrypted to an RSA key of the HSM's.

    ``algorithm`` is the name after the ``#`` of the URI: rsa-oaep-mgf1p.
    """

    vendor: str
    algorithm: str
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InClear:
    """The file's seeds are not encrypted."""


Encryption = PreSharedKey | PasswordKey | RsaKey | OneTimeKey | InClear


@dataclass(frozen=True, slots=True)
class MacMethod:
    """The file's MAC (RFC 6030 §6.1.1): its algorithm and its encrypted key."""

    algorithm: str
    key_algorithm: str
    key_ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Head:
    """What a file says of all its seeds. ``mac`` is None where it carries no MACs.

    ``signer`` is the SHA-256 fingerprint of the certificate that signed it, in
    hexadecimal; None for a file that is not signed.
    """

    encryption: Encryption
    mac: MacMethod | None = None
    signer: str | None = None


# --- its tokens -------------------------------------------------------------------


@value(frozen=True, slots=True)
class EncryptedSeed:
    """A seed as a vendor's file has it.

    ``algorithm`` is the name after the ``#`` of the XML-Encryption URI
    (``aes128-cbc``, ``kw-aes256``, ``tripledes-cbc``, ``rsa-oaep-mgf1p``), or
    ``clear``; ``ciphertext`` begins with the IV for CBC; ``mac`` is None where the
    file carries none.
    """

    algorithm: str
    ciphertext: bytes = field(repr=False)
    mac: bytes | None = field(repr=False, default=None)


@value(frozen=True, slots=True)
class VendorToken:
    """One token of a vendor's file. ``line`` is where the file begins to tell of it.

    ``last_step`` is the step before the first that may be accepted (`NEVER`
    for a token fresh from the factory); ``drift`` is in whole steps.
    """

    serial: str
    profile: Profile
    last_step: int
    drift: int
    seed: EncryptedSeed
    line: int
    validity: Validity = Validity()
    device: Device = Device()


@value(frozen=True, slots=True)
class TokenFault:
    """A token of the file that cannot be taken over; the others can.

    ``serial`` is empty where it could not be read, ``line`` 0 where it is not known.
    """

    serial: str
    line: int
    fault: Fault
    detail: str


class VendorFile(Protocol):
    """A vendor's file, open at its head. It is read as it is asked for.

    Use it as a context manager. ``size`` and ``position`` are in octets, for a
    progress bar.
    """

    head: Head
    digest: bytes
    """SHA-256 of the whole file."""
    size: int

    @property
    def position(self) -> int:
        """Return how much was read."""
        ...

    def tokens(self) -> Iterator[VendorToken | TokenFault]:
        """Read the tokens from the first to the last. It can be called again.

        Raises `VendorFileRefused` where the file cannot be read on: what came
        before stands.
        """
        ...
