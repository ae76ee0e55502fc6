# SPDX-License-Identifier: Apache-2.0
"""``kagimori tokens``: what it prints, asks, does and refuses, over a database that is in use."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest
from typer.testing import CliRunner, Result

from contracts.inventory.stock_contract import DELIVERY, DEVICE
from development.environment import ROOT, command
from kagimori.adapters.sql.inventory.stock import SqlStock
from kagimori.adapters.sql.tenants import SqlTenants
from kagimori.application.administration.tenants import TenantChange
from kagimori.application.deliveries.ports import NewToken
from kagimori.cli import app
from kagimori.config import read_tenants
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import DESTROYED, State
from kagimori.domain.token import Hash, MovingFactor, Profile
from support.databases.database import TestDatabase
from support.tokens import TENANT, identity, token
from support.waiting import waited

TIME = Profile(MovingFactor.TIME, Hash.SHA256, digits=8, period=60)
HOLDER = "the-customer-4711"
_ACTIONS = {"retire": "RETIRE", "defective": "CONDEMN"}
ALWAYS = Validity()
AWAY = datetime(2099, 1, 1, tzinfo=UTC)

TENANTS_FILE = f"""
[abukuma]
service_id = "{TENANT}"
time_zone = "Asia/Tokyo"
windows = {{ max_drift = 10 }}

