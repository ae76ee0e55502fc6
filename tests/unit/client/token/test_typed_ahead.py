# SPDX-License-Identifier: Apache-2.0
"""What was typed before a question is no answer to it."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
from collections.abc import Iterator

import pytest

from kagimori_client.token.cli import signing_texts
from kagimori_client.token.cli.desk import Desk
from kagimori_client.token.cli.keyboard import discard_typed
from kagimori_client.token.cli.texts import Language, Words


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal's keys; standard input is its other end."""
    ours, theirs = pty.openpty()
    with open(theirs, encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdin", terminal)
        yield ours
    os.close(ours)


def type_(keys: int, text: str) -> None:
    """Type, and wait until it can be read."""
    os.write(keys, text.encode())
    assert select.select([sys.stdin], [], [], 30)[0]


def test_lines_that_were_pasted_are_thrown_away(keys: int) -> None:
    type_(keys, "rm -rf /\ny\ny\n")
    discard_typed()
    type_(keys, "n\n")
    assert sys.stdin.readline() == "n\n"


def test_a_line_that_was_begun_is_thrown_away(keys: int) -> None:
    type_(keys, "y\ny")
    discard_typed()
    type_(keys, "n\n")
    assert sys.stdin.readline() == "n\n"


@pytest.mark.parametrize(("said", "meant"), [("y", True), ("n", False), ("", False)])
def test_only_an_answer_after_the_question_counts(
    said: str,
    meant: bool,  # noqa: FBT001
    keys: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Asked(io.StringIO):
        """Standard error, which answers once the question is out."""

        def flush(self) -> None:
            if self.getvalue().endswith("[y/N]: "):
                os.write(keys, f"{said}\n".encode())

    desk = Desk(Words(Language.EN))
    type_(keys, "n\n" if meant else "y\n")
    monkeypatch.setattr(sys, "stderr", Asked())
    assert desk.confirm_afresh(signing_texts.ASK_SHOW) is meant


def test_where_there_is_no_terminal_nothing_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    discard_typed()
    assert sys.stdin.readline() == "y\n"
