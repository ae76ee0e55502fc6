# SPDX-License-Identifier: Apache-2.0
"""How a migration changes a table's constraints, in either database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from alembic import op


def constrain(table: str, changes: Mapping[str, str | None]) -> None:
    """Change a table's constraints; None takes one away, a new name adds one."""
    if op.get_context().dialect.name == "postgresql":
        for name, condition in changes.items():
            full = f"ck_{table}_{name}"
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {full}")
            if condition:
                op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {full} CHECK ({condition})")
        return
    _rebuild(table, changes)


def _rebuild(table: str, changes: Mapping[str, str | None]) -> None:
    """Make an SQLite table anew from its own words, with other constraints."""
    connection = op.get_bind()
    (statement,) = connection.execute(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"),
        {"name": table},
    ).one()
    indexes = connection.execute(
        sa.text(
            "SELECT sql FROM sqlite_master "
            "WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL"
        ),
        {"name": table},
    ).all()
    for name, condition in changes.items():
        statement = _with_constraint(statement, f"ck_{table}_{name}", condition)
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    for (index,) in indexes:
        op.execute(f"DROP INDEX {index.split()[index.split().index('INDEX') + 1]}")
    op.execute(statement)
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before ORDER BY rowid")  # noqa: S608 - names of ours
    op.execute(f"DROP TABLE {table}_before")
    for (index,) in indexes:
        op.execute(index)


def _with_constraint(statement: str, name: str, condition: str | None) -> str:
    """Return a CREATE TABLE whose lines hold one constraint each, with this one changed."""
    opening, *lines = statement.rstrip().removesuffix(")").rstrip().split("\n")
    lines = [line.rstrip().removesuffix(",") for line in lines]
    wanted = [f"\tCONSTRAINT {name} CHECK ({condition})"] if condition else []
    held = [place for place, line in enumerate(lines) if f"CONSTRAINT {name} CHECK" in line]
    place = held[0] if held else len(lines)
    lines[place : place + len(held)] = wanted
    return "\n".join((opening, ", \n".join(lines), ")"))


def words(column: str, allowed: Iterable[str]) -> str:
    """Return the condition that ``column`` holds one of the ``allowed`` words."""
    # Not IN: SQLite would build a table of the words for each row that is written.
    return " OR ".join(f"{column} = '{word}'" for word in allowed)


def check(name: str, condition: str) -> sa.CheckConstraint:
    """Return a constraint whose name begins with its table's."""
    return sa.CheckConstraint(condition, name=sa.schema.conv(f"ck_{name}"))
