# SPDX-License-Identifier: Apache-2.0
"""The tenants, the tries, and how old a program may be."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from kagimori.adapters.sql.schema.base import metadata

# How new the oldest program is that can work with this schema: its newest
# migration. A migration that takes something away raises it.
schema_floor: Final = sa.Table(
    "schema_floor", metadata, sa.Column("oldest", sa.String(4), primary_key=True)
)

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
