# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `InventoryStore`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.connection import Database, Transaction
from kagimori.adapters.sql.rows import values_of
from kagimori.application.ports import Added, Duplicate
from kagimori.domain.errors import InvalidField
from kagimori.domain.token import Token

_KNOWN: Final = """
SELECT serial FROM tokens
WHERE tenant = :tenant AND serial IN (SELECT value FROM json_each(:serials))
"""

_ADD: Final = """
INSERT INTO tokens
  (tenant, token_id, serial, subscriber, kind, purpose, factor, hash, digits, period, t0, custody,
   seed_length, key_version, wrap_format, blob, row_mac, state, last_step, drift, generation)
VALUES
  (:tenant, :token_id, :serial, :subscriber, :kind, :purpose, :factor, :hash, :digits, :period,
   :t0, :custody, :seed_length, :key_version, :wrap_format, :blob, :row_mac, :state, :last_step,
   :drift, :generation)
ON CONFLICT (tenant, serial) DO NOTHING
RETURNING 1
"""


class SqlInventory:
    """Tokens in, never over another token."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    def known_serials(self, tenant: str, serials: Sequence[str]) -> set[str]:
        """See `InventoryStore.known_serials`."""
        with self._database.transaction() as transaction:
            values = {"tenant": tenant, "serials": json.dumps(list(serials))}
            return {row["serial"] for row in transaction.run(_KNOWN, values)}

    def add(self, tokens: Sequence[Token], actor: str) -> list[Added | Duplicate]:
        """See `InventoryStore.add`.

        Raises `InvalidField` if a subscriber would hold two tokens; then none
        of ``tokens`` is added.
        """
        try:
            with self._database.transaction() as transaction:
                return [_add_one(transaction, token, actor) for token in tokens]
        except sqlite3.IntegrityError as error:
            if "tokens.subscriber" not in str(error):
                raise
            raise InvalidField("subscriber_ref", "has a token already") from None


def _add_one(transaction: Transaction, token: Token, actor: str) -> Added | Duplicate:
    serial = token.identity.serial
    if transaction.one(_ADD, values_of(token)) is None:
        return Duplicate(serial)
    audit.imported(transaction, token.identity, actor)
    return Added(serial)
