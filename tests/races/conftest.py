# SPDX-License-Identifier: Apache-2.0
"""The arenas: each race is run on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from conftest import moved
from development.environment import Environment
from races.arena import Arena, arena_at
from races.crowd import Crowd
from races.sites import PostgresqlSite, Site, SqliteSite
from support.custody.shim import ensure_built
from support.databases.postgres import Cluster
from support.databases.proxy import Proxy


@pytest.fixture(scope="module")
def in_doubt() -> bool:
    """Return whether the database's replies must be able to get lost on their way."""
    return False


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def arena(
    request: pytest.FixtureRequest,
    provisioned: Environment,
    tmp_path_factory: pytest.TempPathFactory,
    in_doubt: bool,  # noqa: FBT001 - a fixture
) -> Iterator[Arena]:
    """An authority on each of the two databases, one for all tests of a file."""
    ensure_built()
    directory = tmp_path_factory.mktemp("arena") / "authority"
    with ExitStack() as stack:
        place = moved(provisioned, directory)
        site: Site = SqliteSite(directory, place.database)
        if request.param == "postgresql":
            cluster = stack.enter_context(Cluster.running())
            proxy = stack.enter_context(Proxy(cluster.port)) if in_doubt else None
            site = PostgresqlSite(cluster, proxy)
        yield stack.enter_context(arena_at(site, place))


@pytest.fixture(scope="module")
def crowd(arena: Arena) -> Iterator[Crowd]:
    """Return 64 clients who are connected."""
    with Crowd(arena.door) as clients:
        yield clients
