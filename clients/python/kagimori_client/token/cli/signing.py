# SPDX-License-Identifier: Apache-2.0
"""取引確認 at a terminal: read, shown, asked about, and only then computed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text as RichText

from kagimori_client.token import signing
from kagimori_client.token.cli import scanned, signing_texts, texts
from kagimori_client.token.cli.desk import Desk, line
from kagimori_client.token.cli.digits import grouped
from kagimori_client.token.cli.keyboard import discard_typed
from kagimori_client.token.cli.screen import Screen
from kagimori_client.token.cli.sentences import Trouble
from kagimori_client.token.cli.slip import Slip
from kagimori_client.token.cli.unlocking import Unlocking
from kagimori_client.token.errors import SigningNotOffered
from kagimori_client.token.signing import TransactionToSign
from kagimori_client.token.software_token import SoftwareToken


class Signing:
    """The command ``sign`` of one run."""

    def __init__(self, desk: Desk, unlocking: Unlocking) -> None:
        """Work at ``desk`` with the tokens that ``unlocking`` finds."""
        self._desk, self._unlocking = desk, unlocking
        self._slip = Slip(desk.words, desk.aside.width)

    def scanned(self, choice: str | None, file: Path | None, *, yes: bool, plain: bool) -> None:
        """Show what a QR code asks to be signed and, after a yes, its code."""
        phrase = self._phrase_of_a_script(yes=yes)
        text = self._text(file)
        # What is no transaction, or nobody's here, is told before a passphrase is asked.
        bank = TransactionToSign(text).service_id
        token = self._unlocking.unlock(self._unlocking.choose_of(bank, choice), phrase)
        to_sign = token.read_transaction(text)
        self._agree(token, self._slip.of(to_sign), yes=yes)
        self._give(token.sign(to_sign), plain=plain)

    def typed(self, choice: str | None, *, yes: bool, plain: bool) -> None:
        """Ask for account number and amount, show them and, after a yes, their code."""
        phrase = self._phrase_of_a_script(yes=yes)
        token = self._unlocking.unlock(self._unlocking.choose(choice), phrase)
        if not token.transaction_signing:
            raise SigningNotOffered
        desk = self._desk
        account = desk.ask_until(lambda: desk.ask(signing_texts.ASK_ACCOUNT), signing.typed_account)
        amount = desk.ask_until(lambda: desk.ask(signing_texts.ASK_AMOUNT), signing.typed_amount)
        self._agree(token, self._slip.typed(account, amount), yes=yes)
        if token.clock is not None and token.clock.is_beyond(signing.TYPED.period):
            desk.remark(texts.CLOCK_WRONG, "yellow")
        at = time.time()
        left = token.typed_seconds_left(at)
        self._give(token.sign_typed(account, amount, at), left, plain=plain)

    def _phrase_of_a_script(self, *, yes: bool) -> str | None:
        """Return its first line, before anything else of it is read; None at a terminal."""
        if self._desk.is_attended:
            return None
        if not yes:
            raise Trouble(signing_texts.NEEDS_YES)
        return self._desk.ask_hidden(texts.ASK_PASSPHRASE)

    def _text(self, file: Path | None) -> str:
        if file is not None:
            return scanned.from_file(file)
        if not self._desk.is_attended:
            return scanned.from_rest(sys.stdin.read)
        self._desk.remark(signing_texts.ASK_TEXT)
        try:
            return scanned.from_lines(line)
        finally:
            # A shell would take the rest for commands, a question for its answer.
            discard_typed()

    def _agree(self, token: SoftwareToken, slip: RenderableType, *, yes: bool) -> None:
        """Show ``slip`` and return after a yes; else raise `Trouble`."""
        aside = self._desk.aside
        self._desk.remark(signing_texts.TITLE, "bold")
        aside.print(RichText(f"{token.issuer} {token.label or ''}".rstrip()))
        aside.print(Padding(slip, (1, 0)))
        if yes:
            return
        self._desk.remark(signing_texts.CAREFUL, "yellow")
        if not self._desk.confirm_afresh(signing_texts.ASK_SHOW):
            raise Trouble(signing_texts.NOT_SHOWN)

    def _give(self, code: str, left: int | None = None, *, plain: bool) -> None:
        out = self._desk.out
        if not out.is_terminal:
            out.print(code)
            self._tell_left(left)
            return
        screen = Screen(out, self._desk.words, ascii_only=plain)
        rows = [" ".join(grouped(code))] if out.is_dumb_terminal else screen.big(code)
        self._desk.tell(signing_texts.CODE)
        out.print(Padding(RichText("\n".join(rows), "bold"), (1, 0)))
        self._tell_left(left)
        self._desk.remark(signing_texts.NEXT)

    def _tell_left(self, left: int | None) -> None:
        if left is not None:
            self._desk.remark(texts.REMAINING, seconds=left)
