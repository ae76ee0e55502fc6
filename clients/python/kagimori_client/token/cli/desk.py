# SPDX-License-Identifier: Apache-2.0
"""Asking and telling at a terminal.

Questions and troubles go to standard error; standard output is for what was
asked for, so that a script can read it.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.text import Text as RichText

from kagimori_client.token.cli.keyboard import discard_typed
from kagimori_client.token.cli.sentences import Trouble, sentence
from kagimori_client.token.cli.texts import Text, Words
from kagimori_client.token.errors import InvalidField

T = TypeVar("T")


class Desk:
    """One person at one terminal."""

    def __init__(self, words: Words) -> None:
        """Speak in ``words``."""
        self.words = words
        self.out = Console(highlight=False, markup=False, emoji=False)
        self.aside = Console(stderr=True, highlight=False, markup=False, emoji=False)

    @property
    def is_attended(self) -> bool:
        """Say whether somebody can answer a question."""
        return sys.stdin.isatty()

    def tell(self, text: Text, style: str = "", **values: object) -> None:
        """Print an answer."""
        self.out.print(RichText(self.words(text, **values), style))

    def remark(self, text: Text, style: str = "", **values: object) -> None:
        """Print what goes with a question."""
        self.aside.print(RichText(self.words(text, **values), style))

    def complain(self, error: Exception) -> None:
        """Print what a customer is told of ``error``."""
        self.aside.print(RichText(sentence(self.words, error), "red"))

    def ask(self, text: Text, **values: object) -> str:
        """Return a typed line, without the spaces around it; raise `EOFError` at its end."""
        print(self.words(text, **values), end="", file=sys.stderr, flush=True)  # noqa: T201 - a prompt
        return line().strip()

    def ask_hidden(self, text: Text) -> str:
        """Return a line that is not shown while it is typed, else one of standard input."""
        if not self.is_attended:
            return line()
        return getpass.getpass(self.words(text), stream=sys.stderr)

    def ask_until(self, asked: Callable[[], str], check: Callable[[str], T]) -> T:
        """Return what ``check`` makes of an answer, asked for until it can be right.

        Where nobody can answer, the first one is all there is.
        """
        while True:
            try:
                return check(asked())
            except (InvalidField, Trouble) as wrong:
                if not self.is_attended:
                    raise
                self.complain(wrong)

    def confirm_afresh(self, text: Text) -> bool:
        """Return a yes that was typed after the question, not pasted ahead of it."""
        discard_typed()
        try:
            return self.confirm(text, usual=False)
        except EOFError:
            return False

    def confirm(self, text: Text, *, usual: bool, **values: object) -> bool:
        """Return a yes or a no; ``usual`` is what Enter alone means."""
        answer = self.ask(text, **values).lower()
        if answer in ("", "y", "yes", "n", "no"):
            return usual if not answer else answer.startswith("y")
        return False


def line() -> str:
    """Return a line of standard input without its end; raise `EOFError` at its end."""
    typed = sys.stdin.readline()
    if not typed:
        raise EOFError
    return typed.rstrip("\r\n")
