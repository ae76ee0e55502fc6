# SPDX-License-Identifier: Apache-2.0
"""Metadata and migrations tell of one and the same schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from kagimori.adapters.sql import migrations
from kagimori.adapters.sql.connection import DatabaseRefused
from kagimori.adapters.sql.schema import metadata
from support.database import TestDatabase
from support.tokens import identity

OPTIONS = {"compare_type": True, "compare_server_default": True}


def test_alembic_finds_nothing_to_migrate(tmp_path: Path) -> None:
    engine = sa.create_engine(TestDatabase(tmp_path).url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        assert compare_metadata(context, metadata) == []


def test_every_table_is_written_alike(tmp_path: Path) -> None:
    # Alembic does not compare CHECK constraints; SQLite keeps their text.
    made = tmp_path / "made.db"
    engine = sa.create_engine(f"sqlite:///{made}", poolclass=sa.NullPool)
    metadata.create_all(engine)
    assert _definitions(made) == _definitions(TestDatabase(tmp_path).path)


def test_the_identity_columns_are_those_of_the_identity() -> None:
    names = [column.name for column in metadata.tables["tokens"].columns]
    at = names.index("row_mac")
    of, seed = identity(), identity().seed
    fields = {*of.__slots__, *of.profile.__slots__, *seed.__slots__} - {"profile", "seed", "length"}
    assert set(names[:at]) == fields | {"seed_length"}


def test_an_upgrade_can_be_run_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    assert not migrations.is_current(url)
    assert list(tmp_path.iterdir()) == []
    revision = migrations.upgrade(url)
    assert migrations.is_current(url)
    assert migrations.upgrade(url) == revision


def test_an_empty_file_is_not_current(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert not migrations.is_current(f"sqlite:///{tmp_path}/empty.db")


def test_an_upgrade_that_fails_leaves_nothing_half_done(tmp_path: Path) -> None:
    path = tmp_path / "half.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE audit (id INTEGER)")
    with pytest.raises(DatabaseRefused, match="audit already exists"):
        migrations.upgrade(f"sqlite:///{path}")
    assert list(_definitions(path)) == ["audit"]


@pytest.mark.parametrize("path", ["/proc/none/kagimori.db", "/dev/null/kagimori.db"])
def test_a_place_that_cannot_hold_a_database_is_refused(path: str) -> None:
    with pytest.raises(DatabaseRefused, match="cannot use"):
        migrations.upgrade(f"sqlite:///{path}")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    database = TestDatabase(tmp_path)
    database.run("UPDATE alembic_version SET version_num = '9999'")
    assert not migrations.is_current(database.url)
    with pytest.raises(DatabaseRefused, match="9999"):
        migrations.upgrade(database.url)


def _definitions(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: sql.replace('"', "") for name, sql in rows if name != "alembic_version"}
