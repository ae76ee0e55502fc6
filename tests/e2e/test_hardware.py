# SPDX-License-Identifier: Apache-2.0
"""A bank's hardware tokens, whole and real: vendor's file, counter, customer, operator.

The real server serves on each database; beside it run the product's own commands.
Each test has tokens and customers of its own, and oathtool is what they hold.
"""

from __future__ import annotations

import csv
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import grpc
import pytest

from conftest import ABUKUMA, KENSHIN, moved
from development import environment
from development.bank import connection
from development.certificates import AUTHORITY_TENANT
from development.environment import Environment, command, kagimori
from development.server import ServerProcess
from development.vendor import Device, damage, write_pskc, write_pskc_under_password
from kagimori_client import (
    BankChannel,
    HardwareTokenDesk,
    NotInStock,
    OtpRejected,
    OtpReplayed,
    TokenCondition,
    TokenNotActive,
    TokenRegistrar,
    TokenState,
    UnknownSerial,
    UnknownToken,
)
from support.databases.postgres import Cluster
from support.served.hardware_town import Town, delivered, fresh, sent, shown, told
from support.vendors.pskc_bulk import seed_number, serial_number
from support.vendors.pskc_bulk import write_pskc as write_bulk

pytestmark = [pytest.mark.softhsm, pytest.mark.slow]

SOME_LEFT_OUT = 3


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(
    request: pytest.FixtureRequest,
    provisioned: Environment,
    tmp_path_factory: pytest.TempPathFactory,
    cluster: Cluster,
) -> Iterator[Town]:
    place = moved(provisioned, tmp_path_factory.mktemp("hardware") / "authority")
    database = f"sqlite:///{place.database}"
    if request.param == "postgresql":
        database, old = cluster.create_database(), database
        text = place.config.read_text()
        assert old in text
        place.config.write_text(text.replace(old, database))
        applied = environment.apply_tenants(place)
        assert applied.returncode == 0, applied.stderr
    with ServerProcess(place), ExitStack() as opened:
        yield Town(
            place,
            database,
            opened.enter_context(connection(HardwareTokenDesk, place, ABUKUMA, "operator")),
            opened.enter_context(connection(TokenRegistrar, place, ABUKUMA, "registrar")),
            opened.enter_context(connection(BankChannel, place, ABUKUMA, "channel")),
        )


def test_a_token_goes_over_the_counter_from_one_customer_to_the_next(town: Town) -> None:
    device = town.deliver(fresh("OVER"))
    taro = town.hand_out(device)
    with pytest.raises(TokenNotActive):
        town.core.verify(shown(device, 0), serial=device.serial)
    town.page.activate(taro, shown(device, 1))
    town.log_in(device, shown(device, 2))
    back = town.counter.take_back(device.serial, TokenCondition.WORKING)
    assert back.state is TokenState.RETURNED
    with pytest.raises(UnknownToken):
        town.core.verify(shown(device, 3), serial=device.serial)
    hanako = town.hand_out(device)
    with pytest.raises(OtpReplayed):
        town.page.activate(hanako, shown(device, 2))
    with pytest.raises(OtpRejected):
        town.page.activate(hanako, shown(device, 1))
    town.page.activate(hanako, shown(device, 3))
    with pytest.raises(UnknownToken):
        town.core.verify(shown(device, 4), subscriber_ref=taro)
    assert town.core.verify(shown(device, 4), subscriber_ref=hanako).number
    assert town.counter.status(device.serial).state is TokenState.ACTIVE


def test_a_broken_token_is_nobodys_and_never_given_out(town: Town) -> None:
    device = town.in_use(fresh("BROKEN"))
    back = town.counter.take_back(device.serial, TokenCondition.DEFECTIVE)
    assert back.state is TokenState.DEFECTIVE
    with pytest.raises(UnknownToken):
        town.core.verify(shown(device, 1), serial=device.serial)
    with pytest.raises(NotInStock):
        town.hand_out(device)


def test_another_banks_counter_knows_no_such_token(town: Town) -> None:
    device = town.deliver(fresh("ABUKUMA"))
    with (
        connection(HardwareTokenDesk, town.place, KENSHIN, "operator") as kenshin,
        pytest.raises(UnknownSerial),
    ):
        kenshin.assign("customer", device.serial)
    assert town.counter.status(device.serial).state is TokenState.IN_STOCK


