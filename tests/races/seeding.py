# SPDX-License-Identifier: Apache-2.0
"""Gives tokens their seeds for signatures, in a process of its own as every import.

``python -m races.seeding CONFIG URL`` reads tokens' serials and seeds from its input, as
JSON, the seeds in hexadecimal under their vendor's transport key. The product's import
vault seals them, and makes the rows' MACs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from bench.fill import import_vault, sealed_seeds
from kagimori import config
from kagimori.adapters.sql.rows import ALL, token_of
from kagimori.adapters.sql.schema import signing_seeds, tokens
from kagimori.application.deliveries.ports import SeedToSeal
from kagimori.application.deliveries.vendor_file import EncryptedSeed
from kagimori.domain.token import Hash, Purpose, TokenIdentity
from races.witness import engine_at


def give(file: Path, url: str, delivered: Mapping[str, str]) -> None:
    """Write a row beside each token's own; ``url`` is as in the configuration ``file``."""
    engine = engine_at(url)
    with engine.connect() as connection:
        firsts = [_token(connection, serial) for serial in delivered]
    rows, macs = asyncio.run(_sealed(file, firsts, list(delivered.values())))
    with engine.begin() as connection:
        connection.execute(sa.insert(signing_seeds), list(map(_row, rows, macs)))


def _token(connection: sa.Connection, serial: str) -> TokenIdentity:
    asked = sa.select(*(tokens.c[column] for column in ALL)).where(tokens.c.serial == serial)
    return token_of(tuple(connection.execute(asked).one())).identity


async def _sealed(
    file: Path, firsts: Sequence[TokenIdentity], delivered: Sequence[str]
) -> tuple[list[TokenIdentity], list[bytes]]:
    seeds = [
        SeedToSeal(EncryptedSeed("kw-aes256", bytes.fromhex(seed)), Hash.SHA256)
        for seed in delivered
    ]
    with import_vault(config.load(file)) as vault:
        rows = [
            replace(first, purpose=Purpose.SIGNING, seed=sealed)
            for first, sealed in zip(firsts, await sealed_seeds(vault, seeds), strict=True)
        ]
        return rows, await vault.row_macs(rows)


def _row(row: TokenIdentity, mac: bytes) -> dict[str, object]:
    seed = row.seed
    return {
        "tenant": row.tenant,
        "token_id": row.token_id,
        "custody": seed.custody.value,
        "seed_length": seed.length,
        "key_version": seed.key_version,
        "wrap_format": seed.wrap_format,
        "blob": seed.blob,
        "row_mac": mac,
    }


if __name__ == "__main__":
    config_file, database_url = sys.argv[1:]
    give(Path(config_file), database_url, json.load(sys.stdin))
