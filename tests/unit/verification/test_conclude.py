# SPDX-License-Identifier: Apache-2.0
"""Codes that bring something about: who may ask for them, and what makes two the same."""

from __future__ import annotations

import itertools
from asyncio import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from kagimori.adapters.sql.rows import ALL, token_of
from kagimori.application.consequences import (
    BRINGS_ABOUT,
    Consequence,
    Registered,
    ReplacementBegun,
    Taken,
)
from kagimori.application.ports import BySerial, BySubscriber, Subject
from kagimori.application.verification.verify import _message, _Question
from kagimori.domain.code import Otp
from kagimori.domain.errors import HsmUnavailable, LeaseLost, RequestIdReused, StoreUnavailable
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import TAKES_STOCK, Operation
from kagimori.domain.token import Token
from support.banks.bank import CALLER, CODES, PATIENCE, SEED, Bank
from support.tokens import EVENT, SERIAL, SUBSCRIBER, TENANT, identity, token

NEW = "SKTS00000001"
MINE = BySubscriber(SUBSCRIBER)
WITHIN = timedelta(minutes=10)
NEWCOMER = "subscriber-2"


@dataclass
class Page:
    """Offers codes as a use case does that has prepared what they bring about."""

    bank: Bank

    def offer(
        self,
        code: str,
        operation: Operation,
        consequence: Consequence | None,
        subject: Subject | None = None,
        **options: Any,  # noqa: ANN401 - those of `conclude`
    ) -> Verdict:
        if subject is None:
            subject = BySerial(NEW) if operation in TAKES_STOCK else MINE

        async def conclude() -> Verdict:
            answer: Future[Verdict] = self.bank.verify.conclude(
                **{
                    "caller": CALLER,
                    "request_id": str(uuid4()),
                    "subject": subject,
                    "operation": operation,
                    "code": Otp(code),
                    "consequence": consequence,
                    "words": "",
                    "seconds_left": PATIENCE,
                    **options,
                }
            )
            return await answer

        return self.bank.run(conclude())

    def seen(self, serial: str = NEW) -> Token:
        (row,) = [
            row for row in self.bank.database.run("SELECT * FROM tokens") if row["serial"] == serial
        ]
        return token_of(tuple(row[column] for column in ALL))

    def to_register(self, subscriber: str = NEWCOMER) -> Registered:
        seen = self.seen()
        mine = identity(
            EVENT,
            token_id="token-new",
            serial=NEW,
            subscriber=subscriber,
            seed=seen.identity.seed,
        )
        return Registered(Taken(seen, subscriber, self.bank.vault.row_mac(mine)), login_otp=True)


@pytest.fixture
def page(bank: Bank) -> Page:
    """A bank with a customer, and a token in stock that shows the same codes."""
    of = identity(
        EVENT,
        token_id="token-new",
        serial=NEW,
        subscriber=None,
        seed=bank.vault.seal(TENANT, SEED),
    )
    mac = bank.vault.row_mac(of)
    bank.inventory.add([token(of, state=State.IN_STOCK, row_mac=mac)], "importer")
    return Page(bank)


def test_the_right_code_brings_it_about(page: Page) -> None:
    told = page.offer(CODES[0], Operation.REGISTRATION, page.to_register())
    assert (told.outcome, told.attempts_left) == (Outcome.ACCEPTED, 5)
    assert told.receipt is not None
    # With a row MAC that is over the customer's row: the next code verifies.
    login = page.bank.ask(CODES[1], subject=BySubscriber(NEWCOMER))
    assert login.outcome is Outcome.ACCEPTED


def test_a_wrong_code_does_not(page: Page) -> None:
    told = page.offer("000000", Operation.REGISTRATION, page.to_register())
    assert told == Verdict(Outcome.REJECTED, None, 4)
    assert page.seen().state is State.IN_STOCK


def test_an_unknown_serial_costs_the_same_search(page: Page) -> None:
    before = page.bank.vault.searches
    for subject in (BySerial("NOBODYS"), BySerial(SERIAL)):
        told = page.offer(CODES[0], Operation.REGISTRATION, page.to_register(), subject)
        assert told == Verdict(Outcome.UNKNOWN_TOKEN)
    assert page.bank.vault.searches == before + 2


def test_nothing_prepared_is_nothing_accepted(page: Page) -> None:
    with pytest.raises(LeaseLost):
        page.offer(CODES[0], Operation.REGISTRATION, None)
    assert page.seen().state is State.IN_STOCK