def test_a_token_pressed_in_the_pocket_is_found_by_two_codes_which_let_nobody_in(
    town: Town,
) -> None:
    device = town.in_use(fresh("POCKET"))
    login = partial(town.core.verify, serial=device.serial)
    with pytest.raises(OtpRejected):
        login(shown(device, 30))
    pair = shown(device, 30), shown(device, 31)
    with pytest.raises(TypeError):
        bool(town.core.resynchronize(*pair, serial=device.serial))
    with pytest.raises(OtpReplayed):
        login(pair[1])
    with pytest.raises(OtpRejected):
        town.core.resynchronize(*pair, serial=device.serial)
    town.log_in(device, shown(device, 32))
    with pytest.raises(OtpRejected):
        town.counter.resynchronize(shown(device, 32), shown(device, 33), serial=device.serial)
    town.log_in(device, shown(device, 33))


def test_an_administrator_brings_tokens_in_beside_the_banks(town: Town) -> None:
    fleet = [fresh("ADMIN") for _ in range(5)]
    tokens = [delivered(town.place, device) for device in fleet]
    tokens[3].ciphertext = bytes([tokens[3].ciphertext[0] ^ 1]) + tokens[3].ciphertext[1:]
    batches = [tokens[:2], tokens[2:]]
    results = sent(town.place, batches)
    assert [told(result) for result in results] == [
        (fleet[0].serial, "IMPORTED", "UNWRAPPED_IN_HSM"),
        (fleet[1].serial, "IMPORTED", "UNWRAPPED_IN_HSM"),
        (fleet[2].serial, "IMPORTED", "UNWRAPPED_IN_HSM"),
        (fleet[3].serial, "REFUSED", ""),
        (fleet[4].serial, "IMPORTED", "UNWRAPPED_IN_HSM"),
    ]
    assert results[3].reason == "UNWRAP_FAILED"
    before = town.stock("ADMIN")
    assert [told(result)[:2] for result in sent(town.place, batches)] == [
        told(result)[:2] for result in results
    ]
    assert town.stock("ADMIN") == before
    town.page.activate(town.hand_out(fleet[4]), shown(fleet[4]))
    town.log_in(fleet[4], shown(fleet[4], 1))


@pytest.mark.parametrize(
    ("tenant", "role"),
    [(AUTHORITY_TENANT, "operator"), (AUTHORITY_TENANT, "auditor"), (ABUKUMA, "operator")],
)
def test_nobody_but_an_hsm_administrator_brings_tokens_in(
    town: Town, tenant: str, role: str
) -> None:
    device = fresh("FOREIGN")
    with pytest.raises(grpc.RpcError) as refusal:
        sent(town.place, [[delivered(town.place, device)]], tenant, role)
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert town.stock("FOREIGN") == []


def test_a_vendors_file_comes_in_but_for_its_bad_token(town: Town, tmp_path: Path) -> None:
    fleet = [fresh("MIXED") for _ in range(4)]
    file, report = tmp_path / "delivery.xml", tmp_path / "report.csv"
    write_pskc(file, fleet, town.place.transport_key("kagi-cbc"), "aes128-cbc")
    damage(file, fleet[2].serial)
    words = ("import-tokens", file, "--vendor", "kagi-cbc", "--allow-host-transient")
    dry = town.run(*words, "--dry-run")
    assert dry.returncode == SOME_LEFT_OUT, dry.stderr
    assert dry.stdout.splitlines()[-1] == "import: 3 importable, 0 duplicates, 1 refused"
    assert town.stock("MIXED") == []
    done = town.run(*words, "--report", report)
    assert done.returncode == SOME_LEFT_OUT, done.stderr
    assert reported(report) == [
        (fleet[0].serial, "IMPORTED", ""),
        (fleet[1].serial, "IMPORTED", ""),
        (fleet[2].serial, "REFUSED", "MAC_MISMATCH"),
        (fleet[3].serial, "IMPORTED", ""),
    ]
    before = town.stock("MIXED")
    assert len(before) == len(fleet) - 1
    assert town.run(*words).returncode == SOME_LEFT_OUT
    assert town.stock("MIXED") == before
    town.page.activate(town.hand_out(fleet[3]), shown(fleet[3]))


