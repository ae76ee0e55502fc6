# SPDX-License-Identifier: Apache-2.0
"""Customers on their way to a software token, and the letters to them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import UUID, metadata, one_of
from kagimori.domain.enrollment import EnrollmentState, LetterKind, LetterState

# A customer's way to a software token. Once there is a token, its own state says
# where the customer is: see `kagimori.domain.lifecycle.STATUS_OF`.
enrollments: Final = sa.Table(
    "enrollments",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("subscriber", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(12), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    # The wish that it was issued by, and a keyed digest of what was wished.
    sa.Column("request_id", UUID, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("mail_address", sa.String(254)),
    # Argon2id over an HMAC under the tenant's key of this version.
    sa.Column("password_hash", sa.String(160)),
    sa.Column("password_key_version", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("deadline", sa.BigInteger, nullable=False),
    sa.Column("token_id", sa.String(64)),
    # In the tenant's calendar.
    sa.Column("released_on", sa.Date),
    sa.UniqueConstraint("tenant", "user_id"),
    one_of("state", EnrollmentState),
    sa.CheckConstraint("(state = 'PROVISIONED') = (token_id IS NOT NULL)", name="provisioned"),
    sa.CheckConstraint("(state = 'RELEASED') = (released_on IS NOT NULL)", name="released"),
)

# Each envelope opens once: nobody can hand the same seed in for two customers.
envelopes: Final = sa.Table(
    "envelopes",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("token_id", sa.String(64), nullable=False),
)

# Letters, written in the transaction of what they tell about and sent afterwards.
outbox: Final = sa.Table(
    "outbox",
    metadata,
    sa.Column("letter_id", UUID, primary_key=True),
    sa.Column("tenant", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subscriber", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(12), nullable=False),
    # Forgotten when the letter is on its way.
    sa.Column("recipient", sa.String(254)),
    # The same however often it is sent.
    sa.Column("message_id", sa.String(128), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("lease", UUID),
    sa.Column("ended_at", sa.BigInteger),
    # What the mail server said last: its code, and nothing of the letter.
    sa.Column("reply", sa.String(64)),
    one_of("kind", LetterKind),
    one_of("state", LetterState),
    sa.CheckConstraint("(state = 'PENDING') = (recipient IS NOT NULL)", name="recipient"),
)

sa.Index(
    "ix_outbox_due",
    outbox.c.due_at,
    sqlite_where=outbox.c.state == sa.literal_column("'PENDING'"),
    postgresql_where=outbox.c.state == sa.literal_column("'PENDING'"),
)
sa.Index("ix_outbox_subscriber", outbox.c.tenant, outbox.c.subscriber, outbox.c.created_at)
