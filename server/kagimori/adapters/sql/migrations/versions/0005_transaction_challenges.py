# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - Alembic loads it by its path; the number is its place in the order
"""Transaction signing: challenges, the signing seeds' last step, the digest in audit rows.

A program of version 0004 works beside this: it writes none of the new columns, and
knows no answer to a request by the new word. Those begin when all servers are new.
"""

import sqlalchemy as sa
from alembic import op

from kagimori.adapters.sql.migrations.constraints import check, constrain, words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_OPERATIONS = ("LOGIN", "TRANSFER", "BILL_PAYMENT", "ACTIVATION")
_SERIALS = ("REGISTRATION", "REPLACE_OLD", "REPLACE_NEW", "TERMINATION")
_BEFORE = (*_OPERATIONS, *_SERIALS, "RESYNC")


def upgrade() -> None:
    """Widen a constraint, then add a table and two columns."""
    constrain("requests", {"operation": words("operation", (*_BEFORE, "SIGNATURE"))})
    op.add_column(
        "signing_seeds", sa.Column("last_step", sa.BigInteger, nullable=False, server_default="-1")
    )
    op.add_column("audit", sa.Column("transaction_digest", sa.String(64)))
    op.create_table(
        "challenges",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("challenge_id", _UUID, nullable=False),
        sa.Column("request_id", _UUID, nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("profile", sa.String(8), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_by", _UUID),
        sa.PrimaryKeyConstraint("tenant", "challenge_id", name="pk_challenges"),
        sa.UniqueConstraint("tenant", "request_id", name="uq_challenges_tenant_request_id"),
        check("challenges_profile", words("profile", ("SCANNED", "TYPED"))),
        check("challenges_state", words("state", ("OPEN", "USED"))),
        check("challenges_used", "(state = 'USED') = (used_by IS NOT NULL)"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_challenges_expires_at", "challenges", ["expires_at"])
    op.create_index(
        "ix_challenges_subscriber", "challenges", ["tenant", "subscriber", "created_at"]
    )


def downgrade() -> None:
    """Take it all away; what uses the new word stands in the way."""
    op.drop_table("challenges")
    op.drop_column("audit", "transaction_digest")
    op.drop_column("signing_seeds", "last_step")
    constrain("requests", {"operation": words("operation", _BEFORE)})
