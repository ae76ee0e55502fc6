# SPDX-License-Identifier: Apache-2.0
"""Tokens, and what came with them: deliveries, devices, second seeds."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import (
    ROOM_FOR_UPDATES,
    UUID,
    is_one_of,
    metadata,
    one_of,
    token_custody,
)
from kagimori.domain.lifecycle import DESTROYED, NOBODYS, State
from kagimori.domain.token import Hash, Kind, MovingFactor, Purpose

tokens: Final = sa.Table(
    "tokens",
    metadata,
    # The identity: what the row MAC protects, column by column.
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("token_id", sa.String(64), primary_key=True),
    sa.Column("serial", sa.String(32), nullable=False),
    sa.Column("subscriber", sa.String(64)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("factor", sa.String(8), nullable=False),
    sa.Column("hash", sa.String(8), nullable=False),
    sa.Column("digits", sa.Integer, nullable=False),
    sa.Column("period", sa.Integer, nullable=False),
    sa.Column("t0", sa.BigInteger, nullable=False),
    sa.Column("custody", sa.String(24), nullable=False),
    sa.Column("seed_length", sa.Integer, nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.Column("wrap_format", sa.String(16), nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
    sa.Column("row_mac", sa.LargeBinary, nullable=False),
    # What changes with use.
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("drift", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    # Attempts spent: since the last success, on ``day``, since the last unlock.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("day", sa.Date),
    sa.Column("day_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("unlock_failures", sa.Integer, nullable=False, server_default="0"),
    # Who verifies this token now, and until when.
    sa.Column("lease", UUID),
    sa.Column("lease_until", sa.BigInteger),
    # The vendor's word on when it may be used: from then on, and then no more.
    sa.Column("not_before", sa.BigInteger),
    sa.Column("not_after", sa.BigInteger),
    sa.UniqueConstraint("tenant", "serial"),
    one_of("kind", Kind),
    one_of("purpose", Purpose),
    one_of("factor", MovingFactor),
    one_of("hash", Hash),
    token_custody(),
    one_of("state", State),
    # A window can be counted from whatever a row says, before its MAC is known.
    sa.CheckConstraint("(factor = 'TIME') = (period > 0)", name="period"),
    sa.CheckConstraint("digits BETWEEN 6 AND 10", name="digits"),
    sa.CheckConstraint(
        f"({is_one_of('state', sorted(NOBODYS))}) = (subscriber IS NULL)", name="bound"
    ),
    sa.CheckConstraint("(lease IS NULL) = (lease_until IS NULL)", name="lease"),
    sa.CheckConstraint(
        "failures >= 0 AND day_failures >= 0 AND unlock_failures >= 0", name="attempts"
    ),
    # A seed that nobody may use again is destroyed.
    sa.CheckConstraint(
        f"({is_one_of('state', sorted(DESTROYED))}) = (length(blob) = 0)", name="destroyed"
    ),
    postgresql_with=ROOM_FOR_UPDATES,
)

# A bound token is a live one (constraint "bound"), and a customer has one.
sa.Index(
    "ix_tokens_live",
    tokens.c.tenant,
    tokens.c.subscriber,
    unique=True,
    sqlite_where=tokens.c.subscriber.is_not(None),
    postgresql_where=tokens.c.subscriber.is_not(None),
)

# A vendor's delivery: one file for one tenant, known again by its digest.
deliveries: Final = sa.Table(
    "deliveries",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("delivery_id", sa.String(32), primary_key=True),
    # SHA-256 of the file, in hexadecimal.
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("vendor", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("begun_at", sa.BigInteger, nullable=False),
    # When all of it had been read; NULL while an import is under way or broken off.
    sa.Column("finished_at", sa.BigInteger),
    sa.UniqueConstraint("tenant", "digest"),
)

# What a token is that came of a delivery: the verification path never reads it.
devices: Final = sa.Table(
    "devices",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("token_id", sa.String(64), primary_key=True),
    sa.Column("delivery_id", sa.String(32), nullable=False),
    sa.Column("manufacturer", sa.String(64), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    # From when its battery is counted; the day of the import where no file said it.
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("imported_at", sa.BigInteger, nullable=False),
)

# An app's tokens that wait for a customer, the oldest first.
sa.Index(
    "ix_tokens_unclaimed",
    tokens.c.not_after,
    tokens.c.tenant,
    sqlite_where=sa.text("kind = 'SOFTWARE' AND state = 'IN_STOCK'"),
    postgresql_where=sa.text("kind = 'SOFTWARE' AND state = 'IN_STOCK'"),
)

# A token's second seed, for 取引確認. Its MAC is over the token's identity with
# this purpose and this seed.
signing_seeds: Final = sa.Table(
    "signing_seeds",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("token_id", sa.String(64), primary_key=True),
    sa.Column("custody", sa.String(24), nullable=False),
    sa.Column("seed_length", sa.Integer, nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.Column("wrap_format", sa.String(16), nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
    sa.Column("row_mac", sa.LargeBinary, nullable=False),
    # The highest time step of a code that was accepted and names none itself.
    sa.Column("last_step", sa.BigInteger, nullable=False, server_default="-1"),
    token_custody(),
)
