# SPDX-License-Identifier: Apache-2.0
"""What people type at a ceremony: components and PINs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pexpect
import pytest

from support.custody.ceremony import CBC_CHECK_VALUE, CBC_KEY, NEEDS_SOFTHSM, ONE_TENANT, digest
from support.custody.hsm import (
    HsmFiles,
    ceremony_command,
    hold_ceremony,
    python_environment,
    write_plan,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_SOFTHSM


# Their XOR is CBC_KEY; the first one's check value by openssl enc -aes-128-ecb.
COMPONENTS = ("000102030405060708090a0b0c0d0e0f", "2b7f17152cabd4a1a3fe1f8305c24133")
FIRST_CHECK_VALUE = "C6A13B"


@pytest.fixture
def typed(tmp_path: Path) -> HsmFiles:
    files = write_plan(tmp_path, ONE_TENANT)
    vendor = '\n[vendor.acme]\nuse = "transient"\nkey = { components = 2 }\n'
    files.plan.write_text(files.plan.read_text() + vendor)
    return files


def at_a_terminal(files: HsmFiles) -> pexpect.spawn[str]:
    program, *arguments = ceremony_command(files)
    return pexpect.spawn(program, arguments, env=python_environment(), encoding="utf-8", timeout=60)


def type_components(terminal: pexpect.spawn[str], *components: str) -> None:
    for number, component in enumerate(components, 1):
        terminal.expect_exact(f"vendor acme: component {number} of 2: ")
        terminal.waitnoecho()
        terminal.sendline(component)


def exit_status(terminal: pexpect.spawn[str]) -> int | None:
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def test_two_people_type_a_component_each(typed: HsmFiles) -> None:
    terminal = at_a_terminal(typed)
    terminal.logfile_read = (log := (typed.directory / "log").open("w", encoding="utf-8"))
    type_components(terminal, *COMPONENTS)
    terminal.expect_exact("[y/N]")
    terminal.sendline("y")
    assert exit_status(terminal) == 0
    log.close()
    shown = (typed.directory / "log").read_text()
    assert f"component 1 has check value {FIRST_CHECK_VALUE}" in shown
    assert f"the key has check value {CBC_CHECK_VALUE} (AES-ECB of zeros)" in shown
    assert not any(secret in shown.lower() for secret in (*COMPONENTS, CBC_KEY.hex()))
    (key,) = (key for key in typed.record["keys"] if key["vendor"] == "acme")
    assert key["check_value"] == CBC_CHECK_VALUE


@pytest.mark.parametrize(
    ("components", "reason"),
    [
        (("xyz",), "component 1: not hexadecimal"),
        (("00" * 15,), "component 1: 15 bytes"),
        ((COMPONENTS[0], "00" * 32), "component 2 is not as long as component 1"),
        ((COMPONENTS[0], COMPONENTS[0]), "component 2 was typed before"),
    ],
)
def test_a_bad_component_is_refused_before_anything_is_made(
    typed: HsmFiles, components: tuple[str, ...], reason: str
) -> None:
    before = digest(typed.directory)
    terminal = at_a_terminal(typed)
    type_components(terminal, *components)
    terminal.expect_exact(reason)
    assert exit_status(terminal) == 1
    assert digest(typed.directory) == before


def test_a_check_value_that_is_not_the_papers_ends_the_ceremony(typed: HsmFiles) -> None:
    before = digest(typed.directory)
    terminal = at_a_terminal(typed)
    type_components(terminal, *COMPONENTS)
    terminal.expect_exact("[y/N]")
    terminal.sendline("")
    terminal.expect_exact("was not confirmed")
    assert exit_status(terminal) == 1
    assert digest(typed.directory) == before


def test_components_need_a_terminal(typed: HsmFiles) -> None:
    refused = hold_ceremony(typed)
    assert refused.returncode == 1
    assert "typed at a terminal" in refused.stderr


@pytest.fixture
def prompted(tmp_path: Path) -> HsmFiles:
    files = write_plan(tmp_path, ONE_TENANT)
    files.plan.write_text(
        re.sub(r"\{ file = .*pin\" \}", "{ prompt = true }", files.plan.read_text())
    )
    return files


def test_each_new_pin_is_asked_for_twice(prompted: HsmFiles) -> None:
    terminal = at_a_terminal(prompted)
    for label in ("kagimori-serving", "kagimori-import"):
        for who in ("user", "security officer"):
            for again in ("", ", again"):
                terminal.expect_exact(f"PIN for the {who} of {label}{again}: ")
                terminal.waitnoecho()
                terminal.sendline("27182818")
    terminal.expect_exact("0 failed")
    assert exit_status(terminal) == 0
    assert not list(prompted.directory.glob("*pin"))


def test_a_slip_in_a_new_pin_ends_the_ceremony(prompted: HsmFiles) -> None:
    before = digest(prompted.directory)
    terminal = at_a_terminal(prompted)
    for again, pin in (("", "27182818"), (", again", "27182881")):
        terminal.expect_exact(f"PIN for the user of kagimori-serving{again}: ")
        terminal.waitnoecho()
        terminal.sendline(pin)
    terminal.expect_exact("the two that were typed differ")
    assert exit_status(terminal) == 1
    assert digest(prompted.directory) == before
