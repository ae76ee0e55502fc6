# SPDX-License-Identifier: Apache-2.0
"""kill -9 between every two writes of an exchange: one token works, and the page is told which.

On SQLite a write is a call by which a commit is made, on PostgreSQL a statement. The
calls that come before an exchange, and instead of one, are killed in the same way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from races.arena import Arena
from races.death import Death
from races.moving import LATER, NO_ANSWER, Customer, Page, Step, Told, new_request, page_of
from races.numbers import NUMBERS
from support.processes.calls import eventually

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

HIS, NOBODYS = "ACCEPTED", "UNKNOWN_TOKEN"
PASSED = "REJECTED"
"""His, too, but a later code of it was accepted."""

Works = tuple[str, str]
"""What a code of the old token comes to, and one of the new token."""

FEWEST_KILLS = 3
TRIES = 10
"""Rounds for a last write: the server's own pulse may write beside it."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What works before a step, after it, and when it has been asked for again.

    ``place`` is of the code that is tried between; ``acts`` is what the audit has of
    the step, each act with the place of its token: 0 is the old one.
    """

    before: Works
    after: Works
    in_the_end: Works
    place: int
    acts: tuple[tuple[str, int], ...]


WAYS = {
    Step.REGISTER: Ways(
        (NOBODYS, NOBODYS), (NOBODYS, HIS), (NOBODYS, HIS), LATER + 1, (("VERIFY", 1),)
    ),
    Step.BEGIN: Ways((HIS, NOBODYS), (PASSED, NOBODYS), (HIS, NOBODYS), 1, (("VERIFY", 0),)),
    Step.COMPLETE: Ways(
        (HIS, NOBODYS),
        (NOBODYS, HIS),
        (NOBODYS, HIS),
        LATER + 1,
        (("RETURN", 0), ("VERIFY", 1)),
    ),
    Step.TERMINATE: Ways(
        (HIS, NOBODYS),
        (NOBODYS, NOBODYS),
        (NOBODYS, NOBODYS),
        1,
        (("RETURN", 0), ("VERIFY", 0)),
    ),
}


@pytest.fixture(scope="module")
def page(arena: Arena) -> Iterator[Page]:
    with page_of(arena) as page:
        yield page


@pytest.fixture(scope="module")
def customers(page: Page) -> Iterator[Customer]:
    return page.customers()


def test_killed_between_any_two_writes_of_an_exchange_one_token_works(
    page: Page, customers: Iterator[Customer]
) -> None:
    exchanging = begun(page, customers)
    assert killed_at_every_write(page, Step.COMPLETE, exchanging) >= FEWEST_KILLS
    numbers = page.arena.witness.receipts()
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("step", [Step.REGISTER, Step.BEGIN, Step.TERMINATE])
def test_killed_at_the_last_write_of_another_step_it_is_done_and_told_of(
    page: Page, customers: Iterator[Customer], step: Step
) -> None:
    whose = page.newcomers() if step is Step.REGISTER else customers
    killed_at_the_last_write(page, step, whose, writes_of(page, step, whose))


def begun(page: Page, customers: Iterator[Customer]) -> Iterator[Customer]:
    """Return customers who have begun an exchange."""
    for customer in customers:
        assert page.insist(Step.BEGIN, customer, new_request()).kind == "ACCEPTED"
        yield customer


def killed_at_every_write(page: Page, step: Step, whose: Iterator[Customer]) -> int:
    """Let a customer ask for each number of writes; return how many kills there were."""
    apart = NUMBERS.disk_writes_apart if page.arena.site.workers is None else NUMBERS.writes_apart
    # Other ones each time, where it is not each of them.
    writes, kills = random.randint(1, apart), 0
    while True:
        death, told, _ = killed(page, step, next(whose), writes)
        if told.kind == "ACCEPTED":
            break
        kills += death.came
        writes += apart if death.came else 0
    killed_at_the_last_write(page, step, whose, death.writes)
    return kills + 1


def writes_of(page: Page, step: Step, whose: Iterator[Customer]) -> int:
    """Return how many writes a step comes to."""
    death, told, _ = killed(page, step, next(whose), 10_000)
    assert told.kind == "ACCEPTED"
    return death.writes


def killed_at_the_last_write(
    page: Page, step: Step, whose: Iterator[Customer], writes: int
) -> None:
    """Kill between the commit and the answer: the step is done, and nobody was told."""
    for _ in range(TRIES):
        death, told, works = killed(page, step, next(whose), writes, at_the_commit=True)
        if told.kind in NO_ANSWER and works == WAYS[step].after:
            return
        writes = death.writes
    pytest.fail("no step was killed after its commit")


def killed(
    page: Page, step: Step, customer: Customer, writes: int, *, at_the_commit: bool = False
) -> tuple[Death, Told, Works]:
    """Kill a server after so many writes of a step; see that its customer is no worse off.

    Return what became of the server, what the page was told, and what worked then.
    """
    arena, request_id = page.arena, new_request()
    with arena.site.killing(arena.processes, writes, at_the_commit=at_the_commit) as death:
        told = page.ask(step, customer, request_id)
    # One that is slow to die may have answered; whatever it has said then holds.
    assert told.kind in {"ACCEPTED", *NO_ANSWER}
    if death.came:
        serve_again(arena)
    for token in (customer.old, customer.new):
        arena.witness.expire_leases(token.serial)
    works = what_works(page, customer, WAYS[step].place)
    assert works in {WAYS[step].before, WAYS[step].after}, f"{step.name}, {writes} writes: {works}"
    is_done = works == WAYS[step].after
    assert is_done or told.kind != "ACCEPTED"
    assert acts_of(arena, customer, request_id) == (list(WAYS[step].acts) if is_done else [])
    again_it_tells_the_truth(page, step, customer, request_id, told)
    return death, told, works


def again_it_tells_the_truth(
    page: Page, step: Step, customer: Customer, request_id: str, told: Told
) -> None:
    """Ask for the step again: it goes on, or is as it was; and each time it is the same."""
    arena, ways = page.arena, WAYS[step]
    again = page.insist(step, customer, request_id)
    assert again.kind == "ACCEPTED", f"{step.name}, asked again: {again.kind}"
    assert told.kind in NO_ANSWER or told == again
    assert page.insist(step, customer, request_id) == again
    if step is Step.COMPLETE:
        serials = (again.serial_after, again.serial_before)
        assert serials == (customer.new.serial, customer.old.serial)
    assert what_works(page, customer, LATER + 2) == ways.in_the_end
    assert acts_of(arena, customer, request_id) == list(ways.acts)
    tokens = customer.old, customer.new
    accepted = [each for token in tokens for each in arena.witness.accepted(token.serial)]
    receipts = [each.receipt for each in accepted if each.request_id == request_id]
    # That an exchange has begun is told without one.
    assert receipts == [again.receipt] or (step is Step.BEGIN and len(receipts) == 1)
    for token in tokens:
        arena.witness.sound(token.serial)


def what_works(page: Page, customer: Customer, place: int) -> Works:
    return page.log_in(customer.old, place), page.log_in(customer.new, place)


def acts_of(arena: Arena, customer: Customer, request_id: str) -> list[tuple[str, int]]:
    serials = [customer.old.serial, customer.new.serial]
    return sorted((act, serials.index(serial)) for act, serial in arena.witness.acts(request_id))


def serve_again(arena: Arena) -> None:
    """Start a lone server; where there are several, wait until more than one serve."""
    if arena.site.workers is None:
        arena.server.kill()
        arena.server.start()
    else:
        eventually(lambda: len(arena.processes()) > 1)
