# SPDX-License-Identifier: Apache-2.0
"""What of a vendor's file is rewrapped, what is left out, and when all is given up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from kagimori.application.deliveries.ports import SeedRefused
from kagimori.application.deliveries.rewrap import RewrapCount, RewrapLine, RewrapRefused, rewrap
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Fault,
    Head,
    PreSharedKey,
    TokenFault,
    VendorFileRefused,
    VendorToken,
)
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile

PROFILE = Profile(MovingFactor.TIME, Hash.SHA256, 6, 30)


@dataclass
class File:
    """A vendor's file of so many tokens, or of those that are given."""

    lines: list[VendorToken | TokenFault]
    breaks_off: bool = False
    head: Head = field(default_factory=lambda: Head(PreSharedKey("acme")))
    digest: bytes = bytes(32)
    size: int = 0
    position: int = 0

    def tokens(self) -> Iterator[VendorToken | TokenFault]:
        for line in self.lines:
            self.position += 1
            yield line
        if self.breaks_off:
            raise VendorFileRefused(Fault.TRUNCATED, "the file breaks off", 7)


@dataclass
class Seeds:
    """Rewraps by turning the octets around; what begins with "x" does not open."""

    uses: list[Hash] = field(default_factory=list)
    reason: str = "MAC_MISMATCH"

    def rewrap(self, seed: EncryptedSeed, use: Hash) -> EncryptedSeed:
        self.uses.append(use)
        if seed.ciphertext.startswith(b"x"):
            raise SeedRefused(self.reason, "no")
        return EncryptedSeed("new", seed.ciphertext[::-1], b"mac")


@dataclass
class Written:
    tokens: list[VendorToken] = field(default_factory=list)

    def write(self, token: VendorToken) -> None:
        self.tokens.append(token)


def token(number: int, ciphertext: bytes = b"ab") -> VendorToken:
    return VendorToken(f"T{number}", PROFILE, NEVER, 1, EncryptedSeed("old", ciphertext), number)


def bad(number: int) -> VendorToken:
    return token(number, b"xy")


def done(file: File, seeds: Seeds) -> tuple[RewrapCount, list[RewrapLine], Written]:
    told: list[RewrapLine] = []
    written = Written()
    return rewrap(file, seeds, written, told.append), told, written


def test_a_token_is_written_as_it_was_with_its_new_seed() -> None:
    seeds = Seeds()
    count, told, written = done(File([token(1), token(2)]), seeds)
    new = EncryptedSeed("new", b"ba", b"mac")
    assert written.tokens == [replace(token(1), seed=new), replace(token(2), seed=new)]
    assert told == [RewrapLine("T1", 1), RewrapLine("T2", 2)]
    assert (count.rewrapped, count.refused) == (2, {})
    assert seeds.uses == [Hash.SHA256, Hash.SHA256]


def test_what_cannot_be_read_or_opened_is_told_of_and_the_rest_goes_on() -> None:
    fault = TokenFault("T2", 20, Fault.BAD_VALUE, "digits")
    count, told, written = done(File([token(1), fault, bad(3), token(4)]), Seeds())
    assert [t.serial for t in written.tokens] == ["T1", "T4"]
    assert told[1:3] == [
        RewrapLine("T2", 20, "BAD_VALUE", "digits"),
        RewrapLine("T3", 3, "MAC_MISMATCH", "no"),
    ]
    assert (count.rewrapped, count.refused) == (2, {"BAD_VALUE": 1, "MAC_MISMATCH": 1})


@pytest.mark.parametrize("reason", ["MAC_MISMATCH", "UNWRAP_FAILED"])
def test_where_nothing_opens_it_is_the_key(reason: str) -> None:
    with pytest.raises(RewrapRefused, match=r"^WRONG_KEY: "):
        done(File([bad(1), bad(2)]), Seeds(reason=reason))


def test_a_million_tokens_are_not_tried_with_the_wrong_key() -> None:
    file = File([bad(number) for number in range(1000)])
    with pytest.raises(RewrapRefused, match="WRONG_KEY"):
        done(file, Seeds())
    assert file.position == 256


def test_where_one_opens_it_is_not_the_key() -> None:
    file = File([token(0), *(bad(number) for number in range(1, 600))])
    count, told, _ = done(file, Seeds())
    assert (count.rewrapped, len(told)) == (1, 600)


def test_other_refusals_say_nothing_of_the_key() -> None:
    count, _, written = done(File([bad(1)]), Seeds(reason="MAC_MISSING"))
    assert (count.rewrapped, count.refused) == (0, {"MAC_MISSING": 1})
    assert written.tokens == []


def test_a_file_that_breaks_off_is_refused() -> None:
    with pytest.raises(VendorFileRefused, match="TRUNCATED"):
        done(File([token(1)], breaks_off=True), Seeds())
