# SPDX-License-Identifier: Apache-2.0
"""Metadata and migrations tell of one and the same schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from contracts.sql_bench import SqlBench
from contracts.store_bench import guess, succeed
from kagimori.adapters.sql import migrations, revision
from kagimori.adapters.sql.database import DatabaseRefused
from kagimori.adapters.sql.schema import ONLY_POSTGRESQL, metadata
from kagimori.domain.outcome import Outcome
from support.databases.database import AnyDatabase, TestDatabase
from support.databases.postgres import Cluster
from support.tokens import identity, token

Future = Callable[..., str]

OPTIONS = {"compare_type": True, "compare_server_default": True}

ADDED = """
import sqlalchemy as sa
from alembic import op
revision = "0006"
down_revision = "0005"

def upgrade():
    op.add_column("tokens", sa.Column("nickname", sa.String(16)))
    op.add_column("requests", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))
    op.create_table("coins", sa.Column("id", sa.Integer, primary_key=True))
    op.create_index("ix_audit_at", "audit", ["at"])
"""
RAISED = """
from alembic import op
revision = "0007"
down_revision = "0006"

def upgrade():
    op.execute("UPDATE schema_floor SET oldest = '0006'")
"""


def test_alembic_finds_nothing_to_migrate(database: AnyDatabase) -> None:
    engine = sa.create_engine(
        database.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        missing = compare_metadata(context, metadata)
    if engine.dialect.name == "sqlite":
        missing = [change for change in missing if change[1].name not in ONLY_POSTGRESQL]
    assert missing == []


def test_a_start_knows_the_newest_migration_without_alembic() -> None:
    assert revision.newest() == migrations._head()


def test_a_schema_with_something_added_still_serves_this_version(
    database: AnyDatabase, future: Future
) -> None:
    assert future(database.url, ADDED) == "0006"
    assert migrations.is_current(database.url)
    assert migrations.upgrade(database.url) == "0006"
    bench = SqlBench(database)
    bench.inventory.add([token()], "importer")
    assert succeed(bench, 7).outcome is Outcome.ACCEPTED
    assert guess(bench).outcome is Outcome.REJECTED
    assert bench.rows("requests")[0]["weight"] == 1


def test_a_schema_that_this_version_is_too_old_for_is_not_current(
    database: AnyDatabase, future: Future
) -> None:
    assert future(database.url, ADDED, RAISED) == "0007"
    assert not migrations.is_current(database.url)
    with pytest.raises(DatabaseRefused, match="0007"):
        migrations.upgrade(database.url)


@pytest.fixture
def future(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Future:
    """Return what applies migrations of versions to come, and their last revision."""

    def upgrade(url: str, *texts: str) -> str:
        versions = tmp_path / "versions"
        versions.mkdir()
        for number, text in enumerate(texts):
            (versions / f"{number}.py").write_text(text)
        config = migrations._config()
        ours = Path(migrations.__file__).parent / "versions"
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{ours}\n{versions}")
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "_config", lambda: config)
            return migrations.upgrade(url)

    return upgrade


def test_an_upgrade_of_a_server_can_be_run_again(cluster: Cluster) -> None:
    url = cluster.create_empty_database()
    assert not migrations.is_current(url)
    revision = migrations.upgrade(url)
    assert migrations.is_current(url)
    assert migrations.upgrade(url) == revision


def test_two_administrators_at_once_take_turns(cluster: Cluster) -> None:
    url = cluster.create_empty_database()
    with ThreadPoolExecutor(2) as threads:
        assert len(set(threads.map(migrations.upgrade, [url, url]))) == 1


def test_a_server_that_is_not_there_is_refused(cluster: Cluster) -> None:
    with pytest.raises(DatabaseRefused, match="cannot use the PostgreSQL database"):
        migrations.is_current(cluster.url("no_such_database"))


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
    database.run("UPDATE schema_floor SET oldest = '9999'")
    assert not migrations.is_current(database.url)
    with pytest.raises(DatabaseRefused, match="9999"):
        migrations.upgrade(database.url)


def _definitions(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        # ALTER TABLE writes a new column on the line of the one before.
        words = {name: " ".join(sql.replace('"', "").split()) for name, sql in rows}
        return {name: sql for name, sql in words.items() if name != "alembic_version"}
