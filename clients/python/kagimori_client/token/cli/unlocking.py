# SPDX-License-Identifier: Apache-2.0
"""From what a customer calls a token to the token, unlocked."""

from __future__ import annotations

import contextlib

from rich.table import Table
from rich.text import Text as RichText

from kagimori_client.token.cli import texts
from kagimori_client.token.cli.desk import Desk
from kagimori_client.token.cli.sentences import Trouble
from kagimori_client.token.cli.shelf import Entry, Shelf
from kagimori_client.token.errors import (
    AnotherBanksTransaction,
    SetUpUnfinished,
    WrongPassphrase,
)
from kagimori_client.token.safe import Cover, look
from kagimori_client.token.software_token import SoftwareToken

PASSPHRASE_TRIES = 3


class Unlocking:
    """Chooses tokens on ``shelf`` and unlocks them, asking at ``desk``."""

    def __init__(self, desk: Desk, shelf: Shelf) -> None:
        """Touch nothing yet."""
        self._desk, self._shelf = desk, shelf

    def choose(self, choice: str | None) -> Entry:
        """Return the token with this number or name; without a ``choice`` ask, if need be."""
        entries = self._entries()
        return self._shelf.find(choice) if choice is not None else self._one_of(entries)

    def choose_of(self, service_id: str, choice: str | None) -> Entry:
        """Do as `choose` among the tokens of one bank; raise `AnotherBanksTransaction`."""
        entries = [self._shelf.find(choice)] if choice is not None else self._entries()
        theirs = [each for each in entries if each.cover and each.cover.service_id == service_id]
        if not theirs:
            raise AnotherBanksTransaction
        return self._one_of(theirs)

    def unlock(self, entry: Entry, phrase: str | None = None) -> SoftwareToken:
        """Return the token; its passphrase is ``phrase``, or asked for."""
        # A newer app's file, or one half set up, is found before anything is asked.
        with contextlib.suppress(WrongPassphrase):
            if not look(entry.path).finished:
                raise SetUpUnfinished
        if phrase is not None:
            return _opened(entry, phrase)
        tries = PASSPHRASE_TRIES if self._desk.is_attended else 1
        for _ in range(tries - 1):
            try:
                return self._asked(entry)
            except WrongPassphrase as wrong:
                self._desk.complain(wrong)
        return self._asked(entry)

    def table(self, entries: list[Entry]) -> Table:
        """Return a line for each token, with its heads."""
        heads = (texts.NUMBER, texts.LABEL, texts.BANK, texts.SERVICE_ID, texts.STATE)
        table = Table(*map(self._desk.words, heads), box=None, pad_edge=False)
        for entry in entries:
            cover = entry.cover or Cover("")
            state = self._desk.words(_state(entry.cover))
            shown = (str(entry.number), cover.label or "", cover.issuer, cover.service_id, state)
            table.add_row(*map(RichText, shown))
        return table

    def _entries(self) -> list[Entry]:
        entries = self._shelf.entries()
        if not entries:
            raise Trouble(texts.NO_TOKENS)
        return entries

    def _one_of(self, entries: list[Entry]) -> Entry:
        if len(entries) == 1:
            return entries[0]
        if not self._desk.is_attended:
            raise Trouble(texts.WHICH_TOKEN)
        self._desk.aside.print(self.table(entries))
        return self._desk.ask_until(lambda: self._desk.ask(texts.ASK_WHICH), self._shelf.find)

    def _asked(self, entry: Entry) -> SoftwareToken:
        return _opened(entry, self._desk.ask_hidden(texts.ASK_PASSPHRASE))


def _opened(entry: Entry, phrase: str) -> SoftwareToken:
    if not phrase:
        raise WrongPassphrase
    return SoftwareToken.open(entry.path, phrase)


def _state(cover: Cover | None) -> texts.Text:
    if cover is None:
        return texts.STATE_DAMAGED
    return texts.STATE_READY if cover.finished else texts.STATE_UNFINISHED
