# SPDX-License-Identifier: Apache-2.0
"""Requests, and what is written down of them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import ROOM_FOR_UPDATES, UUID, metadata, one_of
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation

requests: Final = sa.Table(
    "requests",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("request_id", UUID, primary_key=True),
    sa.Column("caller", sa.String(128), nullable=False),
    # NULL where no token answered to the name. Not a foreign key: the statement
    # that writes it reads the token, and tokens are never deleted.
    sa.Column("token_id", sa.String(64)),
    sa.Column("operation", sa.String(16), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("lease", UUID, nullable=False),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("receipt_number", sa.BigInteger),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("attempts_left", sa.Integer),
    sa.Column("resumed", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    one_of("operation", Operation),
    one_of("outcome", Outcome),
    sa.CheckConstraint("state = 'PENDING' OR state = 'DONE'", name="state"),
    sa.CheckConstraint(
        "(state = 'DONE') = (outcome IS NOT NULL AND decided_at IS NOT NULL)", name="decided"
    ),
    sa.CheckConstraint(
        "(receipt_number IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'ACCEPTED')",
        name="receipt",
    ),
    postgresql_with=ROOM_FOR_UPDATES,
)

# The oldest rows, which are to be deleted, are SQLite's first ones anyway.
_created_at: Final = sa.Index("ix_requests_created_at", requests.c.created_at)
_created_at.ddl_if(dialect="postgresql")

ONLY_POSTGRESQL: Final = frozenset({_created_at.name})
"""Indexes that SQLite has no use for."""


receipts: Final = sa.Table(
    "receipts",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("last_number", sa.BigInteger, nullable=False),
)

# Who did what to which token: never a code, a seed, a PIN or a subscriber.
audit: Final = sa.Table(
    "audit",
    metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("tenant", sa.String(32), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("token_id", sa.String(64)),
    sa.Column("serial", sa.String(32)),
    sa.Column("request_id", UUID),
    sa.Column("operation", sa.String(16)),
    sa.Column("outcome", sa.String(16)),
    sa.Column("receipt_number", sa.BigInteger),
    sa.Column("user_id", sa.String(16)),
    # Of a signature: SHA-256 of what was to be signed, in hexadecimal.
    sa.Column("transaction_digest", sa.String(64)),
)
