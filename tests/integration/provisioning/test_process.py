# SPDX-License-Identifier: Apache-2.0
"""``kagimori provision`` with a real HSM, beside the serving process on one database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from conftest import channel_of
from development import environment, oathtool
from development.companions import Companion, provisioning_of
from development.environment import Environment, kagimori
from development.server import NotServing, ServerProcess
from development.vendor import Device
from kagimori.api.provisioning.v1 import provisioning_pb2
from kagimori.application.provisioning.keys import ProvisioningKey
from kagimori.domain.token import Hash
from kagimori_client import UnknownToken
from support.custody.shim import Shim, ensure_built
from support.databases.database import AnyDatabase, PostgresqlTestDatabase, TestDatabase
from support.databases.enrolments import NOBODY, TENANT, USER, enrolment, outcomes, write_enrolment
from support.databases.postgres import Cluster
from support.phones.app import PASSWORD, App
from support.processes.calls import check, eventually
from support.served.provisioning_front import PATIENCE, provision_by, stub_of
from support.served.transport import failure_of, open_channel

pytestmark = [pytest.mark.softhsm, pytest.mark.slow]

WRONG = "24680"
LIMITS = "per_peer = 100000\nper_service = 100000"

# In a process of its own, as an issue would do it.
_SEAL = """
import asyncio, sys
from pathlib import Path
from kagimori import config
from kagimori.adapters.argon2 import Argon2id
from kagimori.adapters.vault import HsmVault
from kagimori.application.enrollment.passwords import Passwords
from kagimori.bootstrap.parts import hsm_of, sessions_of, turn_at_the_door
from kagimori.domain.enrollment import ActivationPassword
path, tenant, user_id, password = sys.argv[1:]
section = config.load(Path(path)).hsm
with turn_at_the_door(section):
    vault = HsmVault.open(hsm_of(section), sessions_of(section))
