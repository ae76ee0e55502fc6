# SPDX-License-Identifier: Apache-2.0
"""Keys, components and passwords that are typed at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pexpect

from support.vendors.rewrapping import (
    AES128,
    DES3,
    PASSWORD,
    SEEDS,
    Place,
    delivered,
    delivered_under_password,
    independently_opened,
    nothing_was_written,
)

if TYPE_CHECKING:
    from pathlib import Path


def at_a_terminal(at: Place, source: Path, *options: str) -> pexpect.spawn[str]:
    program, *arguments = at.command(source, *options)
    return pexpect.spawn(program, arguments, encoding="utf-8", timeout=30, dimensions=(50, 200))


def test_a_key_is_typed_unseen_and_confirmed_by_its_check_value(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "tripledes-cbc", DES3)
    terminal = at_a_terminal(at, source)
    terminal.expect_exact("vendor acme: the key: ")
    terminal.waitnoecho()
    terminal.sendline(DES3.hex())
    terminal.expect_exact("the key has check value 4EBA73 (3DES-ECB of zeros)")
    terminal.expect_exact("[y/N]")
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert DES3.hex() not in str(terminal.before)
    assert independently_opened(at.target, at.private) == SEEDS


def test_two_people_type_a_component_each(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    terminal = at_a_terminal(at, source, "--components", "2")
    one = bytes(range(16))
    for number, part in enumerate((one, bytes(a ^ b for a, b in zip(one, AES128, strict=True))), 1):
        terminal.expect_exact(f"vendor acme: component {number} of 2: ")
        terminal.waitnoecho()
        terminal.sendline(part.hex())
    terminal.expect_exact("the key has check value 7DF76B")
    terminal.expect_exact("[y/N]")
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert independently_opened(at.target, at.private) == SEEDS


def test_a_password_is_typed_when_the_file_needs_one(at: Place) -> None:
    source = delivered_under_password(at.directory / "in.xml")
    terminal = at_a_terminal(at, source)
    terminal.expect_exact("the file's password: ")
    terminal.waitnoecho()
    terminal.sendline(PASSWORD)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert independently_opened(at.target, at.private) == SEEDS


def test_without_a_terminal_nobody_is_asked(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    nothing_was_written(at, at.rewrap(source), "typed at a terminal, and this is none")
    source = delivered_under_password(at.directory / "in2.xml")
    nothing_was_written(at, at.rewrap(source), "typed at a terminal, and this is none")


def test_a_key_for_a_file_under_a_password_is_a_usage_error(at: Place) -> None:
    source = delivered_under_password(at.directory / "in.xml")
    terminal = at_a_terminal(at, source, "--key-file", str(at.key_file(AES128)))
    terminal.expect_exact("the file's password: ")
    terminal.waitnoecho()
    terminal.sendline(PASSWORD)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 2
    assert at.left_behind() == []
