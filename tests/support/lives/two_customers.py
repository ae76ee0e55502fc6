# SPDX-License-Identifier: Apache-2.0
"""Two customers of a bank, in truth and in a model: each step is done to both and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from uuid import uuid4

from kagimori.application.assistance.ports import Proposal
from kagimori.application.ports import BySerial
from kagimori.application.registration.ports import Part
from kagimori.application.registration.register import RegistrationAnswer
from kagimori.application.registration.replace import BegunAnswer, ReplacementAnswer
from kagimori.domain.errors import AuthorityError, NoToken
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from support.banks.register_desk import PERIOD, Device, RegisterDesk
from support.banks.registering import NEXT
from support.lives.serial_lives import WRONG, Customer, Place, Proposed, Thing
from support.tokens import OTHER_TENANT, SUBSCRIBER

MOST_PRESSES: Final = 300
NO_TRY_LEFT: Final = "no try left"


@dataclass(frozen=True)
class Heard:
    """What a bank's page heard, and what of it the model knows."""

    answer: object
    told: object

    @classmethod
    def of(cls, ask: Callable[[], object]) -> Heard:
        try:
            answer = ask()
        except AuthorityError as refusal:
            return cls(type(refusal), type(refusal))
        return cls(answer, _told(answer))


def _told(answer: object) -> object:
    match answer:
        case (
            RegistrationAnswer(verdict=verdict, part=part)
            | ReplacementAnswer(verdict=verdict, part=part)
        ):
            return verdict.outcome, verdict.attempts_left, part
        case BegunAnswer(verdict=verdict):
            return verdict.outcome, verdict.attempts_left
        case Verdict(outcome=outcome, attempts_left=left):
            return outcome, left
    return None


