# SPDX-License-Identifier: Apache-2.0
"""Fills a database with any number of tokens, faster than a vendor's file would.

``python -m bench.fill CONFIG COUNT DEVICES`` adds tokens to the database of
CONFIG through the product's import vault and inventory, in a process of its own
as every import, and writes the devices as loadgen reads them.

Each row has its own identity and its own right MAC. Seeds are sealed once for
a thousand tokens: nothing that is measured could tell.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from bench.loadgen import write_tokens
from development.environment import Environment
from development.vendor import Device, make_device
from kagimori import bootstrap, config
from kagimori.adapters.vault import HsmImportVault
from kagimori.application.inventory.vendor_file import EncryptedSeed
from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    NEVER,
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    Token,
    TokenIdentity,
)
from support.authority import SERVICE_ID, VENDOR

_SEEDS: Final = 1_000
_A_COMMIT: Final = 1_000
_PROFILE: Final = Profile(MovingFactor.EVENT, Hash.SHA1, digits=6, period=0)


def fill(place: Environment, count: int, devices: Path) -> None:
    """Add ``count`` active tokens to the database of ``place``; write ``devices``."""
    seeds = [make_device("", period=0).seed for _ in range(min(count, _SEEDS))]
    with bootstrap.importing(config.load(place.config), allow_host_transient=False) as authority:
        key = place.transport_key(VENDOR)
        sealed = [_sealed(authority.vault, key, seed) for seed in seeds]
        tokens = _tokens(authority.vault, count, sealed)
        while commit := list(itertools.islice(tokens, _A_COMMIT)):
            authority.inventory.add(commit, "bench")
    write_tokens(
        devices,
        (Device(_serial(number), seeds[number % len(seeds)], period=0) for number in range(count)),
    )


def _sealed(vault: HsmImportVault, key: bytes, seed: bytes) -> SealedSeed:
    wrapped = EncryptedSeed(VENDOR, "kw-aes256", aes_key_wrap_with_padding(key, seed))
    return vault.seal(wrapped, None, SERVICE_ID, Hash.SHA1)


def _tokens(vault: HsmImportVault, count: int, sealed: list[SealedSeed]) -> Iterator[Token]:
    for number in range(count):
        identity = TokenIdentity(
            tenant=SERVICE_ID,
            token_id=uuid4().hex,
            serial=_serial(number),
            subscriber=f"customer-{number}",
            kind=Kind.HARDWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=_PROFILE,
            seed=sealed[number % len(sealed)],
        )
        yield Token(identity, vault.row_mac(identity), State.ACTIVE, NEVER)


def _serial(number: int) -> str:
    return f"KGLG{number:08}"


if __name__ == "__main__":
    config_file, how_many, to = sys.argv[1:]
    fill(Environment(Path(config_file).parent, ""), int(how_many), Path(to))
