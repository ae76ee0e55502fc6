# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - Alembic loads it by its path; the number is its place in the order
"""Tokens by serial number: customers' choices, exchanges, proposals of two persons, grid cards.

A program of version 0003 works beside this: to it a token that waits for its customer
is one in stock. It knows no answer to a request by the new words: those begin when all
servers are new.
"""

import sqlalchemy as sa
from alembic import op

from kagimori.adapters.sql.migrations.constraints import check, constrain, words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")
_OPERATIONS = ("LOGIN", "TRANSFER", "BILL_PAYMENT", "ACTIVATION")
_NEW = ("REGISTRATION", "REPLACE_OLD", "REPLACE_NEW", "TERMINATION")
_CARD_STATES = ("ACTIVE", "LOCKED", "REPLACED")

_UNCLAIMED = "kind = 'SOFTWARE' AND state = 'IN_STOCK'"
_PROPOSED = "state = 'PROPOSED'"
_BOUND = "subscriber IS NOT NULL"


def upgrade() -> None:
    """Widen a constraint, then add tables and an index."""
    constrain("requests", {"operation": words("operation", (*_OPERATIONS, *_NEW, "RESYNC"))})
    _index("ix_tokens_unclaimed", "tokens", ["not_after", "tenant"], _UNCLAIMED, unique=False)
    _registrations()
    _replacements()
    _proposals()
    _grid_cards()


def downgrade() -> None:
    """Take it all away; what uses the new words stands in the way."""
    for table in ("grid_cards", "proposals", "replacements", "registrations"):
        op.drop_table(table)
    op.drop_index("ix_tokens_unclaimed")
    constrain("requests", {"operation": words("operation", (*_OPERATIONS, "RESYNC"))})


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = True) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _registrations() -> None:
    op.create_table(
        "registrations",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("login_otp", sa.Integer, nullable=False, server_default="0"),
        sa.Column("day", sa.Date),
        sa.Column("day_tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_try", _UUID),
        sa.PrimaryKeyConstraint("tenant", "subscriber", name="pk_registrations"),
        check("registrations_login_otp", "login_otp = 0 OR login_otp = 1"),
    )


def _replacements() -> None:
    op.create_table(
        "replacements",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("serial_before", sa.String(32), nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("complete_by", sa.BigInteger, nullable=False),
        sa.Column("proposal_id", _UUID),
        sa.Column("request_id", _UUID),
        sa.Column("serial_after", sa.String(32)),
        sa.PrimaryKeyConstraint("tenant", "subscriber", name="pk_replacements"),
        check("replacements_state", words("state", ("BEGUN", "DONE"))),
        check(
            "replacements_done",
            "(state = 'DONE') = (request_id IS NOT NULL AND serial_after IS NOT NULL)",
        ),
    )


def _proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("proposal_id", _UUID, nullable=False),
        sa.Column("request_id", _UUID, nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("serial", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("proposed_by", sa.String(128), nullable=False),
        sa.Column("proposed_at", sa.BigInteger, nullable=False),
        sa.Column("approve_by", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.String(128)),
        sa.Column("complete_by", sa.BigInteger),
        sa.PrimaryKeyConstraint("tenant", "proposal_id", name="pk_proposals"),
        sa.UniqueConstraint("tenant", "request_id", name="uq_proposals_tenant_request_id"),
        check("proposals_reason", words("reason", ("LOST", "STOLEN", "BROKEN"))),
        check("proposals_state", words("state", ("PROPOSED", "APPROVED", "REJECTED"))),
        check("proposals_decided", "(state = 'PROPOSED') = (decided_by IS NULL)"),
        check("proposals_two_persons", "state <> 'APPROVED' OR decided_by <> proposed_by"),
        check("proposals_approved", "(state = 'APPROVED') = (complete_by IS NOT NULL)"),
    )
    _index("ix_proposals_open", "proposals", ["tenant", "subscriber"], _PROPOSED)


def _grid_cards() -> None:
    op.create_table(
        "grid_cards",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("card_id", sa.String(64), nullable=False),
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
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("day", sa.Date),
        sa.Column("day_failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("unlock_failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_place", sa.Integer),
        sa.Column("second_place", sa.Integer),
        sa.Column("challenge_id", _UUID),
        sa.Column("answer_by", sa.BigInteger),
        sa.Column("answered_by", _UUID),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("outcome", sa.String(16)),
        sa.Column("attempts_left", sa.Integer),
        sa.PrimaryKeyConstraint("tenant", "card_id", name="pk_grid_cards"),
        sa.UniqueConstraint("tenant", "number", name="uq_grid_cards_tenant_number"),
        check("grid_cards_state", words("state", _CARD_STATES)),
        check("grid_cards_custody", "custody = 'CELLS_PRINTED'"),
        check("grid_cards_bound", "(state = 'REPLACED') = (subscriber IS NULL)"),
        check("grid_cards_destroyed", "(state = 'REPLACED') = (length(blob) = 0)"),
        check(
            "grid_cards_places",
            "(first_place IS NULL) = (second_place IS NULL) AND "
            "(first_place IS NULL OR (0 <= first_place AND first_place < second_place "
            "AND second_place < 8))",
        ),
    )
    _index("ix_grid_cards_live", "grid_cards", ["tenant", "subscriber"], _BOUND)
