# SPDX-License-Identifier: Apache-2.0
"""The tables. Times are microseconds since 1970 UTC, by the database's clock."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from kagimori.domain.enrollment import EnrollmentState, LetterKind, LetterState
from kagimori.domain.lifecycle import DESTROYED, NOBODYS, State
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from kagimori.domain.token import CustodyLabel, Hash, Kind, MovingFactor, Purpose

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


# The same text in both databases, whatever they keep it as.
_UUID: Final = sa.Uuid().with_variant(sa.String(36), "sqlite")


# A row that is updated stays on its page, and no index has to learn of it.
ROOM_FOR_UPDATES: Final = {"fillfactor": "70"}


def _is_one_of(column: str, words: Iterable[str]) -> str:
    # Not IN: SQLite would build a table of the words for each row that is written.
    return " OR ".join(f"{column} = '{word}'" for word in words)


def _one_of(column: str, words: type[StrEnum]) -> sa.CheckConstraint:
    return sa.CheckConstraint(_is_one_of(column, words), name=column)


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
    sa.Column("lease", _UUID),
    sa.Column("lease_until", sa.BigInteger),
    # The vendor's word on when it may be used: from then on, and then no more.
    sa.Column("not_before", sa.BigInteger),
    sa.Column("not_after", sa.BigInteger),
    sa.UniqueConstraint("tenant", "serial"),
    _one_of("kind", Kind),
    _one_of("purpose", Purpose),
    _one_of("factor", MovingFactor),
    _one_of("hash", Hash),
    _one_of("custody", CustodyLabel),
    _one_of("state", State),
    # A window can be counted from whatever a row says, before its MAC is known.
    sa.CheckConstraint("(factor = 'TIME') = (period > 0)", name="period"),
    sa.CheckConstraint("digits BETWEEN 6 AND 10", name="digits"),
    sa.CheckConstraint(
        f"({_is_one_of('state', sorted(NOBODYS))}) = (subscriber IS NULL)", name="bound"
    ),
    sa.CheckConstraint("(lease IS NULL) = (lease_until IS NULL)", name="lease"),
    sa.CheckConstraint(
        "failures >= 0 AND day_failures >= 0 AND unlock_failures >= 0", name="attempts"
    ),
    # A seed that nobody may use again is destroyed.
    sa.CheckConstraint(
        f"({_is_one_of('state', sorted(DESTROYED))}) = (length(blob) = 0)", name="destroyed"
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

requests: Final = sa.Table(
    "requests",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("request_id", _UUID, primary_key=True),
    sa.Column("caller", sa.String(128), nullable=False),
    # NULL where no token answered to the name. Not a foreign key: the statement
    # that writes it reads the token, and tokens are never deleted.
    sa.Column("token_id", sa.String(64)),
    sa.Column("operation", sa.String(16), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("lease", _UUID, nullable=False),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("receipt_number", sa.BigInteger),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("attempts_left", sa.Integer),
    sa.Column("resumed", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    _one_of("operation", Operation),
    _one_of("outcome", Outcome),
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

# How new the oldest program is that can work with this schema: its newest
# migration. A migration that takes something away raises it.
schema_floor: Final = sa.Table(
    "schema_floor", metadata, sa.Column("oldest", sa.String(4), primary_key=True)
)

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
    sa.Column("request_id", _UUID),
    sa.Column("operation", sa.String(16)),
    sa.Column("outcome", sa.String(16)),
    sa.Column("receipt_number", sa.BigInteger),
    sa.Column("user_id", sa.String(16)),
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
    _one_of("custody", CustodyLabel),
)

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
    sa.Column("request_id", _UUID, nullable=False),
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
    _one_of("state", EnrollmentState),
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
    sa.Column("letter_id", _UUID, primary_key=True),
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
    sa.Column("lease", _UUID),
    sa.Column("ended_at", sa.BigInteger),
    # What the mail server said last: its code, and nothing of the letter.
    sa.Column("reply", sa.String(64)),
    _one_of("kind", LetterKind),
    _one_of("state", LetterState),
    sa.CheckConstraint("(state = 'PENDING') = (recipient IS NOT NULL)", name="recipient"),
)

sa.Index(
    "ix_outbox_due",
    outbox.c.due_at,
    sqlite_where=outbox.c.state == sa.literal_column("'PENDING'"),
    postgresql_where=outbox.c.state == sa.literal_column("'PENDING'"),
)
sa.Index("ix_outbox_subscriber", outbox.c.tenant, outbox.c.subscriber, outbox.c.created_at)

# How often something was tried lately: by whom or for whom, and since when.
tries: Final = sa.Table(
    "tries",
    metadata,
    sa.Column("bucket", sa.String(96), primary_key=True),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
)

# The tenants' rules, as `kagimori tenants apply` has put them here.
tenants: Final = sa.Table(
    "tenants",
    metadata,
    sa.Column("service_id", sa.String(8), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    # JSON, in the shape of the tenants' file.
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
    sa.Column("applied_by", sa.String(128), nullable=False),
)
