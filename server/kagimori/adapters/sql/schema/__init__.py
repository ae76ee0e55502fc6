# SPDX-License-Identifier: Apache-2.0
"""The tables. Times are microseconds since 1970 UTC, by the database's clock."""

from __future__ import annotations

from kagimori.adapters.sql.schema.base import ROOM_FOR_UPDATES, metadata
from kagimori.adapters.sql.schema.enrollment import enrollments, envelopes, outbox
from kagimori.adapters.sql.schema.grid_cards import grid_cards
from kagimori.adapters.sql.schema.house import schema_floor, tenants, tries
from kagimori.adapters.sql.schema.registration import proposals, registrations, replacements
from kagimori.adapters.sql.schema.signing import challenges
from kagimori.adapters.sql.schema.tokens import deliveries, devices, signing_seeds, tokens
from kagimori.adapters.sql.schema.verification import ONLY_POSTGRESQL, audit, receipts, requests

__all__ = [
    "ONLY_POSTGRESQL",
    "ROOM_FOR_UPDATES",
    "audit",
    "challenges",
    "deliveries",
    "devices",
    "enrollments",
    "envelopes",
    "grid_cards",
    "metadata",
    "outbox",
    "proposals",
    "receipts",
    "registrations",
    "replacements",
    "requests",
    "schema_floor",
    "signing_seeds",
    "tenants",
    "tokens",
    "tries",
]