def test_the_same_request_has_one_answer_with_nothing_prepared(page: Page) -> None:
    request = str(uuid4())
    first = page.offer(
        CODES[0], Operation.REGISTRATION, page.to_register(), request_id=request, words="a"
    )
    again = page.offer(CODES[0], Operation.REGISTRATION, None, request_id=request, words="a")
    assert again == first


@pytest.mark.parametrize(
    "change", [{"words": "REQUIRED b"}, {"code": "111111"}, {"subject": BySerial("SKTS")}], ids=str
)
def test_another_request_cannot_use_its_id(page: Page, change: dict[str, Any]) -> None:
    first: dict[str, Any] = {
        "code": "000000",
        "operation": Operation.REGISTRATION,
        "consequence": None,
        "request_id": str(uuid4()),
        "words": "REQUIRED a",
    }
    page.offer(**first)
    with pytest.raises(RequestIdReused):
        page.offer(**first | change)


def test_a_beginning_leaves_the_token_in_use(page: Page) -> None:
    begun = ReplacementBegun(SUBSCRIBER, WITHIN)
    assert page.offer(CODES[0], Operation.REPLACE_OLD, begun).outcome is Outcome.ACCEPTED
    assert page.bank.ask(CODES[0]).outcome is Outcome.REPLAYED
    assert page.bank.ask(CODES[1]).outcome is Outcome.ACCEPTED


def test_an_outage_is_told_as_one_and_the_request_goes_on(page: Page) -> None:
    request = str(uuid4())
    page.bank.vault.fail_next(HsmUnavailable("down", 1.0), 0)
    with pytest.raises(HsmUnavailable):
        page.offer(CODES[0], Operation.REGISTRATION, page.to_register(), request_id=request)
    assert page.seen().spent.failures == 0
    page.bank.store.lose_next_commit()
    with pytest.raises(StoreUnavailable):
        page.offer(CODES[0], Operation.REGISTRATION, page.to_register(), request_id=request)
    told = page.offer(CODES[0], Operation.REGISTRATION, None, request_id=request)
    assert told.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("operation", sorted(BRINGS_ABOUT))
def test_a_code_alone_brings_nothing_about(bank: Bank, operation: Operation) -> None:
    with pytest.raises(ValueError, match="more than a code"):
        bank.ask(CODES[0], operation=operation)


@pytest.mark.parametrize("operation", sorted(set(Operation) - BRINGS_ABOUT.keys()))
def test_what_brings_nothing_about_is_not_concluded(page: Page, operation: Operation) -> None:
    with pytest.raises(ValueError, match="nothing about"):
        page.offer(CODES[0], operation, None)


@pytest.mark.parametrize("operation", sorted(BRINGS_ABOUT))
def test_a_token_is_named_as_it_can_be(page: Page, operation: Operation) -> None:
    subject: Subject = MINE if operation in TAKES_STOCK else BySerial(SERIAL)
    with pytest.raises(ValueError, match="otherwise"):
        page.offer(CODES[0], operation, None, subject)


@pytest.mark.parametrize("operation", sorted(set(BRINGS_ABOUT) - {Operation.REPLACE_OLD}))
def test_each_brings_about_what_it_is_for(page: Page, operation: Operation) -> None:
    with pytest.raises(ValueError, match="does not bring"):
        page.offer(CODES[0], operation, ReplacementBegun(SUBSCRIBER, WITHIN))


def test_no_two_requests_read_alike() -> None:
    """Whatever customers type, and wherever they put blanks and digits."""
    texts = ["", " ", "1", "1 ", " 1", "2 1 ", "A", "A A", "A 1 A", "3 A", "REQUIRED A", "1 1 1"]
    questions = [
        _Question(kind(text), operation, Otp(code), None, None, words)
        for kind in (BySerial, BySubscriber)
        for operation in (Operation.REGISTRATION, Operation.REPLACE_NEW)
        for code in ("123456", "1234567")
        for text, words in itertools.product(texts, texts)
    ]
    plain = [
        _Question(kind(text), Operation.LOGIN, Otp("123456"))
        for kind in (BySerial, BySubscriber)
        for text in texts
    ]
    messages = [_message(question) for question in (*questions, *plain)]
    assert len(set(messages)) == len(messages)
