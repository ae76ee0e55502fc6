# SPDX-License-Identifier: Apache-2.0
"""What every table is made with."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from kagimori.domain.token import TOKEN_CUSTODY, CustodyLabel

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


# The same text in both databases, whatever they keep it as.
UUID: Final = sa.Uuid().with_variant(sa.String(36), "sqlite")


# A row that is updated stays on its page, and no index has to learn of it.
ROOM_FOR_UPDATES: Final = {"fillfactor": "70"}


def is_one_of(column: str, words: Iterable[str]) -> str:
    """Return the condition that ``column`` holds one of ``words``."""
    # Not IN: SQLite would build a table of the words for each row that is written.
    return " OR ".join(f"{column} = '{word}'" for word in words)


def one_of(column: str, words: type[StrEnum]) -> sa.CheckConstraint:
    """Return it as a constraint of the column's name."""
    return sa.CheckConstraint(is_one_of(column, words), name=column)


def token_custody() -> sa.CheckConstraint:
    """Return the constraint on where a token's seed may have been."""
    # In the enumeration's order, as migrations write it.
    labels = [label for label in CustodyLabel if label in TOKEN_CUSTODY]
    return sa.CheckConstraint(is_one_of("custody", labels), name="custody")
