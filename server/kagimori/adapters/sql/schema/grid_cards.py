# SPDX-License-Identifier: Apache-2.0
"""Grid cards (お客様カード)."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import UUID, metadata, one_of
from kagimori.domain.grid_card import CardState

# お客様カード. The identity is MACed as a token's is.
grid_cards: Final = sa.Table(
    "grid_cards",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("card_id", sa.String(64), primary_key=True),
    # What is printed on it.
    sa.Column("number", sa.String(32), nullable=False),
    sa.Column("subscriber", sa.String(64)),
    sa.Column("custody", sa.String(24), nullable=False),
    sa.Column("seed_length", sa.Integer, nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.Column("wrap_format", sa.String(16), nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
    sa.Column("row_mac", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("printed_at", sa.BigInteger, nullable=False),
    # As a token's.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("day", sa.Date),
    sa.Column("day_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("unlock_failures", sa.Integer, nullable=False, server_default="0"),
    # The positions that are asked for, or that were asked for last. They change
    # with a right answer only, so that nobody draws until they suit him.
    sa.Column("first_place", sa.Integer),
    sa.Column("second_place", sa.Integer),
    # The present challenge, and the request that has answered it.
    sa.Column("challenge_id", UUID),
    sa.Column("answer_by", sa.BigInteger),
    sa.Column("answered_by", UUID),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("outcome", sa.String(16)),
    sa.Column("attempts_left", sa.Integer),
    sa.UniqueConstraint("tenant", "number"),
    one_of("state", CardState),
    sa.CheckConstraint("custody = 'CELLS_PRINTED'", name="custody"),
    sa.CheckConstraint("(state = 'REPLACED') = (subscriber IS NULL)", name="bound"),
    sa.CheckConstraint("(state = 'REPLACED') = (length(blob) = 0)", name="destroyed"),
    sa.CheckConstraint(
        "(first_place IS NULL) = (second_place IS NULL) AND "
        "(first_place IS NULL OR (0 <= first_place AND first_place < second_place "
        "AND second_place < 8))",
        name="places",
    ),
)

sa.Index(
    "ix_grid_cards_live",
    grid_cards.c.tenant,
    grid_cards.c.subscriber,
    unique=True,
    sqlite_where=grid_cards.c.subscriber.is_not(None),
    postgresql_where=grid_cards.c.subscriber.is_not(None),
)
