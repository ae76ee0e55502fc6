# SPDX-License-Identifier: Apache-2.0
"""What the suites share: one authority, set up once by the product's own commands."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import kagimori.transport as _transport  # noqa: F401 - before grpc: it chooses the TLS suites, as in the server
from development import environment
from development.environment import Environment, kagimori
from development.server import ServerProcess
from development.vendor import Device
from kagimori_client import BankChannel
from support.databases.database import AnyDatabase, PostgresqlTestDatabase, TestDatabase
from support.databases.postgres import Cluster

settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")

ABUKUMA = "20160003"
KENSHIN = "10112001"

Enrol = Callable[..., None]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the whole run; tests have databases of their own in it.

    Nobody counts rows there behind their backs: a database that was counted is lent no more.
    """
    with Cluster.running(autovacuum=False) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    """A migrated database of the test's own, of either kind."""
    place: AnyDatabase
    if request.param == "sqlite":
        place = TestDatabase(tmp_path)
    else:
        place = PostgresqlTestDatabase(request.getfixturevalue("cluster"))
    yield place
    place.close()


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An HSM after its ceremony and a database with tenants alone; nothing serves yet."""
    place = environment.prepare(tmp_path_factory.mktemp("authority"))
    _done("ceremony", place.ceremony)
    _done("database", "--config", place.config)
    _done("tenants", "apply", "--config", place.config, "--yes")
    return place


@pytest.fixture
def place(provisioned: Environment, tmp_path: Path) -> Environment:
    """An authority of the test's own: a copy of the provisioned one, on a free port."""
    return moved(provisioned, tmp_path / "authority")


@pytest.fixture
def enrol(place: Environment) -> Enrol:
    """Import devices for abukuma; each goes to a customer and is in use at once."""
    return enroller(place)


@pytest.fixture
def server(place: Environment) -> Iterator[ServerProcess]:
    """The real server, serving."""
    with ServerProcess(place) as running:
        yield running


@pytest.fixture
def bank(server: ServerProcess) -> Iterator[BankChannel]:
    """Abukuma's channel to the real server."""
    with channel_of(server.environment, ABUKUMA) as link:
        yield link


def moved(provisioned: Environment, directory: Path) -> Environment:
    """Return a copy of an authority in ``directory``, on a free port."""
    shutil.copytree(provisioned.directory, directory)
    mine = Environment(directory.resolve(), f"127.0.0.1:{environment.free_port()}")
    for path in (mine.config, mine.ceremony, mine.directory / "hsm" / "softhsm2.conf"):
        text = path.read_text().replace(str(provisioned.directory), str(mine.directory))
        path.write_text(text.replace(provisioned.listen, mine.listen))
    return mine


def enroller(place: Environment) -> Enrol:
    """Return what imports devices into ``place``."""
    numbers = itertools.count(1)

    def import_(*devices: Device, vendor: str = "kagi-keywrap", assign: bool = True) -> None:
        file = place.write_vendor_file(vendor, list(devices))
        options: list[str | Path] = ["--config", place.config, "--tenant", "abukuma"]
        options += ["--vendor", vendor]
        if vendor == "kagi-cbc":
            options.append("--allow-host-transient")
        for device in devices if assign else ():
            options += ["--assign", f"{device.serial}=customer-{next(numbers)}"]
        _done("import-tokens", file, *options, *(["--activate"] if assign else []))

    return import_


def channel_of(place: Environment, service_id: str) -> BankChannel:
    """Return a tenant's channel."""
    identity = place.client(service_id)
    return BankChannel(
        place.listen,
        certificate=identity.certificate,
        private_key=identity.private_key,
        authority_ca=place.certificates / "ca.pem",
    )


def _done(*arguments: str | Path) -> None:
    done = kagimori(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