def test_a_file_under_a_password_comes_in_by_the_right_one_alone(
    town: Town, tmp_path: Path
) -> None:
    device, file, secret = fresh("SECRET"), tmp_path / "delivery.xml", tmp_path / "password"
    write_pskc_under_password(file, [device], "Kirschblüte 7")
    words = ("import-tokens", file, "--vendor", "kagi-cbc", "--allow-host-transient")
    secret.write_text("Kirschblüte 8\n", encoding="utf-8")
    refused = town.run(*words, "--password-file", secret)
    assert refused.returncode == 1
    assert "WRONG_KEY" in refused.stderr
    assert "Kirschbl" not in refused.stdout + refused.stderr
    secret.write_text("Kirschblüte 7\n", encoding="utf-8")
    done = town.run(*words, "--password-file", secret)
    assert done.returncode == 0, done.stderr
    town.page.activate(town.hand_out(device), shown(device))


def test_a_rewrapped_file_opens_inside_the_hsm(town: Town, tmp_path: Path) -> None:
    device, source, target = fresh("REWRAP"), tmp_path / "cbc.xml", tmp_path / "kw.xml"
    write_pskc(source, [device], town.place.transport_key("kagi-cbc"), "aes128-cbc")
    rewrapped = kagimori(
        *("rewrap-pskc", source, target, "--vendor", "kagi-onetime"),
        *("--to", town.place.public_half("kagi-onetime", "onetime")),
        *("--key-file", town.place.directory / "vendors" / "kagi-cbc.hex"),
    )
    assert rewrapped.returncode == 0, rewrapped.stderr
    done = town.run("import-tokens", target, "--vendor", "kagi-onetime")
    assert done.returncode == 0, done.stderr
    assert "UNWRAPPED_IN_HSM" in done.stdout
    town.page.activate(town.hand_out(device), shown(device))


def test_an_import_that_was_killed_beside_the_server_is_resumed(town: Town, tmp_path: Path) -> None:
    count, file = 2000, tmp_path / "delivery.xml"
    key = town.place.transport_key("kagi-keywrap")
    write_bulk(file, count, algorithm="kw-aes256", vendor_key=key, mac=True)
    words = ("import-tokens", file, "--vendor", "kagi-keywrap")
    line = command(*words, "--config", town.place.config, "--tenant", "abukuma")
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while not town.stock("KAGI") and running.poll() is None:
            time.sleep(0.01)
        running.kill()
    assert 0 < len(town.stock("KAGI")) < count
    done = town.run(*words)
    assert done.returncode == 0, done.stderr
    assert "by an earlier run" in done.stdout
    assert len(town.stock("KAGI")) == count
    last = Device(serial_number(count - 1), seed_number(count - 1), period=0)
    town.page.activate(town.hand_out(last), shown(last))


def test_the_operator_plans_exchanges_and_puts_a_token_away_for_good(town: Town) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ending = replace(fresh("PLAN"), expires=now + timedelta(days=30))
    old = replace(fresh("PLAN"), made=now - timedelta(days=6 * 365))
    fast = replace(fresh("PLAN", period=30), drift=9)
    good = town.in_use(fresh("PLAN"))
    for device in (ending, old, fast):
        town.deliver(device)
    due = printed(town.run("tokens", "due", "--within", "90d", "--csv"))
    assert {row["serial"]: row["why"] for row in due if row["serial"].startswith("PLAN")} == {
        ending.serial: "validity",
        old.serial: "battery",
    }
    drifting = printed(town.run("tokens", "drifting", "--csv"))
    assert [row["drift"] for row in drifting if row["serial"] == fast.serial] == ["9"]
    town.page.activate(town.hand_out(fast), shown(fast))
    town.log_in(good, shown(good, 1))
    gone = town.run("tokens", "defective", good.serial, "--yes")
    assert gone.returncode == 0, gone.stderr
    with pytest.raises(UnknownToken):
        town.core.verify(shown(good, 2), serial=good.serial)
    listed = printed(town.run("tokens", "list", "--state", "DEFECTIVE", "--csv"))
    assert good.serial in [row["serial"] for row in listed]


def reported(report: Path) -> list[tuple[str, str, str]]:
    with report.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [(row["serial"], row["result"], row["reason"]) for row in rows]


def printed(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    """Return the lines of a command that prints comma-separated values."""
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))
