# SPDX-License-Identifier: Apache-2.0
"""What each command does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from rich.text import Text as RichText

from kagimori_client.token import fields
from kagimori_client.token.authority_profile import AuthorityProfile
from kagimori_client.token.cli import texts
from kagimori_client.token.cli.desk import Desk
from kagimori_client.token.cli.screen import Screen, clock_sentence, moment
from kagimori_client.token.cli.sentences import Trouble
from kagimori_client.token.cli.shelf import Entry, Shelf
from kagimori_client.token.cli.unlocking import Unlocking
from kagimori_client.token.errors import NoAnswer, NotOffered, ProfileRefused
from kagimori_client.token.software_token import SoftwareToken


class Commands:
    """The commands of one run."""

    def __init__(self, desk: Desk, shelf: Shelf) -> None:
        """Work at ``desk`` with the tokens on ``shelf``."""
        self._desk, self._shelf = desk, shelf
        self._unlocking = Unlocking(desk, shelf)

    def show(self, choice: str | None, *, once: bool, ascii_only: bool) -> None:
        """Unlock a token and show its code."""
        token = self._unlocking.unlock(self._unlocking.choose(choice))
        if once:
            self._desk.out.print(token.code())
        else:
            self._show(token, ascii_only=ascii_only)

    def list_tokens(self) -> None:
        """Print a line for each token."""
        entries = self._shelf.entries()
        if not entries:
            raise Trouble(texts.NO_TOKENS)
        self._desk.out.print(self._unlocking.table(entries))

    def label(self, choice: str | None, text: str) -> None:
        """Change the display label."""
        fields.label(text)
        self._unlocking.unlock(self._unlocking.choose(choice)).relabel(text)
        self._desk.tell(texts.LABEL_SET)

    def time(self, choice: str | None, authority: Path | None) -> None:
        """Compare the clocks."""
        profile = self._profile(authority)
        token = self._unlocking.unlock(self._unlocking.choose(choice))
        reading = token.measure_clock(profile)
        self._desk.out.print(clock_sentence(self._desk.words, reading))
        if token.clock_is_wrong:
            self._desk.tell(texts.CLOCK_WRONG, "yellow")
        else:
            self._desk.tell(texts.CLOCK_RIGHT)

    def remove(self, choice: str | None, *, yes: bool) -> None:
        """Take a token away; its passphrase may be forgotten."""
        entry = self._unlocking.choose(choice)
        if yes or self._desk.confirm(texts.ASK_REMOVE, usual=False, name=entry.name):
            self._shelf.remove(entry)
            self._desk.tell(texts.REMOVED)
        else:
            self._desk.tell(texts.NOT_REMOVED)

    def set_up(self, authority: Path | None, *, ascii_only: bool) -> None:
        """Set a token up, or finish what was begun; then show its code."""
        profile = self._profile(authority)
        self._desk.remark(texts.SETUP_TITLE, "bold")
        self._finish(self._begun(profile) or self._new(profile), profile, ascii_only=ascii_only)

    def make(self, bank: str | None, authority: Path | None, *, ascii_only: bool) -> None:
        """Make a token before the bank knows its customer, or finish what was begun."""
        profile = self._profile(authority)
        self._desk.remark(texts.NEW_TITLE, "bold")
        token = self._begun(profile) or self._for_nobody(profile, bank)
        self._finish(token, profile, ascii_only=ascii_only)

    def _begun(self, profile: AuthorityProfile) -> SoftwareToken | None:
        begun = self._shelf.unfinished()
        return self._resumed(profile, begun) if begun else None

    def _finish(self, token: SoftwareToken, profile: AuthorityProfile, *, ascii_only: bool) -> None:
        if token.register_by is None:
            self._desk.tell(texts.SETUP_DONE, "green")
            token.relabel(self._ask_label())
        with contextlib.suppress(NoAnswer):
            token.measure_clock(profile)
        self._tell_what_is_next(token)
        if self._desk.is_attended and self._desk.out.is_terminal:
            if token.register_by is None:
                # What was said above is read before the screen is taken.
                self._desk.ask(texts.ASK_SHOW)
            self._show(token, ascii_only=ascii_only)

    def _tell_what_is_next(self, token: SoftwareToken) -> None:
        if token.register_by is None:
            self._desk.tell(texts.SETUP_NEXT)
            return
        # All of it is on the screen that follows: nobody needs to press a key first.
        self._desk.tell(texts.NEW_DONE, "green")
        self._desk.tell(texts.NEW_NEXT, until=moment(self._desk.words, token.register_by))
        self._desk.tell(texts.SERIAL, serial=token.serial)

    def _resumed(self, profile: AuthorityProfile, begun: Entry) -> SoftwareToken | None:
        service_id = begun.cover.service_id if begun.cover else ""
        if not self._desk.confirm(texts.ASK_CONTINUE, usual=True, service_id=service_id):
            return None
        phrase = self._desk.ask_hidden(texts.ASK_PASSPHRASE)
        self._desk.remark(texts.CONNECTING)
        return SoftwareToken.resume(profile, file=begun.path, passphrase=phrase)

    def _new(self, profile: AuthorityProfile) -> SoftwareToken:
        desk = self._desk
        desk.remark(texts.SETUP_EXPLAINED)
        service_id = desk.ask_until(
            lambda: desk.ask(texts.ASK_SERVICE_ID), lambda typed: _known(profile, typed)
        )
        user_id = desk.ask_until(lambda: desk.ask(texts.ASK_USER_ID), fields.user_id)
        password = desk.ask_until(
            lambda: desk.ask_hidden(texts.ASK_ACTIVATION_PASSWORD), fields.activation_password
        )
        phrase = self._new_passphrase()
        return self._provisioned(
            lambda path: SoftwareToken.set_up(
                profile,
                service_id=service_id,
                user_id=user_id,
                activation_password=password,
                file=path,
                passphrase=phrase,
            )
        )

    def _for_nobody(self, profile: AuthorityProfile, bank: str | None) -> SoftwareToken:
        service_id = self._bank(profile, bank)
        phrase = self._new_passphrase()
        try:
            return self._provisioned(
                lambda path: SoftwareToken.set_up_new(
                    profile, service_id=service_id, file=path, passphrase=phrase
                )
            )
        except NotOffered as refused:
            raise Trouble(texts.NEW_NOT_OFFERED) from refused

    def _bank(self, profile: AuthorityProfile, bank: str | None) -> str:
        """Return the bank's service ID; where the app knows one bank only, it is that."""
        if bank is not None:
            return _found(profile, bank)
        if len(profile.pins) == 1:
            return next(iter(profile.pins))
        for service_id, name in profile.banks.items():
            self._desk.aside.print(RichText(f"  {service_id}  {name}"))
        return self._desk.ask_until(
            lambda: self._desk.ask(texts.ASK_BANK), lambda typed: _found(profile, typed)
        )

    def _provisioned(self, set_up: Callable[[Path], SoftwareToken]) -> SoftwareToken:
        self._desk.remark(texts.CONNECTING)
        path = self._shelf.new_path()
        try:
            return set_up(path)
        except NoAnswer as outage:
            if path.exists():
                self._desk.complain(outage)
                raise Trouble(texts.CAN_CONTINUE) from outage
            raise

    def _new_passphrase(self) -> str:
        self._desk.remark(texts.PASSPHRASE_EXPLAINED)
        return self._desk.ask_until(self._ask_new_passphrase, fields.passphrase)

    def _ask_new_passphrase(self) -> str:
        phrase = fields.passphrase(self._desk.ask_hidden(texts.ASK_NEW_PASSPHRASE))
        if fields.passphrase(self._desk.ask_hidden(texts.ASK_PASSPHRASE_AGAIN), 0) != phrase:
            raise Trouble(texts.DIFFERENT_PASSPHRASES)
        return phrase

    def _ask_label(self) -> str | None:
        return self._desk.ask_until(lambda: self._desk.ask(texts.ASK_LABEL), fields.label)

    def _show(self, token: SoftwareToken, *, ascii_only: bool) -> None:
        screen = Screen(self._desk.out, self._desk.words, ascii_only=ascii_only)
        if self._desk.out.is_terminal and not self._desk.out.is_dumb_terminal:
            screen.run(token)
        else:
            self._desk.out.print(screen.line(token, time.time()))

    def _profile(self, authority: Path | None) -> AuthorityProfile:
        path = authority or self._shelf.home / "authority.toml"
        try:
            return AuthorityProfile.load(path)
        except FileNotFoundError as missing:
            raise Trouble(texts.NO_PROFILE, path=missing.filename or path) from missing
        except ProfileRefused as wrong:
            raise Trouble(texts.BAD_PROFILE, path=path) from wrong


def _known(profile: AuthorityProfile, typed: str) -> str:
    if fields.service_id(typed) not in profile.pins:
        raise Trouble(texts.UNKNOWN_BANK)
    return typed


def _found(profile: AuthorityProfile, typed: str) -> str:
    service_id = profile.service_id_of(typed)
    if service_id is None:
        raise Trouble(texts.NO_SUCH_BANK)
    return service_id
