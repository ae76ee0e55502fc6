# SPDX-License-Identifier: Apache-2.0
"""What a vendor delivers: tokens with encrypted seeds, whatever the file format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kagimori.application.ports import EncryptedSeed, MacMethod
from kagimori.domain.token import Profile


class Fault(StrEnum):
    """Why a vendor's file is not read, in words for the import report."""

    NOT_A_REGULAR_FILE = "NOT_A_REGULAR_FILE"
    TOO_LARGE = "TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    TRUNCATED = "TRUNCATED"
    NOT_XML = "NOT_XML"
    DOCTYPE = "DOCTYPE"
    NOT_PSKC = "NOT_PSKC"
    MISSING = "MISSING"
    UNEXPECTED = "UNEXPECTED"
    UNSUPPORTED = "UNSUPPORTED"
    BAD_VALUE = "BAD_VALUE"
    BAD_SERIAL = "BAD_SERIAL"
    PLAIN_SEED = "PLAIN_SEED"
    MAC_MISSING = "MAC_MISSING"


class VendorFileRefused(Exception):
    """The file is not read, and nothing of it is used.

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

    def about(self, serial: str) -> VendorFileRefused:
        """Return the same refusal, said of one token."""
        return VendorFileRefused(self.fault, self.detail, self.line, serial)


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class VendorFile:
    """A whole file, read to its end. ``mac`` is None where it carries no MACs."""

    mac: MacMethod | None
    tokens: tuple[VendorToken, ...]
