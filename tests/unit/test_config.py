# SPDX-License-Identifier: Apache-2.0
"""The configuration refuses by the key's name, and never shows a PIN."""

from __future__ import annotations

from pathlib import Path

import pytest

from kagimori import config
from kagimori.config import ConfigError, DatabaseSection, PasswordSource, PinSource
from kagimori.domain.policy import AttemptLimits, Windows

ROOT = Path(__file__).resolve().parents[2]


def tenant(tmp_path: Path, line: str) -> Path:
    path = tmp_path / "tenants.toml"
    path.write_text(f'[bank]\nservice_id = "10112001"\n{line}\n')
    return path


def test_the_shipped_example_is_a_configuration() -> None:
    settings = config.load(ROOT / "config" / "development.toml")
    tenants = config.load_tenants(settings.tenants)
    assert {policy.service_id for policy in tenants.values()} == {
        "10112001",
        "10112231",
        "20160002",
        "20160003",
        "10112004",
    }


def test_what_a_tenant_leaves_out_has_the_policy_s_default(tmp_path: Path) -> None:
    (policy,) = config.load_tenants(tenant(tmp_path, "limits = { daily = 7 }")).values()
    assert policy.limits == AttemptLimits(consecutive=5, daily=7, since_unlock=100)
    assert policy.windows == Windows(time=1, look_ahead=10, max_drift=10)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("limits = { consecutive = 0 }", "bank.limits.consecutive"),
        ("limits = { consecutive = 101 }", "bank.limits.consecutive"),
        ("limits = { daily = -1 }", "bank.limits.daily"),
        ('limits = { since_unlock = "99" }', "bank.limits.since_unlock"),
        ("limits = { weekly = 3 }", "bank.limits.weekly"),
        ("windows = { time = 600 }", "bank.windows.time"),
        ("windows = { look_ahead = 5000 }", "bank.windows.look_ahead"),
        ("windows = { max_drift = -1 }", "bank.windows.max_drift"),
        ('time_zone = "Asia/Nowhere"', "time_zone"),
        ("tokens = { digits = 5 }", "bank.tokens.digits"),
        ("tokens = { digits = 9 }", "bank.tokens.digits"),
        ("tokens = { period = 0 }", "bank.tokens.period"),
        ('tokens = { hash = "MD5" }', "bank.tokens.hash"),
        ('tokens = { transaction_signing = "no" }', "bank.tokens.transaction_signing"),
        ('operations = { LOGIN = "SOMETIMES" }', "bank.operations.LOGIN"),
        ('operations = { ACTIVATION = "NEVER" }', "bank.operations.ACTIVATION"),
        ("activation = { days = 0 }", "bank.activation.days"),
        ("activation = { tries = 11 }", "bank.activation.tries"),
        ('reissue = "NEVER"', "bank.reissue"),
        ("custody = []", "bank.custody"),
        ('custody = ["ANYWHERE"]', "bank.custody.0"),
        ('custody = "SEALED_BY_APP"', "bank.custody"),
        ('subscriber_names = "ROT13"', "bank.subscriber_names"),
        ('bounds = { per_day = "1/0" }', "bank.bounds.per_day"),
        ('bounds = { per_day = "0/5" }', "bank.bounds.per_day"),
        ('bounds = { per_day = "2/1" }', "bank.bounds.per_day"),
        ('bounds = { per_day = "-1/5" }', "bank.bounds.per_day"),
        ("bounds = { per_year = 1.5 }", "bank.bounds.per_year"),
        ("bounds = { per_year = nan }", "bank.bounds.per_year"),
        ("bounds = { per_year = true }", "bank.bounds.per_year"),
        ('issuer = "two\\nlines"', "bank.issuer"),
        ("mail = {}", "bank.mail.sender"),
        ('["a bank"]\nservice_id = "10112002"', "a bank"),
        ('[twin]\nservice_id = "10112001"', "service_id"),
        ('[short]\nservice_id = "1"', "short.service_id"),
    ],
)
def test_a_rule_that_would_lock_or_open_a_bank_is_refused(
    tmp_path: Path, line: str, named: str
) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        config.load_tenants(tenant(tmp_path, line))


@pytest.mark.parametrize("content", [b"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x93", b"", b"\n"])
def test_a_pin_file_that_holds_no_pin_is_named_and_not_shown(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "serving.pin"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="serving") as refusal:
        PinSource(file=path).read("partition serving")
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_pin_comes_from_exactly_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PIN", "271828")
    assert PinSource(env="A_PIN").read("a partition").get_secret_value() == "271828"
    with pytest.raises(ValueError, match="exactly one"):
        PinSource(env="A_PIN", prompt=True)
    with pytest.raises(ValueError, match="exactly one"):
        PinSource()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kagimori@db.example/authority?sslmode=verify-full",
        "postgresql://db.example:5433/authority",
        "postgresql:///authority?host=/run/postgresql",
        "sqlite:////var/lib/kagimori/kagimori.db",
    ],
)
def test_a_database_url_is_taken_as_it_is(url: str) -> None:
    section = DatabaseSection(url=url)
    assert (section.url, section.secret()) == (url, None)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kagimori:hunter2@db.example/authority",
        "postgresql://db.example/authority?user=kagimori&password=hunter2",
        "postgresql://kagimori:hunter2@[db.example/authority",
        "mysql://kagimori:hunter2@db.example/authority",
        "postgresql://",
        "sqlite://kagimori:hunter2@x/y",
        "sqlite:///",
    ],
)
def test_a_database_url_with_a_password_or_of_another_kind_is_refused_unseen(
    tmp_path: Path, url: str
) -> None:
    path = tmp_path / "database.toml"
    path.write_text(f'url = "{url}"\n')
    with pytest.raises(ConfigError, match=r"database\.toml: file: url") as refusal:
        config.read(DatabaseSection, path)
    assert "hunter2" not in str(refusal.value)


def test_a_database_password_has_its_own_place(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    path = tmp_path / "database.toml"
    path.write_text('url = "postgresql://db/authority"\npassword = { file = "password" }\n')
    section = config.read(DatabaseSection, path)
    assert section.secret() == "hunter2"
    assert "hunter2" not in repr(section)
    secret.unlink()
    with pytest.raises(ConfigError, match="the password for the database user: No such file"):
        section.secret()


def test_an_sqlite_file_has_no_password() -> None:
    with pytest.raises(ValueError, match="no password"):
        DatabaseSection(url="sqlite:///x.db", password=PasswordSource(env="PASSWORD"))
