# SPDX-License-Identifier: Apache-2.0
"""``kagimori provision`` makes tokens of nobody's with a real HSM, on either database."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from development import environment
from development.companions import provisioning_of
from development.environment import Environment, kagimori
from kagimori.api.provisioning.v1 import provisioning_pb2
from kagimori.application.provisioning.keys import ProvisioningKey
from kagimori.domain.token import Hash
from support.databases.database import AnyDatabase, PostgresqlTestDatabase, TestDatabase
from support.databases.postgres import Cluster
from support.phones.app import App
from support.served.provisioning_front import PATIENCE, made_by, stub_of
from support.served.transport import failure_of, open_channel

pytestmark = [pytest.mark.softhsm, pytest.mark.slow]

KAKESHIN = "20160002"
KENSHIN = "10112001"


class _File(TestDatabase):
    def __init__(self, place: Environment) -> None:
        self.path = place.database


class _Server(PostgresqlTestDatabase):
    def __init__(self, url: str) -> None:
        self._url = url


def edit(place: Environment, old: str, new: str) -> None:
    text = place.config.read_text()
    assert old in text
    place.config.write_text(text.replace(old, new))


@pytest.fixture
def listen(place: Environment) -> str:
    """Where apps reach the test's own authority; it makes three tokens a minute."""
    listen = f"127.0.0.1:{environment.free_port()}"
    edit(place, "127.0.0.1:7444", listen)
    edit(place, "[provisioning]", "[provisioning]\nnew_per_peer = 3\nunclaimed_per_service = 2")
    return listen


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, place: Environment) -> AnyDatabase:
    """The test's own authority's."""
    if request.param == "sqlite":
        return _File(place)
    cluster: Cluster = request.getfixturevalue("cluster")
    database = _Server(cluster.create_database())
    edit(place, f"sqlite:///{place.database}", database.url)
    done = kagimori("tenants", "apply", "--config", place.config, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    return database


def pinned_app(line: grpc.Channel, service_id: str = KAKESHIN) -> App:
    """Return an app that pins the bank's newest key."""
    request = provisioning_pb2.GetProvisioningKeysRequest(service_id=service_id)
    (key, *_) = stub_of(line).GetProvisioningKeys(request, timeout=PATIENCE).keys
    modulus = 0  # only servers look at it
    return App(ProvisioningKey(service_id, 1, key.public_key, modulus, Hash.SHA1))


def test_an_app_makes_a_token_and_a_flood_is_bounded(
    place: Environment, listen: str, database: AnyDatabase
) -> None:
    ca = place.certificates / "ca.pem"
    with provisioning_of(place) as door, open_channel(listen, ca, None) as line:
        app = pinned_app(line)
        asked_at = time.time()
        answer = made_by(line, app)
        assert (answer.issuer, answer.profile.digits, answer.profile.period) == ("かけしん", 6, 30)
        waits = answer.register_by.ToDatetime(tzinfo=UTC) - datetime.fromtimestamp(asked_at, UTC)
        assert abs(waits - timedelta(days=30)) < timedelta(hours=1)
        assert made_by(line, app) == answer
        broken = app.login_envelope[:-1] + bytes([app.login_envelope[-1] ^ 1])
        failure = failure_of(lambda: made_by(line, app, login_envelope=broken))
        assert (failure.reason, failure.field) == ("ENVELOPE_REFUSED", "signing_envelope")
        # Three calls were looked at, whatever they came to.
        failure = failure_of(lambda: made_by(line, pinned_app(line)))
        assert failure.reason == "TOO_MANY_TRIES"
        offered = failure_of(lambda: made_by(line, pinned_app(line, KENSHIN)))
        assert offered.reason == "NOT_OFFERED"
        assert door.stop() == 0
        log = door.log.read_text()
    (token,) = database.run("SELECT * FROM tokens")
    (seed,) = database.run("SELECT * FROM signing_seeds")
    assert (token["serial"], token["subscriber"]) == (answer.serial, None)
    assert (token["state"], token["custody"]) == ("IN_STOCK", "SEALED_BY_APP")
    # RFC 5649: 64 octets and 8 more.
    assert (len(token["blob"]), len(seed["blob"])) == (72, 72)
    assert answer.serial in log
    secrets = (app.login_seed.hex(), app.signing_seed.hex(), "127.0.0.1:")
    assert not [secret for secret in secrets if secret in log.replace(listen, "")]


def test_what_waits_is_bounded_by_the_configuration(place: Environment, listen: str) -> None:
    edit(place, "new_per_peer = 3", "new_per_peer = 100")
    ca = place.certificates / "ca.pem"
    with provisioning_of(place), open_channel(listen, ca, None) as line:
        apps = [pinned_app(line) for _ in range(3)]
        serials = [made_by(line, app).serial for app in apps[:2]]
        assert len(set(serials)) == 2
        assert failure_of(lambda: made_by(line, apps[2])).reason == "TOO_MANY_TRIES"
        assert made_by(line, apps[0]).serial == serials[0]
