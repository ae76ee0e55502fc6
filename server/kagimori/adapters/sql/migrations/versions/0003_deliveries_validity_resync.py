# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - Alembic loads it by its path; the number is its place in the order
"""Vendors' deliveries and devices, times of validity, and words for a token's way back.

A program of version 0002 works beside this: a token that came back is bound to
nobody, as one in stock is. It does not look at validity, and knows no answer to a
request that was a resynchronisation: those begin when all servers are new.
"""

import sqlalchemy as sa
from alembic import op

from kagimori.adapters.sql.migrations.constraints import constrain, words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CUSTODIES = ("SEALED_BY_APP", "GENERATED_IN_HSM", "UNWRAPPED_IN_HSM", "HOST_TRANSIENT")
_STATES = ("IN_STOCK", "ASSIGNED", "BARRED", "ACTIVE", "LOCKED", "RETIRED")
_OPERATIONS = ("LOGIN", "TRANSFER", "BILL_PAYMENT", "ACTIVATION")
_OUTCOMES = ("ACCEPTED", "REJECTED", "REPLAYED", "LOCKED", "NOT_ACTIVE", "UNKNOWN_TOKEN")

_BEFORE = {
    "tokens": {
        "custody": words("custody", _CUSTODIES),
        "state": words("state", _STATES),
        "digits": "digits BETWEEN 6 AND 8",
        "bound": f"({words('state', ('IN_STOCK', 'RETIRED'))}) = (subscriber IS NULL)",
        "destroyed": "(state = 'RETIRED') = (length(blob) = 0)",
    },
    "signing_seeds": {"custody": words("custody", _CUSTODIES)},
    "requests": {
        "operation": words("operation", _OPERATIONS),
        "outcome": words("outcome", _OUTCOMES),
    },
}
_NOBODYS = ("DEFECTIVE", "IN_STOCK", "RETIRED", "RETURNED")
_AFTER = {
    "tokens": {
        "custody": words("custody", (*_CUSTODIES, "CLEAR_TEXT")),
        "state": words("state", (*_STATES[:-1], "RETURNED", "DEFECTIVE", "RETIRED")),
        "digits": "digits BETWEEN 6 AND 10",
        "bound": f"({words('state', _NOBODYS)}) = (subscriber IS NULL)",
        "destroyed": f"({words('state', ('DEFECTIVE', 'RETIRED'))}) = (length(blob) = 0)",
    },
    "signing_seeds": {"custody": words("custody", (*_CUSTODIES, "CLEAR_TEXT"))},
    "requests": {
        "operation": words("operation", (*_OPERATIONS, "RESYNC")),
        "outcome": words("outcome", (*_OUTCOMES, "SYNCHRONIZED")),
    },
}


def upgrade() -> None:
    """Widen the constraints, then add columns and tables."""
    for table, changes in _AFTER.items():
        constrain(table, changes)
    op.add_column("tokens", sa.Column("not_before", sa.BigInteger))
    op.add_column("tokens", sa.Column("not_after", sa.BigInteger))
    op.create_table(
        "deliveries",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("delivery_id", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("vendor", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("tenant", "delivery_id", name="pk_deliveries"),
        sa.UniqueConstraint("tenant", "digest", name="uq_deliveries_tenant_digest"),
    )
    op.create_table(
        "devices",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("delivery_id", sa.String(32), nullable=False),
        sa.Column("manufacturer", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("imported_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "token_id", name="pk_devices"),
    )


def downgrade() -> None:
    """Take it all away; what uses the new words stands in the way."""
    op.drop_table("devices")
    op.drop_table("deliveries")
    op.drop_column("tokens", "not_after")
    op.drop_column("tokens", "not_before")
    for table, changes in _BEFORE.items():
        constrain(table, changes)
