# SPDX-License-Identifier: Apache-2.0
"""``kagimori tenants``: shown, asked, applied, refused; and followed by a server that serves."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pexpect
import pytest

from conftest import ABUKUMA, KENSHIN, Enrol, channel_of
from development import oathtool
from development.environment import Environment, apply_tenants, command, kagimori
from development.server import ServerProcess
from development.vendor import Device, make_device
from kagimori_client import BankChannel, KagimoriError, OtpRejected, TokenLocked, UnknownToken
from support.custody.hsm import python_environment
from support.processes.calls import eventually

pytestmark = pytest.mark.softhsm

UNBOUNDED = 'bounds = { per_day = "1/5", per_year = "1/5" }'


@pytest.fixture
def tenants_file(place: Environment) -> Path:
    """Give the authority a tenants' file of its own; it is in force already."""
    shipped = Path(re.findall(r'(?m)^tenants = "(.*)"', place.config.read_text())[0])
    mine = place.directory / "tenants.toml"
    mine.write_text(shipped.read_text())
    place.config.write_text(place.config.read_text().replace(str(shipped), str(mine)))
    return mine


@pytest.fixture
def empty(place: Environment) -> Environment:
    """Forget all that was applied."""
    place.database.unlink()
    assert kagimori("database", "--config", place.config).returncode == 0
    return place


def change(file: Path, tenant: str, old: str, new: str) -> None:
    """Change a line of one tenant's table."""
    head, table = file.read_text().split(f"[{tenant}]\n", 1)
    assert old in table
    file.write_text(f"{head}[{tenant}]\n{table.replace(old, new, 1)}")


def lower_the_limit(file: Path) -> None:
    change(file, "abukuma", "consecutive = 5", "consecutive = 2")


def at_a_terminal(place: Environment) -> pexpect.spawn[str]:
    program, *arguments = command("tenants", "apply", "--config", place.config)
    return pexpect.spawn(
        program,
        arguments,
        env=python_environment(),
        encoding="utf-8",
        timeout=60,
        dimensions=(200, 200),
    )


def exit_status(terminal: pexpect.spawn[str]) -> int | None:
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def in_force(place: Environment) -> list[tuple[str, int]]:
    with sqlite3.connect(place.database) as database:
        return database.execute("SELECT name, generation FROM tenants ORDER BY name").fetchall()


def wrong_code(device: Device) -> str:
    """Return a code that the event-based device does not show soon."""
    shown = {oathtool.event_code(device, counter) for counter in range(12)}
    return next(code for code in ("000000", "111111", "222222") if code not in shown)


def test_a_lock_limit_changes_while_the_server_serves(
    place: Environment, enrol: Enrol, tenants_file: Path
) -> None:
    device = make_device("TENANT1", period=0)
    enrol(device)
    code = wrong_code(device)
    with ServerProcess(place) as server, channel_of(place, ABUKUMA) as bank:
        with pytest.raises(OtpRejected) as first:
            bank.verify(code, serial=device.serial)
        assert first.value.attempts_left == 4
        lower_the_limit(tenants_file)
        applied = apply_tenants(place)
        assert applied.returncode == 0, applied.stderr
        eventually(lambda: changes(server) == [(ABUKUMA, 2)])
        with pytest.raises(TokenLocked):
            bank.verify(code, serial=device.serial)


def changes(server: ServerProcess) -> list[tuple[str, int]]:
    """Return whose rules the server has seen change, and to which generation."""
    lines = [line for line in server.logged() if line["event"] == "tenant's rules changed"]
    return [(line["tenant"], line["generation"]) for line in lines]


def test_a_tenant_that_is_applied_later_is_served_without_a_restart(
    empty: Environment, tenants_file: Path
) -> None:
    whole = tenants_file.read_text()
    tenants_file.write_text(f'[abukuma]\nservice_id = "{ABUKUMA}"\n')
    assert apply_tenants(empty).returncode == 0
    with ServerProcess(empty) as server, channel_of(empty, KENSHIN) as bank:
        assert not is_known(bank)
        tenants_file.write_text(whole)
        assert apply_tenants(empty).returncode == 0
        eventually(lambda: is_known(bank))
        # The log is written a moment after what it tells of.
        eventually(lambda: sorted(number for _, number in changes(server)) == [1, 1, 1, 1, 2])


def is_known(bank: BankChannel) -> bool:
    """Return whether the server knows the bank, which has no tokens yet."""
    try:
        bank.verify("000000", serial="NOBODY")
    except UnknownToken:
        return True
    except KagimoriError:
        return False
    raise AssertionError("a code of nobody's was accepted")


def test_at_a_terminal_the_changes_are_shown_and_asked_for(
    place: Environment, tenants_file: Path
) -> None:
    lower_the_limit(tenants_file)
    terminal = at_a_terminal(place)
    terminal.expect_exact("= kenshin (10112001): unchanged")
    terminal.expect_exact("1 in 1,666,666 a day")
    terminal.expect_exact("~ abukuma (20160003): changed")
    terminal.expect_exact("limits.consecutive: 5 -> 2")
    terminal.expect_exact("10 open codes x 20 guesses a day / 10^6 = 1 in 5,000 a day")
    terminal.expect_exact("tenants: 0 added, 1 changed, 4 unchanged, 0 left")
    terminal.expect_exact("Apply? [y/N]: ")
    terminal.sendline("y")
    terminal.expect_exact("tenants: applied 1")
    assert exit_status(terminal) == 0
    assert ("abukuma", 2) in in_force(place)


