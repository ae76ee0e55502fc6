# SPDX-License-Identifier: Apache-2.0
"""A server that cannot keep its promises does not start, and says what to mend."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from development.environment import Environment, environment_variables, kagimori
from support.custody.hsm import python_environment
from support.custody.nss import NssHsm, nss_hsm
from support.custody.shim import Shim, ensure_built

# EX_NOPERM and EX_CONFIG of sysexits.h
LOGIN_REFUSED, REFUSED = 77, 78

Edit = tuple[str, str]


def start(place: Environment, **variables: str) -> tuple[int, str]:
    done = kagimori(
        "serve", "--config", place.config, env=environment_variables(**variables), timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def edit(place: Environment, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, place.config.read_text(), flags=re.MULTILINE)
    assert count, f"{pattern} is not in the configuration"
    place.config.write_text(text)


@pytest.mark.parametrize(
    ("pattern", "replacement", "named"),
    [
        (r"^module = .*", 'module = "/nowhere/libhsm.so"', "hsm.module"),
        (r"^provider = .*", 'provider = "unheard-of"', "hsm.provider"),
        (r'^partition = "kagimori-serving"', 'partition = "elsewhere"', "elsewhere"),
        (r"^partition = .*\n", "", "hsm.partition"),
        (r"^listen = .*", "listen = 7443", "server.listen"),
        (r"^listen = .*", 'listen = "127.0.0.1:70000"', "server.listen: must be host:port"),
        (r"^listen = .*", 'listen = "7443"', "server.listen: must be host:port"),
        (r"^pin = .*", 'pin = { env = "NO_SUCH_PIN" }', "NO_SUCH_PIN is not set"),
        (r"^pin = .*", "pin = { prompt = true }", "typed at a terminal"),
        (r"^url = .*", 'url = "sqlite:////nowhere/x.db"', "kagimori database"),
        (r"^trust_domain", "trustdomain", "server.trustdomain"),
        (r"^certificate = .*", 'certificate = "nowhere.pem"', "server.certificate"),
        (r"^client_ca = .*", 'client_ca = "kagimori.toml"', "client_ca"),
        (r"^ceremony_record = .*", 'ceremony_record = "nowhere.json"', "ceremony_record"),
        (r"^ceremony_record = .*", 'ceremony_record = "kagimori.toml"', "ceremony_record"),
        (r"^url = .*", 'url = "mysql://db"', "database"),
        (r"^url = .*", 'url = "sqlite:///fresh.db"', "kagimori database"),
        (r"^level = .*", 'level = "chatty"', "log.level"),
        (r"^\[log\]", "[log", "kagimori.toml"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(
    place: Environment, pattern: str, replacement: str, named: str
) -> None:
    edit(place, pattern, replacement)
    code, said = start(place)
    assert code == REFUSED
    assert named in said
    assert "Traceback" not in said


def test_a_missing_key_is_named(place: Environment) -> None:
    record = place.directory / "hsm" / "ceremony.json"
    entries = json.loads(record.read_text())
    for canary in entries["canaries"]:
        canary["key_version"] = 2
    record.write_text(json.dumps(entries))
    code, said = start(place)
    assert code == REFUSED
    assert "/wrapping/2" in said


def test_a_server_that_has_keys_for_no_tenant_names_them(place: Environment) -> None:
    record = place.directory / "hsm" / "ceremony.json"
    entries = json.loads(record.read_text())
    entries["canaries"] = [{**entries["canaries"][0], "tenant": "99999999"}]
    record.write_text(json.dumps(entries))
    code, said = start(place)
    assert code == REFUSED
    assert "the ceremony made no keys for 10112001, 10112004" in said


def test_a_database_without_tenants_says_what_to_run(place: Environment) -> None:
    place.database.unlink()
    assert kagimori("database", "--config", place.config).returncode == 0
    code, said = start(place)
    assert code == REFUSED
    assert "run `kagimori tenants apply`" in said


def test_a_wrong_pin_is_tried_once_and_never_shown(place: Environment, shim: Shim) -> None:
    pin_file = place.directory / "hsm" / "serving.pin"
    pin_file.write_text("31415926535\n")
    edit(place, r"^module = .*", f'module = "{shim.path}"')
    code, said = start(place, **shim.environment)
    assert code == LOGIN_REFUSED
    assert "CKR_PIN_INCORRECT; the PIN was tried once" in said
    assert "31415926535" not in said
    assert shim.counts()["C_Login"] == 1


def test_a_server_without_its_certificate_tries_no_pin(place: Environment, shim: Shim) -> None:
    edit(place, r"^module = .*", f'module = "{shim.path}"')
    edit(place, r"^certificate = .*", 'certificate = "nowhere.pem"')
    code, said = start(place, **shim.environment)
    assert code == REFUSED
    assert "server.certificate" in said
    assert shim.counts()["C_Login"] == 0


def test_a_canary_that_answers_wrongly_stops_the_start(place: Environment) -> None:
    record = place.directory / "hsm" / "ceremony.json"
    entries = json.loads(record.read_text())
    entries["canaries"][0]["response"] = "00" * 32
    record.write_text(json.dumps(entries))
    code, said = start(place)
    assert code == REFUSED
    assert "does not enforce the key policy" in said


def test_an_hsm_that_enforces_nothing_is_refused(place: Environment, nss: NssHsm) -> None:
    nss.install(place)
    code, said = start(place)
    assert code == REFUSED
    assert "does not enforce the key policy" in said
    assert "DERIVE" in said


@pytest.fixture
def nss(tmp_path: Path) -> NssHsm:
    return nss_hsm(tmp_path / "nss", python_environment())


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    ensure_built()
    return Shim(tmp_path)
