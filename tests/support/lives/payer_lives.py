# SPDX-License-Identifier: Apache-2.0
"""A customer who signs and what always holds of him, for a machine that lives his life."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, Final
from uuid import uuid4

from hypothesis.stateful import RuleBasedStateMachine, invariant

from kagimori.application.ports import BySubscriber
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from kagimori.domain.transaction import SigningProfile, Transaction
from support.banks.paying_desk import PayingDesk
from support.banks.register_desk import PERIOD
from support.banks.registering import NEXT, bank_of
from support.databases.database import TestDatabase
from support.lives.payer import WRONG_CODES, Asked, Offer, Payer, Phone
from support.lives.two_customers import Heard
from support.tokens import SUBSCRIBER

MOST_PERIODS: Final = 300
WRONG, WRONG_SIGNATURE = "000000", "00000000"


class PayerLives(RuleBasedStateMachine):
    """Compares the use cases and the model after every step; ``steps`` counts them."""

    place: Path
    steps = 0
    seen: ClassVar[Counter[tuple[str, str]]]

    def __init__(self) -> None:
        super().__init__()
        self.database = TestDatabase(Path(tempfile.mkdtemp(dir=self.place)))
        self.desk = PayingDesk(bank_of(self.database))
        self.phones: list[Phone] = []
        self.rows: dict[str, tuple[int, int]] = {}
        self.judged: list[tuple[Asked, Offer, object]] = []
        self.payer = Payer(SUBSCRIBER, self._registered(SUBSCRIBER))
        self.other = Payer(NEXT, self._registered(NEXT))

    def teardown(self) -> None:
        self.desk.bank.close()
        self.database.close()

    # --- what always holds --------------------------------------------------------------

    @invariant()
    def a_challenge_is_accepted_once_at_most(self) -> None:
        type(self).steps += 1
        accepted = self.desk.acceptances()
        digests = [digest for digest, _ in accepted]
        assert len(digests) == len(set(digests))
        used = {
            one.made.challenge.digest.hex(): one.used_by for one in self.payer.asked if one.used_by
        }
        assert dict(accepted) == used
        # Those that are too old may be forgotten.
        assert self.desk.signed().items() <= used.items()

    @invariant()
    def what_is_spent_stays_spent_and_attempts_are_shared(self) -> None:
        for phone in self.phones:
            row = self.desk.row(phone.device.serial)
            before = self.rows.get(phone.device.serial, (-1, -1))
            seed = self.desk.signing_row(phone.device.serial)
            signed = before[1] if seed is None else seed["last_step"]
            now = row["last_step"], signed
            assert now >= before
            assert now == (phone.last, phone.signed)
            self.rows[phone.device.serial] = now
            is_theirs = phone in {self.payer.phone, self.other.phone}
            assert (seed is not None) is (is_theirs or row["state"] == "IN_STOCK")
            if is_theirs:
                assert row["failures"] == phone.wrong
                assert row["state"] == ("LOCKED" if phone.wrong >= WRONG_CODES else "ACTIVE")

    # --- parts of steps -----------------------------------------------------------------

    def _ask(self, about: Transaction, *, is_typed: bool) -> Asked:
        profile = SigningProfile.TYPED if is_typed else SigningProfile.SCANNED
        self._saw("ask", profile if len(about.transfers) == 1 else "batch")
        return self.payer.ask(self.desk.challenge(about, profile, self.payer.name))

    def _unlock(self, *, if_locked: bool = True) -> None:
        """Let the bank's staff help, where that is needed and wanted."""
        if if_locked and self.payer.phone.wrong >= WRONG_CODES:
            self.desk.unlock(BySubscriber(self.payer.name))
            self.payer.unlock()

    def _log_in(self, shown: str) -> None:
        code, request_id = self._login(self.payer.phone, shown), str(uuid4())
        use = partial(self.desk.use, code, Operation.LOGIN, request_id, self.payer.name)
        self._both(use, "log in", self.payer.log_in(code, self._now))

    def _exchange(self) -> None:
        new = self._new_phone()
        self._wait()
        begin, complete = (str(uuid4()) for _ in range(2))
        code = self._login(self.payer.phone, "right")
        told = self.payer.begin(code, self._now)
        self._both(partial(self.desk.begin, code, begin), "begin", told)
        code, serial = self._login(new, "right"), new.device.serial
        told_then = self.payer.complete(new, code, self._now)
        heard = Heard.of(partial(self.desk.complete, code, serial, complete))
        word = heard.told[:2] if isinstance(heard.told, tuple) else heard.told
        assert word == told_then
        self._saw("exchange", told_then)

    def _sign(self, one: Asked, offer: Offer) -> None:
        expected = self.payer.sign(one, offer, self._now)
        answer = self._both(lambda: self.desk.sign(one.made, offer), "sign", expected)
        if isinstance(expected, tuple):
            self.judged.append((one, offer, answer))

    def _both(self, ask: Callable[[], object], what: str, expected: object) -> object:
        """Ask, and at once again; compare with what the model expects."""
        heard = Heard.of(ask)
        assert heard.told == expected
        assert Heard.of(ask).answer == heard.answer
        self._saw(what, expected)
        return heard.answer

    def _saw(self, what: str, came_of_it: object) -> None:
        word = came_of_it[0] if isinstance(came_of_it, tuple) else came_of_it
        self.seen[what, str(getattr(word, "__name__", word))] += 1

    def _offer(self, one: Asked, shown: str) -> Offer:
        about = one.made.challenge.transaction
        return Offer(self.payer.name, about, self._typed(one, shown))

    def _typed(self, one: Asked, shown: str) -> str:
        """Return what somebody types who is asked for ``one``'s code."""
        present = int(self._now) // PERIOD
        if shown == "wrong":
            return WRONG_SIGNATURE
        if shown == "another's":
            return self.other.phone.code(one.question, present)
        if shown == "an old one's":
            return self.phones[0].code(one.question, present)
        if shown == "a login's":
            return self._login(self.payer.phone, "right").rjust(8, "0")
        steps = {"earlier": -1, "later": 1, "too late": 2}.get(shown, 0)
        return self.payer.phone.code(one.question, present + steps)

    def _login(self, phone: Phone, shown: str) -> str:
        if shown == "right":
            self._wait()
            return phone.device.code(int(self._now) // PERIOD)
        if shown == "last":
            return phone.device.codes.get(phone.last, WRONG)
        if shown == "a signature's":
            return self._typed(self.payer.asked[-1], "right")[-6:]
        return WRONG

    def _wait(self) -> None:
        """Let time pass until clocks show other codes than those that were spent."""
        while any(int(self._now) // PERIOD <= phone.last for phone in self.phones):
            self.desk.let_a_period_pass()

    def _open(self, number: int) -> Asked:
        """Return one that can be answered, usually."""
        can_be = [one for one in self.payer.asked if one.is_open and one.phone is self.payer.phone]
        of_which = can_be or self.payer.asked
        return of_which[number % len(of_which)]

    def _new_phone(self) -> Phone:
        present = int(self._now) // PERIOD
        phone = self.desk.set_a_phone_up(range(present - 3, present + MOST_PERIODS))
        self.phones.append(phone)
        return phone

    def _registered(self, name: str) -> Phone:
        phone = self._new_phone()
        code = phone.device.code(int(self._now) // PERIOD)
        told = self.desk.register(code, phone.device.serial, name)
        assert told.verdict.outcome is Outcome.ACCEPTED
        phone.last = int(self._now) // PERIOD
        return phone

    @property
    def _now(self) -> float:
        return self.desk.bank.now
