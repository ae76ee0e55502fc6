# SPDX-License-Identifier: Apache-2.0
"""Turns a vendor's file into one that opens inside the HSM alone, token by token.

It is done once, away from the authority: where a vendor's file can only be
opened by a host, that host need not be one that serves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from kagimori.application.deliveries.ports import SeedRefused
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    TokenFault,
    VendorFile,
    VendorToken,
)
from kagimori.domain.token import Hash
from kagimori.domain.value import value

_TRIED: Final = 256
"""Tokens that may all fail to open before it is the key that is wrong."""
_NOT_OPENED: Final = frozenset({"MAC_MISMATCH", "UNWRAP_FAILED"})


class RewrapRefused(Exception):
    """Nothing is written. ``reason`` is a word for machines, ``detail`` for people."""

    def __init__(self, reason: str, detail: str) -> None:
        """``detail`` quotes neither the file nor a key."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SeedRewrapper(Protocol):
    """Moves seeds from under the vendor's key under a one-time key."""

    def rewrap(self, seed: EncryptedSeed, use: Hash) -> EncryptedSeed:
        """Check the MAC, open the seed and wrap it; raise `SeedRefused`.

        ``use`` is the hash that the token computes its codes with.
        """
        ...


class TokenWriter(Protocol):
    """Writes tokens to a new file; its head is written before the first."""

    def write(self, token: VendorToken) -> None:
        """Write a token, all that is known of it; raise `OSError`."""
        ...


@value(frozen=True, slots=True)
class RewrapLine:
    """What became of one token; ``reason`` and ``detail`` are empty where it went well."""

    serial: str
    line: int
    reason: str = ""
    detail: str = ""


@dataclass(slots=True)
class RewrapCount:
    """How many tokens were rewrapped, and how many were not, by reason."""

    rewrapped: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, line: RewrapLine) -> None:
        """Count one token."""
        if line.reason:
            self.refused[line.reason] += 1
        else:
            self.rewrapped += 1

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing opened, and so many tries tell that it is the key."""
        return not self.rewrapped and set(self.refused) <= _NOT_OPENED and bool(self.refused)


def rewrap(
    file: VendorFile,
    seeds: SeedRewrapper,
    writer: TokenWriter,
    tell: Callable[[RewrapLine], None],
) -> RewrapCount:
    """Rewrap all of ``file``'s tokens in their order, and ``tell`` of each.

    Raises `VendorFileRefused` where the file cannot be read on, and
    `RewrapRefused` as soon as it is plain that the key is not the file's.
    """
    count = RewrapCount()
    for token in file.tokens():
        line = _rewrapped(token, seeds, writer)
        count.add(line)
        if sum(count.refused.values()) == _TRIED:
            _refuse_hopeless(count)
        tell(line)
    _refuse_hopeless(count)
    return count


def _rewrapped(
    token: VendorToken | TokenFault, seeds: SeedRewrapper, writer: TokenWriter
) -> RewrapLine:
    if isinstance(token, TokenFault):
        return RewrapLine(token.serial, token.line, token.fault, token.detail)
    try:
        seed = seeds.rewrap(token.seed, token.profile.hash)
    except SeedRefused as refusal:
        return RewrapLine(token.serial, token.line, refusal.reason, refusal.detail)
    writer.write(replace(token, seed=seed))
    return RewrapLine(token.serial, token.line)


def _refuse_hopeless(count: RewrapCount) -> None:
    if count.is_hopeless:
        detail = "the vendor's key or the password does not open it: no seed passed its check"
        raise RewrapRefused("WRONG_KEY", detail)
