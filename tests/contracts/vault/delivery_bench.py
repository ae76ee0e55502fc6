# SPDX-License-Identifier: Apache-2.0
"""What the contracts of deliveries ask of a vault's test module, and how they ask it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import (
    Head,
)
from kagimori.domain.token import Hash, SealedSeed, TokenIdentity
from support.vendors.vendor_seals import (
    WAYS,
    Way,
    code_of,
    ways,
)

Door = Literal["importing", "strict", "serving"]
"""The importing process that was asked for everything, the one that was asked for
nothing, and the serving process."""

Answers = list[SealedSeed | SeedRefused]

SEALED = tuple(name for name in WAYS if name != "clear")
"""What is encrypted at all."""
AUTHENTIC = tuple(name for name in SEALED if name != "rsa-1_5")
"""What shows by itself that it was changed. (PKCS #1 v1.5 may open to anything:
some libraries answer so on purpose.)"""
LENGTHS = {Hash.SHA1: 20, Hash.SHA256: 32, Hash.SHA512: 64}


class Bench(Protocol):
    """A vault at each door, and what its seeds are worth."""

    @property
    def public(self) -> Mapping[str, RSAPublicKey]:
        """The public halves of the delivery and the onetime key."""
        ...

    def seal(self, head: Head, seeds: Sequence[SeedToSeal], door: Door = "importing") -> Answers:
        """Bring a delivery in for `TENANT`."""
        ...

    def row_macs(self, rows: Sequence[TokenIdentity]) -> list[bytes]: ...

    def fingerprint(self, tenant: str, message: bytes) -> bytes: ...

    def step_of(self, sealed: SealedSeed, use: Hash, code: str) -> int | None:
        """Return which of the steps 0 to 9 has this code."""
        ...


def drawn(use: Hash = Hash.SHA1) -> bytes:
    return secrets.token_bytes(LENGTHS[use])


def way_of(bench: Bench, name: str) -> Way:
    return ways(bench.public)[name]


def sealed(bench: Bench, way: Way, seed: SeedToSeal, door: Door = "importing") -> SealedSeed:
    (answer,) = bench.seal(way.head, [seed], door)
    assert isinstance(answer, SealedSeed), answer
    return answer


def refusal(bench: Bench, head: Head, seed: SeedToSeal, door: Door = "importing") -> str:
    """Return why the one seed is refused, and nothing else with it."""
    (answer,) = bench.seal(head, [seed], door)
    assert isinstance(answer, SeedRefused), answer
    return answer.reason


def head_refusal(
    bench: Bench, head: Head, seeds: Sequence[SeedToSeal], door: Door = "importing"
) -> str:
    """Return why the delivery is refused as a whole."""
    with pytest.raises(SeedRefused) as refused:
        bench.seal(head, seeds, door)
    return refused.value.reason


def assert_opened(bench: Bench, answer: object, seed: bytes, use: Hash = Hash.SHA1) -> None:
    assert isinstance(answer, SealedSeed), answer
    assert bench.step_of(answer, use, code_of(seed, 7, use)) == 7


def damaged(seed: SeedToSeal, at: int = -1) -> bytes:
    changed = bytearray(seed.seed.ciphertext)
    changed[at] ^= 1
    return bytes(changed)
