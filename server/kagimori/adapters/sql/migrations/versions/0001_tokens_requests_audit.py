# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - Alembic loads it by its path; the number is its place in the order
"""Tokens, requests, receipt numbers, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_ROOM_FOR_UPDATES = {"fillfactor": "70"}


def upgrade() -> None:
    """Create the first tables."""
    floor = op.create_table(
        "schema_floor",
        sa.Column("oldest", sa.String(4), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name="pk_schema_floor"),
    )
    op.bulk_insert(floor, [{"oldest": revision}])
    _create_tokens()
    _create_requests()
    op.create_table(
        "receipts",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("last_number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_receipts"),
    )
    _create_audit()


def downgrade() -> None:
    """Drop everything: there is nothing before this."""
    for table in ("audit", "receipts", "requests", "tokens", "schema_floor"):
        op.drop_table(table)


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
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
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("drift", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("day", sa.Date),
        sa.Column("day_failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("unlock_failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease", _UUID),
        sa.Column("lease_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("tenant", "token_id", name="pk_tokens"),
        sa.UniqueConstraint("tenant", "serial", name="uq_tokens_tenant_serial"),
        _one_of("tokens", "kind", "HARDWARE", "SOFTWARE"),
        _one_of("tokens", "purpose", "AUTHENTICATION"),
        _one_of("tokens", "factor", "TIME", "EVENT"),
        _one_of("tokens", "hash", "SHA1", "SHA256", "SHA512"),
        _one_of("tokens", "custody", "GENERATED_IN_HSM", "UNWRAPPED_IN_HSM", "HOST_TRANSIENT"),
        _one_of("tokens", "state", "IN_STOCK", "ASSIGNED", "ACTIVE", "LOCKED"),
        _check("tokens_period", "(factor = 'TIME') = (period > 0)"),
        _check("tokens_digits", "digits BETWEEN 6 AND 8"),
        _check("tokens_bound", "(state = 'IN_STOCK') = (subscriber IS NULL)"),
        _check("tokens_lease", "(lease IS NULL) = (lease_until IS NULL)"),
        _check("tokens_attempts", "failures >= 0 AND day_failures >= 0 AND unlock_failures >= 0"),
        postgresql_with=_ROOM_FOR_UPDATES,
    )
    op.create_index(
        "ix_tokens_live",
        "tokens",
        ["tenant", "subscriber"],
        unique=True,
        sqlite_where=sa.text("subscriber IS NOT NULL"),
        postgresql_where=sa.text("subscriber IS NOT NULL"),
    )


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("request_id", _UUID, nullable=False),
        sa.Column("caller", sa.String(128), nullable=False),
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
        sa.PrimaryKeyConstraint("tenant", "request_id", name="pk_requests"),
        _one_of("requests", "operation", "LOGIN", "TRANSFER", "BILL_PAYMENT"),
        _one_of(
            "requests",
            "outcome",
            "ACCEPTED",
            "REJECTED",
            "REPLAYED",
            "LOCKED",
            "NOT_ACTIVE",
            "UNKNOWN_TOKEN",
        ),
        _one_of("requests", "state", "PENDING", "DONE"),
        _check(
            "requests_decided",
            "(state = 'DONE') = (outcome IS NOT NULL AND decided_at IS NOT NULL)",
        ),
        _check(
            "requests_receipt",
            "(receipt_number IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'ACCEPTED')",
        ),
        postgresql_with=_ROOM_FOR_UPDATES,
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index("ix_requests_created_at", "requests", ["created_at"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            autoincrement=True,
            nullable=False,
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
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=sa.schema.conv(f"ck_{name}"))


def _one_of(table: str, column: str, *words: str) -> sa.CheckConstraint:
    # Not IN: SQLite would build a table of the words for each row that is written.
    return _check(f"{table}_{column}", " OR ".join(f"{column} = '{word}'" for word in words))
