# SPDX-License-Identifier: Apache-2.0
"""Fills a database with any number of tokens, faster than a vendor's file would.

``python -m bench.fill CONFIG COUNT DEVICES`` adds tokens to the database of
CONFIG through the product's import vault and stock, in a process of its own
as every import, and writes the devices as loadgen reads them.

Each row has its own identity and its own right MAC. Seeds are sealed once for
a thousand tokens: nothing that is measured could tell.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from bench.loadgen import write_tokens
from development.environment import Environment
from development.vendor import Device, make_device
from kagimori import config
from kagimori.adapters.sql.inventory.stock import SqlStock
from kagimori.adapters.vault import HsmImportVault
from kagimori.application.deliveries.ports import Delivery, NewToken, SeedToSeal
from kagimori.application.deliveries.vendor_file import EncryptedSeed, Head, PreSharedKey
from kagimori.bootstrap.parts import hsm_of, opened_database, turn_at_the_door
from kagimori.config import Config
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
from support.served.authority import SERVICE_ID, VENDOR

_SEEDS: Final = 1_000
_A_COMMIT: Final = 1_000
_PROFILE: Final = Profile(MovingFactor.EVENT, Hash.SHA1, digits=6, period=0)
_ACTOR: Final = "bench"


def fill(place: Environment, count: int, devices: Path) -> None:
    """Add ``count`` active tokens to the database of ``place``; write ``devices``."""
    seeds = [make_device("", period=0).seed for _ in range(min(count, _SEEDS))]
    settings = config.load(place.config)
    delivered = under(place.transport_key(VENDOR), seeds, Hash.SHA1)
    with opened_database(settings) as database, import_vault(settings) as vault:
        asyncio.run(_fill(vault, SqlStock(database), count, delivered))
    write_tokens(
        devices,
        (Device(_serial(number), seeds[number % len(seeds)], period=0) for number in range(count)),
    )


@contextmanager
def import_vault(settings: Config) -> Iterator[HsmImportVault]:
    """Open the HSM as an import does; leave it with the block."""
    with turn_at_the_door(settings.hsm):
        vault = HsmImportVault.open(hsm_of(settings.hsm), None, allow_host_transient=False)
    try:
        yield vault
    finally:
        vault.close()


def under(key: bytes, seeds: Iterable[bytes], use: Hash) -> list[SeedToSeal]:
    """Return what a vendor delivers, under the ``key`` that it shares with the HSM."""
    return [
        SeedToSeal(EncryptedSeed("kw-aes256", aes_key_wrap_with_padding(key, seed)), use)
        for seed in seeds
    ]


async def sealed_seeds(vault: HsmImportVault, delivered: list[SeedToSeal]) -> list[SealedSeed]:
    """Let the HSM seal what was delivered."""
    sealed = await vault.seal(SERVICE_ID, Head(PreSharedKey(VENDOR)), delivered)
    opened = [answer for answer in sealed if isinstance(answer, SealedSeed)]
    assert len(opened) == len(delivered), sealed
    return opened


async def _fill(
    vault: HsmImportVault, stock: SqlStock, count: int, delivered: list[SeedToSeal]
) -> None:
    opened = await sealed_seeds(vault, delivered)
    delivery = await stock.begin(Delivery(SERVICE_ID, uuid4().bytes * 2, VENDOR, _ACTOR))
    rows = _identities(count, opened)
    while commit := list(itertools.islice(rows, _A_COMMIT)):
        macs = await vault.row_macs(commit)
        tokens = [
            NewToken(Token(row, mac, State.ACTIVE, NEVER))
            for row, mac in zip(commit, macs, strict=True)
        ]
        await stock.add(delivery, tokens, _ACTOR)


def _identities(count: int, sealed: list[SealedSeed]) -> Iterator[TokenIdentity]:
    for number in range(count):
        yield TokenIdentity(
            tenant=SERVICE_ID,
            token_id=uuid4().hex,
            serial=_serial(number),
            subscriber=f"customer-{number}",
            kind=Kind.HARDWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=_PROFILE,
            seed=sealed[number % len(sealed)],
        )


def _serial(number: int) -> str:
    return f"KGLG{number:08}"


if __name__ == "__main__":
    config_file, how_many, to = sys.argv[1:]
    fill(Environment(Path(config_file).parent, ""), int(how_many), Path(to))
