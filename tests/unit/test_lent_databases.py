# SPDX-License-Identifier: Apache-2.0
"""A database that one test used is lent to the next like a new one, or not at all."""

from __future__ import annotations

from contextlib import closing
from typing import Final

import psycopg
import pytest

from support.databases.database import PostgresqlTestDatabase
from support.databases.enrolments import write_enrolment
from support.databases.postgres import Cluster

_LINE: Final = "INSERT INTO audit (at, tenant, actor, action) VALUES (1, '10112001', 'a', 'ISSUE')"


@pytest.mark.parametrize(
    "change",
    [
        "CREATE VIEW seen AS SELECT 1",
        "ALTER TABLE tokens ALTER COLUMN serial DROP NOT NULL",
        "ALTER TABLE audit DROP CONSTRAINT pk_audit",
        "CREATE INDEX more ON tokens (serial)",
        "ANALYZE tokens",
    ],
)
def test_one_whose_tables_were_changed_is_lent_to_nobody(cluster: Cluster, change: str) -> None:
    used = PostgresqlTestDatabase(cluster)
    used.run(change)
    used.close()
    assert _next(cluster) != used.url


def test_one_that_somebody_is_still_connected_to_is_lent_to_nobody(cluster: Cluster) -> None:
    used = PostgresqlTestDatabase(cluster)
    with psycopg.connect(used.url):
        used.close()
    assert _next(cluster) != used.url


def test_rows_are_gone_and_numbers_begin_anew(cluster: Cluster) -> None:
    used = PostgresqlTestDatabase(cluster)
    write_enrolment(used)
    used.run(_LINE)
    used.close()
    with closing(PostgresqlTestDatabase(cluster)) as lent:
        assert lent.url == used.url
        assert (lent.run("SELECT 1 FROM enrollments"), lent.run("SELECT 1 FROM audit")) == ([], [])
        lent.run(_LINE)
        assert lent.run("SELECT id FROM audit") == [{"id": 1}]


def _next(cluster: Cluster) -> str:
    with closing(PostgresqlTestDatabase(cluster)) as lent:
        return lent.url
