# SPDX-License-Identifier: Apache-2.0
"""Deliveries in memory: tokens with seeds under a vendor's key, and a file that has them."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from kagimori.application.deliveries.report import Line
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Head,
    MacMethod,
    PreSharedKey,
    TokenFault,
    VendorFile,
    VendorFileRefused,
    VendorToken,
)
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile

VENDOR: Final = "acme"
KEY: Final = bytes(range(32))
MAC_KEY: Final = bytes(range(64, 96))
TIME: Final = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)

HEAD: Final = Head(PreSharedKey(VENDOR))
HEAD_WITH_MAC: Final = Head(
    PreSharedKey(VENDOR), MacMethod("hmac-sha256", "kw-aes256", aes_key_wrap(KEY, MAC_KEY))
)


def serial_number(number: int) -> str:
    """Return the serial of the vendor's token ``number``."""
    return f"2V07{number:08}"


def seed_number(number: int) -> bytes:
    """Return its seed, 20 octets that no AES key wrap takes: 24 with what pads it."""
    return hmac.digest(b"deliveries", str(number).encode(), "sha256")[:24]


def seed_under(key: bytes, seed: bytes) -> EncryptedSeed:
    """Return a seed under AES-256 key wrap (RFC 3394), with its MAC beside it."""
    ciphertext = aes_key_wrap(key, seed)
    return EncryptedSeed("kw-aes256", ciphertext, hmac.digest(MAC_KEY, ciphertext, "sha256"))


def token(number: int, **changed: Any) -> VendorToken:  # noqa: ANN401 - of VendorToken
    """Return the vendor's token ``number``, with fields changed."""
    made = VendorToken(
        serial=serial_number(number),
        profile=TIME,
        last_step=NEVER,
        drift=0,
        seed=without_mac(seed_under(KEY, seed_number(number))),
        line=number + 1,
    )
    return replace(made, **changed)


def without_mac(seed: EncryptedSeed) -> EncryptedSeed:
    """Return a seed as a file without MACs has it."""
    return EncryptedSeed(seed.algorithm, seed.ciphertext)


def spoiled(number: int) -> VendorToken:
    """Return a token whose seed was changed on its way."""
    good = token(number)
    octets = bytes([good.seed.ciphertext[0] ^ 1]) + good.seed.ciphertext[1:]
    return replace(good, seed=EncryptedSeed("kw-aes256", octets))


@dataclass
class MemoryFile:
    """A `VendorFile` of what a test puts in. ``breaks`` is raised after the last token."""

    content: Sequence[VendorToken | TokenFault]
    head: Head = HEAD
    breaks: VendorFileRefused | None = None
    position: int = 0
    digest: bytes = b""
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.content)
        if not self.digest:
            whole = [(repr(one), one.seed) for one in self.content if isinstance(one, VendorToken)]
            self.digest = hashlib.sha256(pickle.dumps(whole)).digest()

    def tokens(self) -> Iterator[VendorToken | TokenFault]:
        for number, one in enumerate(self.content):
            self.position = number + 1
            yield one
        if self.breaks is not None:
            raise self.breaks

    @contextmanager
    def reopened(self) -> Iterator[VendorFile]:
        """Give the same file anew."""
        yield replace(self, position=0)


@dataclass
class Told:
    """A `Sink` that keeps all; ``restarts`` counts the readings."""

    lines: list[Line] = field(default_factory=list)
    restarts: int = 0
    position: int = 0

    def restart(self) -> None:
        self.restarts += 1
        self.lines.clear()

    def tell(self, lines: Sequence[Line], position: int) -> None:
        self.lines.extend(lines)
        self.position = position
