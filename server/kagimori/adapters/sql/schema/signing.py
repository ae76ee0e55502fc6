# SPDX-License-Identifier: Apache-2.0
"""Challenges about transactions (取引確認)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import ROOM_FOR_UPDATES, UUID, metadata, one_of
from kagimori.domain.transaction import SigningProfile

# What the customer is asked to sign is not here: who carries it out tells it again, and
# the digest says whether it is the same.
challenges: Final = sa.Table(
    "challenges",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("challenge_id", UUID, primary_key=True),
    sa.Column("request_id", UUID, nullable=False),
    sa.Column("subscriber", sa.String(64), nullable=False),
    sa.Column("token_id", sa.String(64), nullable=False),
    sa.Column("profile", sa.String(8), nullable=False),
    # SHA-256 of the canonical encoding, in hexadecimal.
    sa.Column("digest", sa.String(64), nullable=False),
    # OPEN until a right code is accepted, which is once.
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    # The verification that ended it.
    sa.Column("used_by", UUID),
    sa.UniqueConstraint("tenant", "request_id"),
    one_of("profile", SigningProfile),
    sa.CheckConstraint("state = 'OPEN' OR state = 'USED'", name="state"),
    sa.CheckConstraint("(state = 'USED') = (used_by IS NOT NULL)", name="used"),
    postgresql_with=ROOM_FOR_UPDATES,
)

sa.Index("ix_challenges_expires_at", challenges.c.expires_at)

# A customer's, the oldest first: there is a bound on how many are open.
sa.Index(
    "ix_challenges_subscriber",
    challenges.c.tenant,
    challenges.c.subscriber,
    challenges.c.created_at,
)
