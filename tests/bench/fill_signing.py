# SPDX-License-Identifier: Apache-2.0
"""Makes challenges about transactions, and the calls that answer them.

``python -m bench.fill_signing CONFIG COUNT=FILE...`` gives every token in the SQLite
file of CONFIG a seed for signatures, through the product's import vault, and makes COUNT
open challenges for each FILE. There the calls stand, as loadgen reads them: scanned, each
with its right code, one token after the other.

The codes are those of the tests' own OCRA; the server has another.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from uuid import uuid4

from bench.fill import import_vault, sealed_seeds, under
from bench.loadgen import write_requests
from development.environment import Environment
from fakes.ocra import ocra
from kagimori import config
from kagimori.adapters.sql.rows import ALL, token_of
from kagimori.api.verification.v1 import transaction_pb2 as pb
from kagimori.domain.token import Hash, Purpose, TokenIdentity
from kagimori.domain.transaction import (
    SCANNED_SUITE,
    AccountType,
    Challenge,
    Currency,
    SigningProfile,
    Transaction,
    Transfer,
)
from support.served.authority import SERVICE_ID, VENDOR

_SEED_OCTETS: Final = 64
_A_DAY: Final = 86_400

_TOKENS: Final = f"SELECT {', '.join(ALL)} FROM tokens WHERE tenant = ? ORDER BY serial"  # noqa: S608 - our own words
_ADD_SEED: Final = """
INSERT INTO signing_seeds
  (tenant, token_id, custody, seed_length, key_version, wrap_format, blob, row_mac)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_CHALLENGE: Final = """
INSERT INTO challenges
  (tenant, challenge_id, request_id, subscriber, token_id, profile, digest, state,
   created_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, 'OPEN', ?, ?)
"""


@dataclass(frozen=True, slots=True)
class _App:
    """A token in a customer's hand. ``identity`` is that of the seed for signatures."""

    identity: TokenIdentity
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A customer's challenge, for the database and for loadgen."""

    app: _App
    challenge: Challenge

    def row(self, now: int) -> tuple[str | int | None, ...]:
        """Return what `_ADD_CHALLENGE` takes, made at ``now``, in seconds."""
        whose, profile = self.app.identity, SigningProfile.SCANNED.value
        named = whose.tenant, self.challenge.challenge_id, str(uuid4())
        about = whose.subscriber, whose.token_id, profile, self.challenge.digest.hex()
        return *named, *about, now * 10**6, (now + _A_DAY) * 10**6

    def call(self) -> pb.VerifyTransactionRequest:
        """Return the call with the right code."""
        challenge = self.challenge
        return pb.VerifyTransactionRequest(
            subscriber_ref=self.app.identity.subscriber,
            challenge_id=challenge.challenge_id,
            transaction=_message_of(challenge.transaction),
            code=ocra(self.app.seed, SCANNED_SUITE, challenge.digest.hex()),
        )


def fill(place: Environment, orders: Sequence[tuple[int, Path]]) -> None:
    """Make seeds, and so many challenges and calls for each file."""
    with closing(sqlite3.connect(place.database)) as database:
        apps = _with_seeds(place, database)
        asked = _challenges(itertools.cycle(apps))
        for count, file in orders:
            some = list(itertools.islice(asked, count))
            now = int(time.time())
            with database:
                database.executemany(_ADD_CHALLENGE, (one.row(now) for one in some))
            write_requests(file, (one.call() for one in some))


def _with_seeds(place: Environment, database: sqlite3.Connection) -> list[_App]:
    """Give each token its second seed."""
    tokens = [token_of(row).identity for row in database.execute(_TOKENS, (SERVICE_ID,))]
    seeds = [secrets.token_bytes(_SEED_OCTETS) for _ in tokens]
    rows, macs = asyncio.run(_sealed(place, tokens, seeds))
    with database:
        database.executemany(_ADD_SEED, map(_seed_row, rows, macs))
    return list(map(_App, rows, seeds))


async def _sealed(
    place: Environment, tokens: Sequence[TokenIdentity], seeds: Sequence[bytes]
) -> tuple[list[TokenIdentity], list[bytes]]:
    delivered = under(place.transport_key(VENDOR), seeds, Hash.SHA256)
    with import_vault(config.load(place.config)) as vault:
        sealed = await sealed_seeds(vault, delivered)
        rows = [
            replace(token, purpose=Purpose.SIGNING, seed=seed)
            for token, seed in zip(tokens, sealed, strict=True)
        ]
        return rows, await vault.row_macs(rows)


def _seed_row(row: TokenIdentity, mac: bytes) -> tuple[str | int | bytes, ...]:
    seed = row.seed
    lengths = seed.length, seed.key_version
    return row.tenant, row.token_id, seed.custody.value, *lengths, seed.wrap_format, seed.blob, mac


def _challenges(apps: Iterator[_App]) -> Iterator[_Asked]:
    for number, app in enumerate(apps):
        transfer = Transfer(
            bank="2845",
            branch="001",
            account_type=AccountType.ORDINARY,
            account_number=f"{number:07}",
            payee_name="ﾔﾏｶﾞ ﾊﾅｺ",
            amount=100_000 + number,
            reference="",
        )
        challenge = Challenge(SERVICE_ID, str(uuid4()), Transaction((transfer,)))
        yield _Asked(app, challenge)


def _message_of(transaction: Transaction) -> pb.Transaction:
    return pb.Transaction(
        currency=Currency.JPY,
        transfers=[
            pb.Transfer(
                bank_code=each.bank,
                branch_code=each.branch,
                account_type=f"ACCOUNT_TYPE_{each.account_type.name}",
                account_number=each.account_number,
                payee_name=each.payee_name,
                amount=each.amount,
                reference=each.reference,
            )
            for each in transaction.transfers
        ],
    )


if __name__ == "__main__":
    config_file, *wanted = sys.argv[1:]
    pairs = [order.split("=", 1) for order in wanted]
    fill(
        Environment(Path(config_file).parent, ""),
        [(int(count), Path(file)) for count, file in pairs],
    )
