# SPDX-License-Identifier: Apache-2.0
"""Prints what the demo does, step by step, and counts what went as it must."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from rich.cells import cell_len

from development.environment import ROOT
from kagimori_client import (
    GridAnswerRejected,
    GridCardLocked,
    KagimoriError,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    Receipt,
    TokenLocked,
    TokenNotActive,
    TriesSpent,
    UnknownToken,
)
from kagimori_client.token import TokenError

T = TypeVar("T")
Deed = Callable[[], object]

OUTCOMES: dict[type[OtpRefused], str] = {
    OtpRejected: "REJECTED",
    OtpReplayed: "REPLAYED",
    TokenLocked: "LOCKED",
    TokenNotActive: "NOT_ACTIVE",
    UnknownToken: "UNKNOWN_TOKEN",
    GridAnswerRejected: "REJECTED (GRID_CARD)",
    GridCardLocked: "LOCKED (GRID_CARD)",
    TriesSpent: "LOCKED (CUSTOMER)",
}


class Stage:
    """Counts passed and failed checks while it prints them."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.passed = 0
        self.failed = 0

    def scene(self, title: str) -> None:
        """Print a heading."""
        print(f"\n== {title}")

    def say(self, text: str) -> None:
        """Print what happened, indented; files are named from the project's root."""
        shorter = text.rstrip().replace(f"{ROOT}/", "")
        print("\n".join(f"   {line}".rstrip() for line in shorter.splitlines()))

    def check(self, what: str, *, holds: bool, shown: object = "") -> None:
        """Count one check and print it with what was seen."""
        self.passed += holds
        self.failed += not holds
        mark = "ok    " if holds else "FAILED"
        print(f"   {mark} {_as_wide(what, 58)} {shown}".rstrip())
        sys.stdout.flush()

    def accepted(self, what: str, deed: Deed) -> Receipt | None:
        """Check that ``deed`` is accepted; return its receipt."""
        try:
            receipt = deed()
        except KagimoriError as error:
            self.check(what, holds=False, shown=_told(error))
            return None
        if not isinstance(receipt, Receipt):
            raise TypeError("only what ends with a receipt is accepted")
        # What an exchange has besides is a page of its own.
        self.check(what, holds=True, shown=f"ACCEPTED {Receipt.in_japanese(receipt)}")
        return receipt

    def done(self, what: str, deed: Callable[[], T], shown: Callable[[T], str]) -> T | None:
        """Check that ``deed`` is done, and print what its answer is ``shown`` as; return that."""
        try:
            answer = deed()
        except KagimoriError as error:
            self.check(what, holds=False, shown=_told(error))
            return None
        self.check(what, holds=True, shown=shown(answer))
        return answer

    def refused(self, what: str, wanted: type[Exception], deed: Deed) -> Exception | None:
        """Check that ``deed`` is refused with exactly ``wanted``; return the error."""
        try:
            answer = deed()
        except (KagimoriError, TokenError) as error:
            self.check(what, holds=type(error) is wanted, shown=_told(error))
            return error
        self.check(what, holds=False, shown=f"not refused: {answer!r}")
        return None

    def close(self) -> int:
        """Print the count and return the exit code."""
        print(f"\ndemo: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def _as_wide(text: str, cells: int) -> str:
    """Return ``text`` filled up to ``cells`` of the screen; a Japanese letter takes two."""
    return text + " " * (cells - cell_len(text))


def _told(error: Exception) -> str:
    """Return the outcome in the API's word, or the error with its sentence."""
    if isinstance(error, OtpRefused):
        left = "" if error.attempts_left is None else f", attempts left: {error.attempts_left}"
        return f"{OUTCOMES[type(error)]}{left}"
    return f"{type(error).__name__}: {error.args[0]}"
