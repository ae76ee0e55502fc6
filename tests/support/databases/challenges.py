# SPDX-License-Identifier: Apache-2.0
"""Challenges as rows, for tests of what answers them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final
from uuid import uuid4

from kagimori.domain.transaction import (
    AccountType,
    Challenge,
    SigningProfile,
    Transaction,
    Transfer,
)
from support.databases.database import AnyDatabase
from support.tokens import SUBSCRIBER, TENANT

TRANSFER: Final = Transfer(
    "0140", "001", AccountType.ORDINARY, "1234567", "ﾔﾏﾀﾞ ﾀﾛｳ", 150_000, "ｴ-1"
)
TRANSACTION: Final = Transaction((TRANSFER,))

_FIVE_MINUTES: Final = 5 * 60 * 1_000_000


def write_challenge(  # noqa: PLR0913 - what a challenge has
    database: AnyDatabase,
    *,
    tenant: str = TENANT,
    subscriber: str = SUBSCRIBER,
    token_id: str,
    profile: SigningProfile = SigningProfile.SCANNED,
    transaction: Transaction = TRANSACTION,
) -> Challenge:
    """Write a challenge down that can be answered for five minutes; return what is signed."""
    made = Challenge(tenant, str(uuid4()), transaction)
    now = time.time_ns() // 1000
    database.run(
        "INSERT INTO challenges (tenant, challenge_id, request_id, subscriber, token_id, profile,"
        " digest, state, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'OPEN', ?, ?)",
        tenant,
        made.challenge_id,
        str(uuid4()),
        subscriber,
        token_id,
        profile.value,
        made.digest.hex(),
        now,
        now + _FIVE_MINUTES,
    )
    return made


def told_as(signed: Challenge, transaction: Transaction) -> Challenge:
    """Return the same challenge as told by whoever carries something else out."""
    return Challenge(signed.tenant, signed.challenge_id, transaction)


def mixed(named: Challenge, meant: Challenge) -> Challenge:
    """Return the challenge ``named`` with the digest of ``meant``, which nothing can encode."""
    made = replace(named)
    object.__setattr__(made, "digest", meant.digest)
    return made
