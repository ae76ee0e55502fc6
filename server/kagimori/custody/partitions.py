# SPDX-License-Identifier: Apache-2.0
"""The HSM and its partitions: found, or made blank where the maker lets us.

What PKCS#11 calls a token is a partition here. A partition that holds a key is
never touched.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pkcs11
from pkcs11.exceptions import PKCS11Error

from kagimori.custody import pins
from kagimori.custody.attributes import mapper
from kagimori.custody.cryptoki_names import name_of
from kagimori.custody.places import prove_writable
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pkcs11 import Session, Token, _pkcs11

    from kagimori.custody.pins import ChosenPins, Pins
    from kagimori.custody.plan import PartitionSection, Plan

_SOFTHSM_CONF = "SOFTHSM2_CONF"
_PROMPT_SECONDS = 30


class Partition:
    """A partition that is there, and the three ways into it."""

    def __init__(self, module: _pkcs11.lib, label: str, secret: Pins) -> None:
        """Take its PINs; they are used once per login."""
        self._label = label
        self._module = module
        self._pins = secret

    def logged_in(self, who: str) -> AbstractContextManager[Session]:
        """Log in as "security-officer" or "user", the words of the key policy."""
        return self.as_user() if who == "user" else self.as_security_officer()

    @contextmanager
    def as_security_officer(self) -> Iterator[Session]:
        """Log in as the SO for a while."""
        with self._session(so_pin=self._pins.security_officer.get_secret_value()) as session:
            yield session

    @contextmanager
    def as_user(self) -> Iterator[Session]:
        """Log in as the user for a while."""
        with self._session(user_pin=self._pins.user.get_secret_value()) as session:
            yield session

    @contextmanager
    def without_login(self) -> Iterator[Session]:
        """Open a session that anybody could open."""
        with self._session() as session:
            yield session

    @contextmanager
    def _session(
        self, *, user_pin: str | None = None, so_pin: str | None = None
    ) -> Iterator[Session]:
        token = _find(self._module, self._label)
        if token is None:
            msg = f"partition {self._label} is gone"
            raise CeremonyRefused(msg)
        try:
            session = token.open(
                rw=True, user_pin=user_pin, so_pin=so_pin, attribute_mapper=mapper()
            )
        except PKCS11Error as error:
            # One attempt: HSMs count wrong PINs and lock.
            msg = f"partition {self._label}: no login: {name_of(error)}"
            raise CeremonyRefused(msg) from None
        with session:
            yield session


class Hsm:
    """The module of a plan. Each PIN is read once, when it is first needed."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        """Take the plan; ``say`` tells the administrator what was done."""
        self._plan = plan
        self._say = say
        self._sections = (plan.partition.serving, plan.partition.importing)
        self._by_us = plan.profile.initialise == "softhsm2-util"
        self._pins: dict[str, Pins] = {}
        self._chosen: dict[str, ChosenPins] = {}

    def refuse_if_unfit(self) -> None:
        """Raise `CeremonyRefused` for all that can be known before; change nothing.

        A partition holds a key, one that is to be made cannot be written, or a
        PIN is none. PINs that are typed are typed here.
        """
        missing = self._refuse_if_in_use()
        if self._by_us:
            self._chosen = {section.label: pins.choose(section) for section in missing}

    def prepare(self) -> dict[str, Partition]:
        """Return the blank partitions by role, "serving" and "import".

        A partition that is not there is made if the provider profile says how.
        Raises `CeremonyRefused`.
        """
        if self._by_us:
            _write_softhsm_conf()
        module = _load(self._plan.module)
        missing = [s for s in self._sections if _find(module, s.label) is None]
        if missing and not self._by_us:
            msg = f"there is no partition {missing[0].label}: make it with the maker's tool"
            raise CeremonyRefused(msg)
        for section in missing:
            self._initialise(section)
        if missing:
            module.reinitialize()
        return {
            role: self._partition(module, section)
            for role, section in zip(("serving", "import"), self._sections, strict=True)
        }

    def _refuse_if_in_use(self) -> list[PartitionSection]:
        """Return the partitions that are not there yet."""
        if self._by_us and not _softhsm_conf().exists():
            prove_writable(_SOFTHSM_CONF, _softhsm_conf())
            return list(self._sections)
        module = _load(self._plan.module)
        missing = [s for s in self._sections if _find(module, s.label) is None]
        for section in self._sections:
            if section not in missing:
                self._refuse_if_holds_keys(module, section)
        return missing

    def _refuse_if_holds_keys(self, module: _pkcs11.lib, section: PartitionSection) -> None:
        lost = pins.missing_file(section)
        if lost is not None:
            msg = f"partition {section.label} exists, but its PIN file does not: {lost}"
            raise CeremonyRefused(msg)
        partition = self._partition(module, section)
        # A login leaves a trace, so first see what can be seen without one.
        for way_in in (partition.without_login, partition.as_user):
            with way_in() as session:
                if list(session.get_objects()):
                    # A ceremony that has its record was refused before this.
                    msg = (
                        f"partition {section.label} holds keys already, and no record vouches for "
                        f'them at {self._plan.record}: see "A second time" in docs/ceremony.md'
                    )
                    raise CeremonyRefused(msg)

    def _initialise(self, section: PartitionSection) -> None:
        if shutil.which("softhsm2-util") is None:
            msg = "softhsm2-util is not installed (Debian: apt install softhsm2)"
            raise CeremonyRefused(msg)
        chosen = self._chosen[section.label]
        self._pins[section.label] = pins.draw_missing(section, chosen, self._say)
        _init_token(section.label, self._plan.module, self._pins_of(section))
        self._say(f"partition {section.label} was initialised")

    def _partition(self, module: _pkcs11.lib, section: PartitionSection) -> Partition:
        return Partition(module, section.label, self._pins_of(section))

    def _pins_of(self, section: PartitionSection) -> Pins:
        if section.label not in self._pins:
            self._pins[section.label] = pins.read(section)
        return self._pins[section.label]


def _find(module: _pkcs11.lib, label: str) -> Token | None:
    tokens = list(module.get_tokens(token_label=label))
    if len(tokens) > 1:
        msg = f"there are {len(tokens)} partitions called {label}"
        raise CeremonyRefused(msg)
    return tokens[0] if tokens else None


def _load(path: Path) -> _pkcs11.lib:
    try:
        return pkcs11.lib(str(path))
    except PKCS11Error as error:
        msg = f"{path}: not a PKCS#11 module that starts: {name_of(error)}"
        raise CeremonyRefused(msg) from None


# --- SoftHSM, for development and tests ----------------------------------------


def _softhsm_conf() -> Path:
    if _SOFTHSM_CONF not in os.environ:
        msg = f"environment: {_SOFTHSM_CONF} must say where SoftHSM's configuration is"
        raise CeremonyRefused(msg)
    return Path(os.environ[_SOFTHSM_CONF])


def _write_softhsm_conf() -> None:
    conf = _softhsm_conf()
    if conf.exists():
        return
    store = conf.resolve().parent / "partitions"
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    conf.write_text(
        f"directories.tokendir = {store}\nobjectstore.backend = file\nlog.level = ERROR\n",
        encoding="utf-8",
    )


def _init_token(label: str, module: Path, secret: Pins) -> None:
    # Through a terminal of its own: --pin would show the PINs to every ps.
    arguments = ["--init-token", "--free", "--label", label, "--module", str(module)]
    dialogue = pexpect.spawn(
        "softhsm2-util", arguments, timeout=_PROMPT_SECONDS, encoding="utf-8", echo=True
    )
    try:
        _answer_prompts(dialogue, secret)
    except pexpect.ExceptionPexpect:
        # The exception quotes the dialogue; it is not shown.
        dialogue.close(force=True)
        msg = "softhsm2-util did not take the PINs (they must have 4 to 255 characters)"
        raise CeremonyRefused(msg) from None
    dialogue.close()
    if dialogue.exitstatus != 0:
        msg = f"softhsm2-util ended with status {dialogue.exitstatus}"
        raise CeremonyRefused(msg)


def _answer_prompts(dialogue: pexpect.spawn[str], secret: Pins) -> None:
    for whose, pin in (("SO", secret.security_officer), ("user", secret.user)):
        for ask in ("enter", "reenter"):
            dialogue.expect_exact(f"Please {ask} {whose} PIN: ")
            dialogue.waitnoecho(timeout=_PROMPT_SECONDS)
            dialogue.sendline(pin.get_secret_value())
    dialogue.expect(pexpect.EOF)