@dataclass(frozen=True)
class Wish:
    """One request of one customer's: sent again it is the same."""

    what: str
    customer: Customer
    code: str = field(repr=False)
    request_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class TwoCustomers:
    """Hanako and Taro, and all tokens that they can name. ``seen`` counts what came of what."""

    desk: RegisterDesk
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.customers = [Customer(SUBSCRIBER), Customer(NEXT)]
        self.things = [
            Thing(self.new_app()),
            Thing(self.new_app()),
            Thing(self._delivered("SKTS00000001")),
            Thing(self._delivered("SKTS00000002", is_timed=True)),
            Thing(self._delivered("SKTS00000003")),
            Thing(self._delivered("SKTS00000004", tenant=OTHER_TENANT), Place.ELSEWHERE),
            Thing(self._imagined("SKTS00000005"), Place.NOWHERE),
        ]
        self.judged: list[tuple[Wish, Callable[[], object], object]] = []
        self.proposals: list[tuple[Proposal, Proposed]] = []
        self._accepted: set[str] = set()

    # --- tokens -----------------------------------------------------------------

    def new_app(self) -> Device:
        return self.desk.set_an_app_up(self._periods())

    def _delivered(self, serial: str, **how: Any) -> Device:  # noqa: ANN401 - of `deliver`
        steps = self._periods() if how.get("is_timed") else range(MOST_PRESSES)
        return self.desk.deliver(serial, steps, **how)

    def _imagined(self, serial: str) -> Device:
        _, codes = self.desk.drawn(range(MOST_PRESSES))
        return Device(serial, is_app=False, is_timed=False, codes=codes)

    def _periods(self) -> range:
        return range(self._present - 3, self._present + MOST_PRESSES)

    @property
    def _present(self) -> int:
        return int(self._now) // PERIOD

    def to_be_had(self, number: int) -> Thing | None:
        there = [thing for thing in self.things if thing.is_to_be_had and not thing.is_locked]
        return there[number % len(there)] if there else None

    def forgotten(self) -> list[Thing]:
        """Return what apps have made that nobody came for in time."""
        apps = [thing for thing in self.things if thing.device.is_app]
        return [thing for thing in apps if thing.is_too_old and thing.place is Place.SHELF]

    # --- what somebody types ------------------------------------------------------

    def code_of(self, thing: Thing, shown: str, other: Thing | None = None) -> str:
        """Return what somebody types with ``thing`` before him, and ``other`` in his drawer."""
        if shown == "another's":
            return self.code_of(self._another(thing, other), "right")
        step = {
            "last": thing.last,
            "earlier": thing.last - 1,
            "right": self._fresh(thing, 0),
            "after presses in vain": self._fresh(thing, 2),
            "after too many presses": self._fresh(thing, 10),
        }.get(shown, -1)
        return thing.device.codes.get(step, WRONG)

    def _another(self, thing: Thing, other: Thing | None) -> Thing:
        if other is not None and other is not thing:
            return other
        return self.things[self.things.index(thing) - 1]

    def _fresh(self, thing: Thing, pressed_in_vain: int) -> int:
        """Return a step that was not spent, if there is one; a clock shows the present one."""
        if not thing.device.is_timed:
            return thing.last + 1 + pressed_in_vain
        return self._present

    def wait_for(self, thing: Thing) -> None:
        """Let time pass until a clock shows another code than the one that was spent."""
        while thing.device.is_timed and self._present <= thing.last:
            self.desk.let_a_period_pass()

    # --- the page -----------------------------------------------------------------

    def register(self, who: Customer, thing: Thing, code: str, *, login_otp: bool = True) -> object:
        wish = Wish("register", who, code)
        ask = partial(
            self.desk.register,
            code,
            thing.serial,
            who.name,
            wish.request_id,
            login_otp=login_otp,
        )
        return self._do(wish, ask, who.register(thing, code, self._now, login_otp=login_otp))

    def use(self, who: Customer, code: str, operation: Operation) -> object:
        wish = Wish("use", who, code)
        ask = partial(self.desk.use, code, operation, wish.request_id, who.name)
        return self._do(wish, ask, who.use(code, self._now))

    def begin(self, who: Customer, code: str) -> object:
        wish = Wish("begin", who, code)
        ask = partial(self.desk.begin, code, wish.request_id, who.name)
        return self._do(wish, ask, who.begin(code, self._now))

    def complete(self, who: Customer, thing: Thing, code: str) -> object:
        wish, old, exchange = Wish("complete", who, code), who.token, who.exchange
        ask = partial(self.desk.complete, code, thing.serial, wish.request_id, who.name)
        answer = self._do(wish, ask, who.complete(thing, code, self._now, wish.request_id))
        is_done = exchange is not None and exchange.request_id == wish.request_id
        if isinstance(answer, ReplacementAnswer):
            before = old.serial if is_done and old is not None else ""
            after = thing.serial if is_done else ""
            assert (answer.serial_after, answer.serial_before) == (after, before)
        if is_done and exchange is not None and old is not None:
            how = "assisted" if exchange.is_assisted else "by a code"
            self._saw(f"exchanged {how}", old.place)
        return answer

    def terminate(self, who: Customer, code: str) -> object:
        wish = Wish("terminate", who, code)
        ask = partial(self.desk.terminate, code, wish.request_id, who.name)
        return self._do(wish, ask, who.terminate(code, self._now))

    def show_to_a_channel(self, thing: Thing) -> None:
        """Offer a code by serial number: only a customer's token is one to a bank's channel."""
        self.wait_for(thing)
        code, expected = self.code_of(thing, "right"), Outcome.UNKNOWN_TOKEN
        if thing.place is Place.CUSTOMER:
            expected, _ = thing.judge(code, self._now)
        assert self.desk.bank.ask(code, subject=BySerial(thing.serial)).outcome is expected
        self._spent(code, expected)

    def send_again(self, number: int) -> None:
        """Send again what has its verdict, however long ago."""
        wish, ask, answer = self.judged[number % len(self.judged)]
        exchange = wish.customer.exchange
        is_last = exchange is not None and exchange.request_id == wish.request_id
        if isinstance(answer, ReplacementAnswer) and not is_last:
            answer = replace(answer, serial_before="")
        assert Heard.of(ask).answer == answer
        self._saw("again", wish.what)

    # --- the bank's staff -----------------------------------------------------------

    def unlock(self, thing: Thing) -> None:
        told = Heard.of(lambda: self.desk.unlock(BySerial(thing.serial))).told
        assert told is thing.unlock()

    def propose(self, who: Customer, person: str) -> None:
        heard = Heard.of(lambda: self.desk.propose(person, who.name))
        expected = who.be_proposed_for(person)
        self._saw("propose", _in_a_word(expected))
        if expected is not None:
            assert heard.told is expected
            return
        assert isinstance(heard.answer, Proposal)
        self.proposals.append((heard.answer, who.proposals[-1]))

    def approve(self, number: int, person: str) -> None:
        proposal, proposed = self.proposals[number % len(self.proposals)]
        expected = proposed.approve(person)
        for _ in range(2):
            heard = Heard.of(lambda: self.desk.approve(person, proposal, proposed.customer.name))
            assert heard.told is expected
        self._saw("approve", _in_a_word(expected))

    def reject(self, number: int, person: str) -> None:
        proposal, proposed = self.proposals[number % len(self.proposals)]
        heard = Heard.of(lambda: self.desk.reject(person, proposal))
        assert heard.told is proposed.reject()

    def let_the_exchange_take_too_long(self, who: Customer) -> None:
        self.desk.let_the_exchange_take_too_long(who.name)
        if who.exchange is not None:
            who.exchange.is_over = True

    # --- both at once -----------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self.desk.bank.now

    def _do(self, wish: Wish, ask: Callable[[], object], expected: object) -> object:
        """Ask, and at once again; compare with what the model expects."""
        heard = Heard.of(ask)
        assert heard.told == expected
        assert Heard.of(ask).answer == heard.answer
        if isinstance(expected, tuple):
            self._spent(wish.code, expected[0])
        if _has_its_verdict(wish, expected):
            self.judged.append((wish, ask, heard.answer))
        self._saw(wish.what, _in_a_word(expected))
        return heard.answer

    def _spent(self, code: str, outcome: Outcome) -> None:
        if outcome is Outcome.ACCEPTED:
            assert code not in self._accepted
            self._accepted.add(code)

    def _saw(self, what: str, came_of_it: str) -> None:
        self.seen[what, str(came_of_it)] += 1


def _in_a_word(expected: object) -> str:
    if not isinstance(expected, tuple):
        return getattr(expected, "__name__", "done")
    return NO_TRY_LEFT if Part.CUSTOMER in expected else str(expected[0])


def _has_its_verdict(wish: Wish, expected: object) -> bool:
    """Return whether the request was judged, so that it has the same answer ever after."""
    if isinstance(expected, tuple):
        return Part.CUSTOMER not in expected
    # Where there is no token the same work is done, and it is written down.
    return expected is NoToken and wish.what in {"begin", "terminate"}