[kakeshin]
service_id = "20160002"
"""


class Desk:
    """A configuration over an SQLite file, and the command run on it in this process."""

    def __init__(self, directory: Path) -> None:
        self.database = TestDatabase(directory)
        tenants = directory / "tenants.toml"
        tenants.write_text(TENANTS_FILE)
        shipped = (ROOT / "config" / "development.toml").read_text()
        self.config = directory / "kagimori.toml"
        self.config.write_text(
            shipped.replace("sqlite:///../build/development/kagimori.db", self.database.url)
        )
        changes = [
            TenantChange(section.service_id, name, section.text(), True, False)  # noqa: FBT003
            for name, section in read_tenants(tenants).items()
        ]
        with closing(self.database.open()) as opened:
            waited(SqlTenants(opened).apply(changes, {}, "test"))

    def run(self, *arguments: str, tenant: str = "abukuma") -> Result:
        options = ["--config", str(self.config), "--tenant", tenant]
        return CliRunner().invoke(app, ["tokens", *arguments, *options])

    def printed(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    def table(self, *arguments: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.printed(*arguments, "--csv"))))

    def terminal(self, *arguments: str) -> pexpect.spawn[str]:
        options = ["--config", str(self.config), "--tenant", "abukuma"]
        program, *rest = command("tokens", *arguments, *options)
        return pexpect.spawn(program, rest, encoding="utf-8", timeout=60, dimensions=(50, 100))

    def add(self, *news: NewToken) -> str:
        # The command looks at the file by another library: nobody else has it open then.
        with closing(self.database.open()) as opened:
            stock = SqlStock(opened)
            delivery_id = waited(stock.begin(DELIVERY))
            waited(stock.add(delivery_id, news, "os-user:keeper"))
        return delivery_id

    def state(self, serial: str) -> str:
        rows = self.database.run("SELECT serial, state FROM tokens")
        return str({row["serial"]: row["state"] for row in rows}[serial])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


def one(  # noqa: PLR0913 - all that a test may say of a token
    serial: str,
    *,
    state: State = State.IN_STOCK,
    holder: str | None = None,
    profile: Profile = TIME,
    validity: Validity = ALWAYS,
    device: Device = DEVICE,
    **changes: Any,  # noqa: ANN401 - any field of the token
) -> NewToken:
    row = identity(profile, token_id=f"id-{serial}", serial=serial, subscriber=holder)
    if state in DESTROYED:
        row = replace(row, seed=replace(row.seed, blob=b""))
    return NewToken(replace(token(row, state=state), **changes), validity, device)


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


class TestList:
    def test_a_table_of_a_hundred_columns_and_the_count(self, desk: Desk) -> None:
        desk.add(
            one("B0716016FK20", holder=HOLDER, state=State.LOCKED, drift=-3),
            one("A0716016FK20", validity=Validity(None, AWAY)),
        )
        printed = desk.printed("list")
        heading, rule, first, second, said = printed.splitlines()
        assert heading.split()[:4] == ["serial", "state", "customer", "codes"]
        assert set(rule) == {"─", " "}
        assert first.split() == [
            "A0716016FK20", "IN_STOCK", "8/60s", "SHA256", "UNWRAPPED_IN_HSM", "2099-01-01",
        ]  # fmt: skip
        assert second.split() == [
            "B0716016FK20", "LOCKED", "yes", "8/60s", "SHA256", "UNWRAPPED_IN_HSM", "-3",
        ]  # fmt: skip
        assert said == "tokens: 2"
        assert max(map(len, printed.splitlines())) <= 100

    def test_csv_has_every_column_and_no_customer(self, desk: Desk) -> None:
        delivery_id = desk.add(one("A", holder=HOLDER, state=State.ACTIVE, drift=2, last_step=7))
        (row,) = desk.table("list")
        assert (row["serial"], row["state"], row["customer"]) == ("A", "ACTIVE", "yes")
        assert (row["digits"], row["period"], row["hash"]) == ("8", "60", "SHA256")
        assert (row["last_step"], row["drift"], row["delivery"]) == ("7", "2", delivery_id)
        assert row["manufacturer"] == DEVICE.manufacturer
        assert row["battery_since"] == "2025-02-28"
        assert HOLDER not in desk.printed("list", "--csv")

    def test_options_narrow_it(self, desk: Desk) -> None:
        delivery_id = desk.add(
            one("A1"),
            one("A2", state=State.RETURNED),
            one("B1", validity=Validity(None, datetime(2020, 1, 1, tzinfo=UTC))),
        )

        def found(*options: str) -> list[str]:
            return [row["serial"] for row in desk.table("list", *options)]

        assert found("--state", "IN_STOCK") == ["A1"]
        assert found("--state", "RETURNED", "--state", "EXPIRED") == ["A2", "B1"]
        assert found("--serial", "A") == ["A1", "A2"]
        assert found("--custody", "HOST_TRANSIENT") == []
        assert found("--delivery", delivery_id) == ["A1", "A2", "B1"]
        assert found("--delivery", "0" * 32) == []
        assert found("--limit", "2") == ["A1", "A2"]

    def test_a_limit_that_is_reached_is_told(self, desk: Desk) -> None:
        desk.add(one("A"), one("B"))
        assert desk.printed("list", "--limit", "1").endswith("may be more than 1\n")
        assert desk.printed("list", "--limit", "3").endswith("tokens: 2\n")

    def test_what_a_terminal_would_obey_is_spelled_out(self, desk: Desk) -> None:
        desk.add(one("A", device=Device("\x1b[2Jevil\r", "", date(2020, 1, 1))))
        assert "\x1b" not in desk.printed("show", "A")
        assert "\\x1b[2Jevil" in desk.printed("show", "A")
        assert "\\x1b[2Jevil" in desk.printed("due", "--within", "1")

    @pytest.mark.parametrize(
        "options",
        [("--state", "ASLEEP"), ("--custody", "NOBODY"), ("--limit", "0")],
        ids=lambda options: options[0],
    )
    def test_a_word_that_means_nothing_is_refused(self, desk: Desk, options: Sequence[str]) -> None:
        done = desk.run("list", *options)
        assert done.exit_code == 2
        assert options[0] in done.stderr


class TestShow:
    def test_all_but_secrets_and_the_customer_s_number(self, desk: Desk) -> None:
        step = 30_000_000
        seen = one(
            "A0716016FK20", holder=HOLDER, state=State.ACTIVE, last_step=step, drift=-2,
            validity=Validity(datetime(2026, 1, 1, tzinfo=UTC), AWAY),
        )  # fmt: skip
        delivery_id = desk.add(seen)
        printed = desk.printed("show", "A0716016FK20")
        said = dict(
            line.strip().split("  ", 1) for line in printed.split("\naudit")[0].splitlines()
        )
        said = {name.strip(): what.strip() for name, what in said.items()}
        assert said["serial"] == "A0716016FK20"
        assert (said["state"], said["customer"]) == ("ACTIVE", "yes")
        assert said["codes"] == "TIME, 8/60s SHA256"
        assert (said["custody"], said["key version"]) == ("UNWRAPPED_IN_HSM", "1")
        shown = datetime.fromtimestamp(step * 60, UTC) + timedelta(hours=9)
        assert said["last code"] == f"{shown:%Y-%m-%d %H:%M} (step {step})"
        assert said["drift"] == "-2 steps; followed up to 10"
        assert said["attempts left"] == "5"
        assert (said["valid from"], said["valid until"]) == ("2026-01-01 09:00", "2099-01-01 09:00")
        assert said["device"] == "Acme, K.K. (東京) OTP-100 'x'"
        assert said["battery since"] == "2025-02-28"
        assert said["delivery"] == delivery_id
        assert said["file"] == f"SHA-256 {DELIVERY.digest.hex()}"
        assert (said["vendor"], said["brought by"]) == ("acme", "os-user:keeper")
        assert said["finished"] == "not yet"
        assert lines(printed)[-1][2:] == ["os-user:keeper", "IMPORT"]
        for secret in (HOLDER, "sealed", b"sealed".hex(), b"mac".hex()):
            assert secret not in printed

    def test_a_counter_and_an_expired_token(self, desk: Desk) -> None:
        event = Profile(MovingFactor.EVENT, Hash.SHA1, 6, 0)
        over = Validity(None, datetime(2020, 1, 1, tzinfo=UTC))
        desk.add(one("A", profile=event, last_step=41, validity=over), one("B", profile=event))
        printed = lines(desk.printed("show", "A"))
        assert ["state", "EXPIRED", "(was", "IN_STOCK)"] in printed
        assert ["last", "code", "counter", "41", "(step", "41)"] in printed
        assert not [line for line in printed if line[:1] == ["drift"]]
        assert ["last", "code", "never"] in lines(desk.printed("show", "B"))

    def test_attempts_are_those_that_are_left(self, desk: Desk) -> None:
        desk.add(one("A", holder=HOLDER, state=State.LOCKED))
        desk.database.run("UPDATE tokens SET failures = 4, unlock_failures = 4")
        assert ["attempts", "left", "1"] in lines(desk.printed("show", "A"))

    def test_a_row_that_somebody_wrote_to_is_shown_all_the_same(self, desk: Desk) -> None:
        desk.add(one("A"))
        desk.database.run("UPDATE tokens SET last_step = 9000000000000000000")
        assert "step 9000000000000000000" in desk.printed("show", "A")


class TestChanges:
    def test_unlock(self, desk: Desk) -> None:
        desk.add(one("A", holder=HOLDER, state=State.LOCKED))
        assert desk.printed("unlock", "A") == "tokens: A was LOCKED and is ACTIVE\n"
        assert desk.state("A") == "ACTIVE"
        done = desk.run("unlock", "A")
        assert done.exit_code == 1
        assert done.stderr == "kagimori: the token A is ACTIVE: it is not locked\n"

    @pytest.mark.parametrize(
        ("word", "becomes"), [("retire", "RETIRED"), ("defective", "DEFECTIVE")]
    )
    def test_put_away(self, desk: Desk, word: str, becomes: str) -> None:
        desk.add(one("A", holder=HOLDER, state=State.ACTIVE))
        assert desk.printed(word, "A", "--yes") == f"tokens: A was ACTIVE and is {becomes}\n"
        (row,) = desk.database.run("SELECT state, subscriber, blob, row_mac FROM tokens")
        assert list(row.values()) == [becomes, None, b"", b""]
        audited = desk.database.run("SELECT actor, action FROM audit ORDER BY id")
        (actor,) = [line["actor"] for line in audited if line["action"] == _ACTIONS[word]]
        assert actor.startswith("os-user:")
        done = desk.run(word, "A", "--yes")
        assert done.exit_code == 1
        assert "its seed is destroyed" in done.stderr

    @pytest.mark.parametrize("word", ["retire", "defective"])
    def test_with_nobody_to_be_asked_nothing_is_changed(self, desk: Desk, word: str) -> None:
        desk.add(one("A"))
        done = desk.run(word, "A")
        assert done.exit_code == 1
        assert "--yes" in done.stderr
        assert desk.state("A") == "IN_STOCK"

    @pytest.mark.parametrize(("answer", "state"), [("y", "RETIRED"), ("n", "IN_STOCK")])
    def test_at_a_terminal_it_says_what_is_lost_and_asks(
        self, desk: Desk, answer: str, state: str
    ) -> None:
        desk.add(one("A"))
        terminal = desk.terminal("retire", "A")
        terminal.expect_exact("A is IN_STOCK; no customer has it.")
        terminal.expect_exact("Its seed will be destroyed, and cannot come back.")
        terminal.expect_exact("Retire A? [y/N]: ")
        terminal.sendline(answer)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == (0 if answer == "y" else 1)
        assert desk.state("A") == state

    @pytest.mark.parametrize("word", ["show", "unlock", "retire", "defective"])
    def test_an_unknown_serial_is_told(self, desk: Desk, word: str) -> None:
        done = desk.run(word, "NOBODY", *(["--yes"] if word in {"retire", "defective"} else []))
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "kagimori: the tenant has no token NOBODY\n"

    @pytest.mark.parametrize(
        "words", [("list",), ("show", "A"), ("due", "--within", "9"), ("drifting",)], ids=str
    )
    def test_an_unknown_tenant_is_told(self, desk: Desk, words: Sequence[str]) -> None:
        done = desk.run(*words, tenant="nobody")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "kagimori: no tenant nobody: there are abukuma, kakeshin\n"

    def test_another_tenant_s_tokens_are_not_seen(self, desk: Desk) -> None:
        desk.add(one("A"))
        assert desk.run("list", tenant="kakeshin").stdout.endswith("tokens: 0\n")
        assert desk.run("show", "A", tenant="20160002").exit_code == 1
        assert desk.run("show", "A", tenant=TENANT).exit_code == 0


class TestReports:
    def test_due_lists_and_sums_up_by_month(self, desk: Desk) -> None:
        old = Device("Acme", "OTP-100", date(2010, 3, 1))
        desk.add(
            one("A", device=old),
            one("B", device=old, holder=HOLDER, state=State.ACTIVE),
            one("C", device=Device("Acme", "OTP-100", date(2098, 1, 1))),
        )
        printed = lines(desk.printed("due", "--within", "90d"))
        listed = [line for line in printed if line[:2] == ["2015-03-01", "battery"]]
        assert [line[2] for line in listed] == ["B", "A"]
        assert listed[0][2:] == ["B", "ACTIVE", "yes", "Acme", "OTP-100"]
        assert ["overdue", "1", "1"] in printed
        assert printed[-1] == ["tokens:", "2", "to", "exchange"]
        assert max(map(len, desk.printed("due", "--within", "90d").splitlines())) <= 100

    def test_due_as_csv(self, desk: Desk) -> None:
        desk.add(one("A", device=Device("Acme", "X", date(2010, 3, 1))))
        (row,) = desk.table("due", "--within", "1d", "--battery-years", "7")
        assert (row["due"], row["why"], row["serial"]) == ("2017-03-01", "battery", "A")

    def test_nothing_is_due(self, desk: Desk) -> None:
        assert desk.printed("due", "--within", "90d").endswith("tokens: 0 to exchange\n")

    @pytest.mark.parametrize("within", ["", "-1", "90x", "3 months", "999999d"])
    def test_a_time_that_is_none_is_refused(self, desk: Desk, within: str) -> None:
        done = desk.run("due", f"--within={within}")
        assert done.exit_code == 2
        assert "--within" in done.stderr

    def test_drifting_lists_the_worst_first(self, desk: Desk) -> None:
        desk.add(one("A", drift=8), one("B", drift=-15), one("C", drift=7), one("D", drift=-10))
        printed = lines(desk.printed("drifting"))
        named = [line for line in printed if line[0] in set("ABCD")]
        assert [(line[0], *line[4:6]) for line in named] == [
            ("B", "-15", "-5"),
            ("D", "-10", "0"),
            ("A", "+8", "2"),
        ]
        assert printed[-1] == ["tokens:", "3", "near", "the", "edge", "of", "10", "steps"]
        assert [row["serial"] for row in desk.table("drifting", "--edge", "0")] == ["B", "D"]
        assert max(map(len, desk.printed("drifting").splitlines())) <= 100
