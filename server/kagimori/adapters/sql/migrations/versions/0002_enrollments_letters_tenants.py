# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - Alembic loads it by its path; the number is its place in the order
"""Tenants' rules, enrolments, signing seeds, letters; new words for what a token can be.

A program of version 0001 works beside this: it never meets a retired token,
which is bound to nobody, and takes a barred one for one that is not active.
"""

import sqlalchemy as sa
from alembic import op

from kagimori.adapters.sql.migrations.constraints import check, constrain, words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")

_CUSTODIES = ("SEALED_BY_APP", "GENERATED_IN_HSM", "UNWRAPPED_IN_HSM", "HOST_TRANSIENT")
_PENDING = "state = 'PENDING'"

# A constraint's words before and after this: SQLite cannot change one in place.
_TOKENS = {
    "purpose": (("AUTHENTICATION",), ("AUTHENTICATION", "SIGNING")),
    "custody": (_CUSTODIES[1:], _CUSTODIES),
    "state": (
        ("IN_STOCK", "ASSIGNED", "ACTIVE", "LOCKED"),
        ("IN_STOCK", "ASSIGNED", "BARRED", "ACTIVE", "LOCKED", "RETIRED"),
    ),
}
_BOUND = (
    "(state = 'IN_STOCK') = (subscriber IS NULL)",
    "(state = 'IN_STOCK' OR state = 'RETIRED') = (subscriber IS NULL)",
)
_DESTROYED = "(state = 'RETIRED') = (length(blob) = 0)"
_OPERATIONS = (
    ("LOGIN", "TRANSFER", "BILL_PAYMENT"),
    ("LOGIN", "TRANSFER", "BILL_PAYMENT", "ACTIVATION"),
)


def upgrade() -> None:
    """Widen the constraints, then add the tables."""
    changes = {column: words(column, new) for column, (_, new) in _TOKENS.items()}
    constrain("tokens", {**changes, "bound": _BOUND[1], "destroyed": _DESTROYED})
    constrain("requests", {"operation": words("operation", _OPERATIONS[1])})
    op.add_column("audit", sa.Column("user_id", sa.String(16)))
    _create_tenants()
    _create_enrollments()
    _create_outbox()


def downgrade() -> None:
    """Take it all away; what uses the new words stands in the way."""
    for table in ("outbox", "tries", "envelopes", "enrollments", "signing_seeds", "tenants"):
        op.drop_table(table)
    op.drop_column("audit", "user_id")
    constrain("requests", {"operation": words("operation", _OPERATIONS[0])})
    changes = {column: words(column, old) for column, (old, _) in _TOKENS.items()}
    constrain("tokens", {**changes, "bound": _BOUND[0], "destroyed": None})


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("service_id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
        sa.Column("applied_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("service_id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )


def _create_enrollments() -> None:
    op.create_table(
        "signing_seeds",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("custody", sa.String(24), nullable=False),
        sa.Column("seed_length", sa.Integer, nullable=False),
        sa.Column("key_version", sa.Integer, nullable=False),
        sa.Column("wrap_format", sa.String(16), nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.Column("row_mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "token_id", name="pk_signing_seeds"),
        check("signing_seeds_custody", words("custody", _CUSTODIES)),
    )
    op.create_table(
        "enrollments",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(12), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("request_id", _UUID, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("mail_address", sa.String(254)),
        sa.Column("password_hash", sa.String(160)),
        sa.Column("password_key_version", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("token_id", sa.String(64)),
        sa.Column("released_on", sa.Date),
        sa.PrimaryKeyConstraint("tenant", "subscriber", name="pk_enrollments"),
        sa.UniqueConstraint("tenant", "user_id", name="uq_enrollments_tenant_user_id"),
        check("enrollments_state", words("state", ("ISSUED", "PROVISIONED", "RELEASED", "VOID"))),
        check("enrollments_provisioned", "(state = 'PROVISIONED') = (token_id IS NOT NULL)"),
        check("enrollments_released", "(state = 'RELEASED') = (released_on IS NOT NULL)"),
    )
    op.create_table(
        "envelopes",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "digest", name="pk_envelopes"),
    )
    op.create_table(
        "tries",
        sa.Column("bucket", sa.String(96), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_tries"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("letter_id", _UUID, nullable=False),
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(12), nullable=False),
        sa.Column("recipient", sa.String(254)),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("lease", _UUID),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("reply", sa.String(64)),
        sa.PrimaryKeyConstraint("letter_id", name="pk_outbox"),
        check("outbox_kind", words("kind", ("ISSUED", "REPLAYED"))),
        check("outbox_state", words("state", ("PENDING", "SENT", "REFUSED"))),
        check("outbox_recipient", "(state = 'PENDING') = (recipient IS NOT NULL)"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        sqlite_where=sa.text(_PENDING),
        postgresql_where=sa.text(_PENDING),
    )
    op.create_index("ix_outbox_subscriber", "outbox", ["tenant", "subscriber", "created_at"])
