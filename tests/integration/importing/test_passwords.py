# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` and files under a password: typed unseen, or read from a file."""

from __future__ import annotations

import io
from pathlib import Path

import pexpect
import pytest

from development.vendor import write_pskc_under_password
from support.custody.hsm import MODULE
from support.vendors.import_desk import ALL, FLEET, NOTHING, SERIALS, Desk

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

PASSWORD = "qwerty-Straße"
MISTYPED = "qwertz-Straße"
PROMPT = "password of the vendor's file: "


def under_password(desk: Desk) -> Path:
    """Let python-pskc write a file under a password (RFC 6030 §6.2)."""
    path = desk.place.directory / "password.xml"
    write_pskc_under_password(path, FLEET, PASSWORD)
    return path


def typed(desk: Desk, file: Path, password: str, *options: str | Path) -> tuple[int | None, str]:
    """Import at a terminal; return the exit code and all that the terminal showed."""
    shown = io.StringIO()
    terminal = desk.terminal(file, "--allow-host-transient", *options)
    terminal.logfile_read = shown
    terminal.expect_exact(PROMPT)
    terminal.waitnoecho()
    terminal.sendline(password)
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus, shown.getvalue()


def test_a_password_comes_from_a_file_and_a_wrong_one_is_told(desk: Desk, tmp_path: Path) -> None:
    file, secret = under_password(desk), tmp_path / "password"
    secret.write_text(f"{MISTYPED}\n", encoding="utf-8")
    code, said = desk.import_(file, "--password-file", secret)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "WRONG_KEY" in said
    assert MISTYPED not in said
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    code, said = desk.import_(file, "--password-file", secret)
    assert (code, set(desk.column("custody"))) == (ALL, {"HOST_TRANSIENT"}), said
    assert PASSWORD not in said


def test_a_password_is_typed_at_a_prompt_and_shown_nowhere(desk: Desk, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    code, shown = typed(desk, under_password(desk), PASSWORD, "--report", report)
    assert code == ALL, shown
    assert (desk.column("serial"), set(desk.column("custody"))) == (SERIALS, {"HOST_TRANSIENT"})
    assert "3 imported" in shown
    assert shown.count(PROMPT) == 1
    assert PASSWORD not in shown + report.read_text()
    assert PASSWORD.encode() not in desk.stored()


def test_a_mistyped_password_is_told_and_imports_nothing(desk: Desk) -> None:
    code, shown = typed(desk, under_password(desk), MISTYPED)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "WRONG_KEY" in shown
    assert "nothing was imported" in shown
    assert MISTYPED not in shown


def test_where_a_password_s_key_was_not_asked_for_it_opens_nothing(desk: Desk) -> None:
    secret = desk.place.directory / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    code, said = desk.run(under_password(desk), "--password-file", secret)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "HOST_TRANSIENT_NOT_ALLOWED" in said


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["none", "no text"])
def test_a_password_file_that_cannot_be_read_is_named_and_not_shown(
    desk: Desk, tmp_path: Path, content: bytes | None
) -> None:
    secret = tmp_path / "password"
    if content is not None:
        secret.write_bytes(content)
    code, said = desk.import_(under_password(desk), "--password-file", secret)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "--password-file" in said
    assert "Traceback" not in said


def test_where_nobody_is_there_a_password_is_not_waited_for(desk: Desk) -> None:
    code, said = desk.import_(under_password(desk))
    assert (code, desk.rows()) == (NOTHING, [])
    assert "--password-file" in said