@pytest.mark.parametrize("answer", ["n", "", "\x03", "\x04"], ids=ascii)
def test_without_a_yes_nothing_is_changed(
    place: Environment, tenants_file: Path, answer: str
) -> None:
    lower_the_limit(tenants_file)
    terminal = at_a_terminal(place)
    terminal.expect_exact("Apply? [y/N]: ")
    terminal.send(answer if answer and answer < " " else f"{answer}\n")
    assert exit_status(terminal) == 1
    assert ("abukuma", 1) in in_force(place)


def test_without_a_terminal_and_without_yes_nothing_is_changed(
    place: Environment, tenants_file: Path
) -> None:
    lower_the_limit(tenants_file)
    done = kagimori("tenants", "apply", "--config", place.config, stdin=-3)
    assert done.returncode == 1
    assert "--yes applies without" in done.stderr
    assert ("abukuma", 1) in in_force(place)


def test_nothing_to_do_is_no_refusal(place: Environment) -> None:
    done = kagimori("tenants", "apply", "--config", place.config, stdin=-3)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("tenants: nothing to do\n")
    assert {generation for _, generation in in_force(place)} == {1}


def test_a_letter_s_change_is_shown_line_by_line(place: Environment, tenants_file: Path) -> None:
    change(
        tenants_file, "kumamoto", "お申込みのありました", "お待たせしました。\nお申込みのありました"
    )
    done = apply_tenants(place)
    assert "    mail.body:\n" in done.stdout
    assert "      +お待たせしました。\n" in done.stdout
    assert "\n      -" not in done.stdout


def test_a_file_of_its_own_adds_a_tenant_and_leaves_the_others(
    empty: Environment, tenants_file: Path
) -> None:
    assert apply_tenants(empty).returncode == 0
    other = empty.directory / "other.toml"
    kenshin = tenants_file.read_text().split("[kenshin]", 1)[1].split("[kumamoto]")[0]
    other.write_text("[kenshin]" + kenshin.replace("digits = 8", "digits = 7"))
    done = kagimori("tenants", "apply", other, "--config", empty.config, "--yes")
    assert done.returncode == 0, done.stderr
    assert "tokens.digits: 8 -> 7" in done.stdout
    assert "? abukuma (20160003): not in the file: stays as it is" in done.stdout
    assert "0 added, 1 changed, 0 unchanged, 4 left" in done.stdout
    assert in_force(empty) == [
        ("abukuma", 1),
        ("kakeshin", 1),
        ("kenshin", 2),
        ("kitashin", 1),
        ("kumamoto", 1),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("daily = 20", "daily = 21", "10 open codes x 21 guesses a day / 10^6 = 1 in 4,761 a day"),
        ('service_id = "20160003"', 'service_id = "20160009"', "no keys for abukuma (20160009)"),
        ("time = 1,", "time = 99,", "abukuma.windows.time"),
    ],
)
def test_what_must_not_be_is_refused_and_nothing_changed(
    place: Environment, tenants_file: Path, old: str, new: str, said: str
) -> None:
    change(tenants_file, "abukuma", old, new)
    done = apply_tenants(place)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert {generation for _, generation in in_force(place)} == {1}


def test_a_careless_policy_may_be_had_by_who_says_so(
    place: Environment, tenants_file: Path
) -> None:
    change(tenants_file, "abukuma", "time = 1,", "time = 10,")
    change(tenants_file, "abukuma", "windows =", f"{UNBOUNDED}\nwindows =")
    done = apply_tenants(place)
    assert done.returncode == 0, done.stderr
    assert "bounds.per_day: 1/5000 -> 1/5" in done.stdout


def test_customers_names_stay_as_they_were_kept(
    place: Environment, enrol: Enrol, tenants_file: Path
) -> None:
    enrol(make_device("TENANT2"))
    change(tenants_file, "abukuma", "custody =", 'subscriber_names = "HMAC"\ncustody =')
    done = apply_tenants(place)
    assert done.returncode == 1
    assert "abukuma: subscriber_names cannot change any more" in done.stderr
    assert ("abukuma", 1) in in_force(place)


def test_show_prints_the_tenants_in_force(place: Environment) -> None:
    done = kagimori("tenants", "show", "--config", place.config)
    assert done.returncode == 0, done.stderr
    for shown in (ABUKUMA, KENSHIN, "abukuma", "kenshin"):
        assert shown in done.stdout


@pytest.mark.parametrize("word", ["apply", "show"])
def test_a_database_that_was_not_made_says_what_to_run(place: Environment, word: str) -> None:
    place.database.unlink()
    done = kagimori("tenants", word, "--config", place.config)
    assert done.returncode == 1
    assert "run `kagimori database`" in done.stderr
