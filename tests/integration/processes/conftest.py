# SPDX-License-Identifier: Apache-2.0
"""An authority on PostgreSQL whose HSM is reached through the shim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Enrol, enroller
from development import environment
from development.environment import Environment
from support.custody.shim import Shim, ensure_built
from support.databases.postgres import Cluster

_SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
_SETTINGS = "connection_seconds = 2\ndrain_seconds = 3"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.running() as running:
        yield running


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    ensure_built()
    return Shim(tmp_path)


@pytest.fixture
def shared(place: Environment, cluster: Cluster, shim: Shim) -> Environment:
    """Move the authority to a database of its own, and its HSM behind the shim."""
    text = place.config.read_text()
    for old, new in (
        (f"sqlite:///{place.database}", cluster.create_database()),
        (_SOFTHSM, str(shim.path)),
        ("[server]", f"[server]\n{_SETTINGS}"),
    ):
        assert old in text
        text = text.replace(old, new)
    place.config.write_text(text)
    applied = environment.apply_tenants(place)
    assert applied.returncode == 0, applied.stderr
    return place


@pytest.fixture
def enrol_shared(shared: Environment, shim: Shim, monkeypatch: pytest.MonkeyPatch) -> Enrol:
    """Import devices into the shared authority; each is in use at once."""
    for name, value in shim.environment.items():
        monkeypatch.setenv(name, value)
    return enroller(shared)