sealing = Passwords(vault, Argon2id()).sealed(tenant, user_id, ActivationPassword(password))
sealed = asyncio.run(sealing)
print(sealed.hash, sealed.key_version)
vault.close()
"""


class _File(TestDatabase):
    def __init__(self, path: Path) -> None:
        self.path = path


class _Server(PostgresqlTestDatabase):
    def __init__(self, url: str) -> None:
        self._url = url


@dataclass
class Place:
    """An authority, the apps' door to it, and its database."""

    environment: Environment
    listen: str
    database: AnyDatabase

    def line(self) -> grpc.Channel:
        return open_channel(self.listen, self.environment.certificates / "ca.pem", None)

    def issue(self) -> None:
        """Issue a token to a customer of kumamoto's."""
        arguments = (self.environment.config, TENANT, USER, PASSWORD)
        done = subprocess.run(
            [sys.executable, "-c", _SEAL, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        kept, version = done.stdout.split()
        write_enrolment(self.database, password_hash=kept, password_key_version=int(version))


@pytest.fixture(params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest, place: Environment) -> Place:
    """An authority of the test's own, on either database."""
    if request.param == "sqlite":
        return placed(place, _File(place.database))
    cluster: Cluster = request.getfixturevalue("cluster")
    database = _Server(cluster.create_database())
    edit(place, f"sqlite:///{place.database}", database.url)
    done = kagimori("tenants", "apply", "--config", place.config, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    return placed(place, database)


@pytest.fixture
def here(place: Environment) -> Place:
    """An authority of the test's own, on SQLite."""
    return placed(place, _File(place.database))


def placed(place: Environment, database: AnyDatabase) -> Place:
    listen = f"127.0.0.1:{environment.free_port()}"
    edit(place, "127.0.0.1:7444", listen)
    edit(place, "[provisioning]", f"[provisioning]\n{LIMITS}")
    return Place(place, listen, database)


def edit(place: Environment, old: str, new: str) -> None:
    text = place.config.read_text()
    assert old in text
    place.config.write_text(text.replace(old, new))


@pytest.fixture
def apps_door(here: Place) -> Iterator[Companion]:
    with provisioning_of(here.environment) as running:
        yield running


def pinned_app(line: grpc.Channel) -> App:
    """Return an app that pins the newest key."""
    request = provisioning_pb2.GetProvisioningKeysRequest(service_id=TENANT)
    (key, *_) = stub_of(line).GetProvisioningKeys(request, timeout=PATIENCE).keys
    assert key.oaep_hash == provisioning_pb2.HASH_ALGORITHM_SHA1
    modulus = 0  # only servers look at it
    return App(ProvisioningKey(TENANT, 1, key.public_key, modulus, Hash.SHA1))


def test_an_app_is_set_up_beside_the_serving_process_and_its_codes_are_right(at: Place) -> None:
    at.issue()
    with (
        ServerProcess(at.environment),
        provisioning_of(at.environment) as door,
        at.line() as line,
        channel_of(at.environment, TENANT) as bank,
    ):
        app = pinned_app(line)
        assert failure_of(lambda: provision_by(line, app, activation_password=WRONG)).reason == (
            "ACTIVATION_REFUSED"
        )
        answer = provision_by(line, app)
        assert (answer.profile.digits, answer.profile.period) == (8, 60)
        assert answer.issuer == "熊本県信用組合"
        assert provision_by(line, app) == answer
        # In use, as a first code would put it.
        at.database.run("UPDATE tokens SET state = 'ACTIVE'")
        device = Device(answer.serial, app.login_seed, "SHA1", 8, 60)
        assert bank.verify(oathtool.time_code(device, time.time()), serial=answer.serial)

        def guess(_: int) -> str:
            return failure_of(lambda: provision_by(line, app, user_id=NOBODY)).reason or "no reason"

        def verify(_: int) -> str:
            with pytest.raises(UnknownToken):
                bank.verify("13579135", serial="NOBODYS")
            return "UNKNOWN_TOKEN"

        with ThreadPoolExecutor(8) as pool:
            answers = [*pool.map(guess, range(60)), *pool.map(verify, range(60))]
        assert Counter(answers) == {"ACTIVATION_REFUSED": 60, "UNKNOWN_TOKEN": 60}
        assert door.stop() == 0
    assert outcomes(at.database) == ["REFUSED", "PROVISIONED", "REPEATED"] + ["REFUSED"] * 60


def test_envelopes_for_the_hsm_open_in_the_hsm_only_as_they_are(
    here: Place, apps_door: Companion
) -> None:
    here.issue()
    with here.line() as line:
        app = pinned_app(line)
        broken = app.login_envelope[:-1] + bytes([app.login_envelope[-1] ^ 1])
        failure = failure_of(lambda: provision_by(line, app, login_envelope=broken))
        assert (failure.reason, failure.field) == ("ENVELOPE_REFUSED", "login_envelope")
        swapped = provision_by(
            line, app, login_envelope=app.signing_envelope, signing_envelope=app.login_envelope
        )
        assert swapped.serial.startswith("KG")
    assert outcomes(here.database) == ["UNFIT", "PROVISIONED"]
    log = apps_door.log.read_text()
    secrets = (PASSWORD, USER, "127.0.0.1:", app.login_seed.hex(), "customer-4711")
    assert not [secret for secret in secrets if secret in log.replace(here.listen, "")]


def test_it_is_healthy_and_a_signal_ends_it(here: Place) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with provisioning_of(here.environment) as door, here.line() as line:
            assert check(line).status == health_pb2.HealthCheckResponse.SERVING
            os.kill(door.pid, number)
            assert door._child.wait(PATIENCE) == 0
        assert '"stopped"' in door.log.read_text().splitlines()[-1]


def test_a_hung_hsm_call_fails_and_ends_the_process_with_its_own_code(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_built()
    shim = Shim(tmp_path)
    here.issue()
    for name, value in shim.environment.items():
        monkeypatch.setenv(name, value)
    edit(here.environment, "/usr/lib/softhsm/libsofthsm2.so", str(shim.path))
    with provisioning_of(here.environment) as door, here.line() as line:
        app = pinned_app(line)
        shim.hang("*", 120_000)
        failure = failure_of(lambda: provision_by(line, app))
        assert failure.code is grpc.StatusCode.UNAVAILABLE
        assert door._child.wait(PATIENCE) == 75
    assert enrolment(here.database)["state"] == "ISSUED"
    assert enrolment(here.database)["tries"] == 0


def test_a_tenants_new_rule_is_in_force_without_a_restart(
    here: Place, apps_door: Companion, tmp_path: Path
) -> None:
    here.issue()
    tenants = (environment.ROOT / "config" / "tenants.toml").read_text()
    changed = tmp_path / "changed.toml"
    changed.write_text(tenants.replace("熊本県信用組合", "くまもと"))
    done = kagimori("tenants", "apply", str(changed), "--config", here.environment.config, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    with here.line() as line:
        eventually(lambda: "rules changed" in apps_door.log.read_text())
        assert provision_by(line, pinned_app(line)).issuer == "くまもと"


@pytest.mark.parametrize(
    ("old", "new", "code", "named"),
    [
        ("[provisioning]", "[mail]", 78, "mail"),
        ("[provisioning]", "[provisioning]\nguesses = 4", 78, "provisioning.guesses"),
        ('provider = "softhsm"', 'provider = "unheard-of"', 78, "hsm.provider"),
        ('ceremony_record = "', 'ceremony_record = "/nowhere/', 78, "ceremony_record"),
        ("kagimori.db", "fresh.db", 78, "kagimori database"),
        ("serving.pin", "import.pin", 77, "the PIN was tried once"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(
    here: Place, old: str, new: str, code: int, named: str
) -> None:
    edit(here.environment, old, new)
    done = kagimori("provision", "--config", here.environment.config, timeout=60)
    assert (done.returncode, done.stdout) == (code, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_without_its_section_it_does_not_start(here: Place) -> None:
    text = here.environment.config.read_text()
    before, _, rest = text.partition("[provisioning]")
    here.environment.config.write_text(before + "[hsm]" + rest.partition("[hsm]")[2])
    done = kagimori("provision", "--config", here.environment.config, timeout=60)
    assert done.returncode == 78
    assert "provisioning: the configuration has no such section" in done.stderr


def test_a_port_that_is_taken_is_said(here: Place, apps_door: Companion) -> None:
    assert apps_door.pid
    with pytest.raises(NotServing, match="cannot listen on"):
        provisioning_of(here.environment).start()
