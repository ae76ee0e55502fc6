# SPDX-License-Identifier: Apache-2.0
"""Customers and their choices, exchanges, and what two persons agree on."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import UUID, metadata, one_of
from kagimori.domain.replacement import ProposalState, ReplacementReason

# What customers have chosen, and how often they have named serial numbers.
registrations: Final = sa.Table(
    "registrations",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("subscriber", sa.String(64), primary_key=True),
    # ログイン時の認証要否: 1 where the customer wants it.
    sa.Column("login_otp", sa.Integer, nullable=False, server_default="0"),
    # Tries on ``day``; the request that made the last one makes no second.
    sa.Column("day", sa.Date),
    sa.Column("day_tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_try", UUID),
    sa.CheckConstraint("login_otp = 0 OR login_otp = 1", name="login_otp"),
)

# A customer's exchange: begun by a code of the old token, or by two persons.
replacements: Final = sa.Table(
    "replacements",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("subscriber", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),
    # The old token.
    sa.Column("token_id", sa.String(64), nullable=False),
    sa.Column("serial_before", sa.String(32), nullable=False),
    sa.Column("begun_at", sa.BigInteger, nullable=False),
    sa.Column("complete_by", sa.BigInteger, nullable=False),
    # Who agreed on it, where no code of the old token was given.
    sa.Column("proposal_id", UUID),
    # How it ended: the request that completed it, and the new token.
    sa.Column("request_id", UUID),
    sa.Column("serial_after", sa.String(32)),
    sa.CheckConstraint("state = 'BEGUN' OR state = 'DONE'", name="state"),
    sa.CheckConstraint(
        "(state = 'DONE') = (request_id IS NOT NULL AND serial_after IS NOT NULL)", name="done"
    ),
)

# What one person of a bank proposes and another must approve.
proposals: Final = sa.Table(
    "proposals",
    metadata,
    sa.Column("tenant", sa.String(32), primary_key=True),
    sa.Column("proposal_id", UUID, primary_key=True),
    sa.Column("request_id", UUID, nullable=False),
    sa.Column("subscriber", sa.String(64), nullable=False),
    # The token that is to be replaced.
    sa.Column("token_id", sa.String(64), nullable=False),
    sa.Column("serial", sa.String(32), nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("proposed_by", sa.String(128), nullable=False),
    sa.Column("proposed_at", sa.BigInteger, nullable=False),
    sa.Column("approve_by", sa.BigInteger, nullable=False),
    sa.Column("decided_by", sa.String(128)),
    sa.Column("complete_by", sa.BigInteger),
    sa.UniqueConstraint("tenant", "request_id"),
    one_of("reason", ReplacementReason),
    one_of("state", ProposalState),
    sa.CheckConstraint("(state = 'PROPOSED') = (decided_by IS NULL)", name="decided"),
    # The rule itself, whatever program writes here.
    sa.CheckConstraint("state <> 'APPROVED' OR decided_by <> proposed_by", name="two_persons"),
    sa.CheckConstraint("(state = 'APPROVED') = (complete_by IS NOT NULL)", name="approved"),
)

sa.Index(
    "ix_proposals_open",
    proposals.c.tenant,
    proposals.c.subscriber,
    unique=True,
    sqlite_where=proposals.c.state == sa.literal_column("'PROPOSED'"),
    postgresql_where=proposals.c.state == sa.literal_column("'PROPOSED'"),
)
