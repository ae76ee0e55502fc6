# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `InventoryStore`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Transaction,
    transacted,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.rows import COLUMNS, values_of
from kagimori.application.inventory.ports import Added, Duplicate
from kagimori.domain.errors import InvalidField
from kagimori.domain.token import Token

_KNOWN: Final = statement(
    """
{batch}
SELECT t.serial FROM tokens t {and_batch} WHERE t.tenant = b.tenant AND t.serial = b.serial
""",
    batch={"tenant": "text", "serial": "text"},
)

_ADD: Final = statement(
    """
INSERT INTO tokens ({columns}) VALUES ({values})
ON CONFLICT (tenant, serial) DO NOTHING
RETURNING 1
""",
    parts={
        "columns": ", ".join(COLUMNS),
        "values": ", ".join(f":{column}" for column in COLUMNS),
    },
)

# What the two databases call it when a customer would have two tokens.
_ONE_TOKEN_EACH: Final = frozenset(
    {"ix_tokens_live", "UNIQUE constraint failed: tokens.tenant, tokens.subscriber"}
)


class SqlInventory:
    """Tokens in, never over another token.

    For one thread, of a process that has no event loop: each call runs one of its own.
    """

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    def known_serials(self, tenant: str, serials: Sequence[str]) -> set[str]:
        """See `InventoryStore.known_serials`."""
        asked = Asked(_KNOWN, {}, [(tenant, serial) for serial in serials])
        (rows,) = asyncio.run(transacted(self._database, lambda begun: begun.commit(asked)))
        return {serial for (serial,) in rows}

    def add(self, tokens: Sequence[Token], actor: str) -> list[Added | Duplicate]:
        """See `InventoryStore.add`.

        Raises `InvalidField` if a subscriber would hold two tokens; then none
        of ``tokens`` is added.
        """
        try:
            adding = transacted(self._database, lambda begun: _add(begun, tokens, actor))
            return asyncio.run(adding)
        except ConstraintViolated as violated:
            if str(violated) not in _ONE_TOKEN_EACH:
                raise
            raise InvalidField("subscriber_ref", "has a token already") from None


async def _add(
    transaction: Transaction, tokens: Sequence[Token], actor: str
) -> list[Added | Duplicate]:
    answers: dict[int, Added | Duplicate] = {}
    # In one order, so that two imports of the same tokens take turns.
    for place, token in sorted(enumerate(tokens), key=_serial):
        (new,) = await transaction.run(Asked(_ADD, values_of(token)))
        answers[place] = (Added if new else Duplicate)(token.identity.serial)
    added = [
        token.identity for place, token in enumerate(tokens) if isinstance(answers[place], Added)
    ]
    await transaction.commit(audit.imported(added, actor))
    return [answers[place] for place in range(len(tokens))]


def _serial(placed: tuple[int, Token]) -> tuple[str, str]:
    return placed[1].identity.tenant, placed[1].identity.serial
