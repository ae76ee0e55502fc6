# SPDX-License-Identifier: Apache-2.0
"""kill -9 between every two writes of a signature: its challenge is over exactly if it is accepted.

On SQLite a write is a call by which a commit is made, on PostgreSQL a statement. After
it the page asks again, or its customer's second click has come first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from uuid import UUID, uuid4

import pytest

from kagimori_client import SigningProfile, TransactionChallenge
from races.arena import Arena, insist
from races.asking import Answer, Client, Signature
from races.death import Death
from races.moving import NO_ANSWER
from races.numbers import NUMBERS
from races.signing import App, TransferPage, signature, transfer_page_of
from support.processes.calls import eventually

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

FEWEST_KILLS = 3
TRIES = 10
"""Rounds for a last write: the server's own pulse may write beside it."""


@dataclass(frozen=True)
class Click:
    """One request of a customer's page, about what it may ask for again."""

    app: App
    challenge: TransactionChallenge
    code: str = field(repr=False)
    request_id: UUID = field(default_factory=uuid4)

    def request(self, request_id: UUID | None = None) -> Signature:
        """Return it, or the same under another ``request_id``."""
        return signature(self.app, self.challenge, self.code, request_id or self.request_id)


@pytest.fixture(scope="module")
def page(arena: Arena) -> Iterator[TransferPage]:
    with transfer_page_of(arena) as page:
        yield page


def test_killed_between_any_two_writes_a_challenge_is_over_if_its_code_is_accepted(
    page: TransferPage,
) -> None:
    arena, orders = page.arena, cycle((False, True))
    apart = NUMBERS.disk_writes_apart if arena.site.workers is None else NUMBERS.writes_apart
    # Other ones each time, where it is not each of them.
    writes, kills = random.randint(1, apart), 0
    while True:
        # What is typed has a seed whose last step is written, too.
        death, told, _ = killed(page, SigningProfile.TYPED, writes, second_first=next(orders))
        if told.kind == "ACCEPTED":
            break
        kills += death.came
        writes += apart if death.came else 0
    assert kills >= FEWEST_KILLS
    numbers = arena.witness.receipts()
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("profile", SigningProfile, ids=lambda profile: profile.name.lower())
@pytest.mark.parametrize("second_first", [False, True], ids=["asked again", "asked anew"])
def test_killed_after_its_commit_a_signature_is_accepted_and_told_to_its_own_request(
    page: TransferPage, profile: SigningProfile, *, second_first: bool
) -> None:
    death, told, _ = killed(page, profile, 10_000, second_first=second_first)
    assert told.kind == "ACCEPTED"
    for _ in range(TRIES):
        death, told, is_done = killed(
            page, profile, death.writes, second_first=second_first, at_the_commit=True
        )
        if told.kind in NO_ANSWER and is_done:
            return
    pytest.fail("no signature was killed after its commit")


def killed(
    page: TransferPage,
    profile: SigningProfile,
    writes: int,
    *,
    second_first: bool,
    at_the_commit: bool = False,
) -> tuple[Death, Answer, bool]:
    """Kill a server after so many writes; see that the customer has signed once, or not yet.

    Return what became of the server, what the page was told, and whether it was done.
    """
    arena, (app,) = page.arena, page.customers()
    challenge = page.challenge(app, profile)
    click = Click(app, challenge, app.code(challenge))
    with arena.client() as client:
        killing = arena.site.killing(arena.processes, writes, at_the_commit=at_the_commit)
        with killing as death:
            told = client.ask(click.request())
    # One that is slow to die may have answered; whatever it has said then holds.
    assert told.kind in {"ACCEPTED", *NO_ANSWER}
    if death.came:
        serve_again(arena)
    arena.witness.expire_leases(app.serial)
    is_done = accepted_by(arena, click) == [click.request_id]
    assert is_done or not accepted_by(arena, click)
    assert is_done or told.kind != "ACCEPTED"
    is_over_by(arena, click, click.request_id if is_done else None)
    with arena.client() as client:
        if second_first:
            a_second_click_comes_first(arena, client, click, is_done=is_done)
        else:
            it_is_asked_for_again(arena, client, click, told)
    arena.witness.sound(app.serial)
    return death, told, is_done


def it_is_asked_for_again(arena: Arena, client: Client, click: Click, told: Answer) -> None:
    """Ask for the same: it goes on, or is as it was; no other request has a second acceptance."""
    again = insist(client, click.request())
    assert again.kind == "ACCEPTED", again
    assert told.kind in NO_ANSWER or told == again
    assert insist(client, click.request()) == again
    assert insist(client, click.request(uuid4())).reason == "CHALLENGE_OVER"
    (accepted,) = arena.witness.accepted(click.app.serial)
    assert (accepted.receipt, accepted.digest) == (
        again.receipt,
        click.challenge.transaction_digest,
    )
    is_over_by(arena, click, click.request_id)
    # One attempt, whenever it was spent, and it was given back.
    assert arena.witness.most_failures(click.app.serial) == 1
    token = arena.witness.token(click.app.serial)
    assert (token.failures, token.day_failures, token.unlock_failures) == (0, 0, 0)


def a_second_click_comes_first(
    arena: Arena, client: Client, click: Click, *, is_done: bool
) -> None:
    """Ask for it anew: that is the one acceptance, or comes too late for it."""
    second = uuid4()
    told = insist(client, click.request(second))
    assert (told.kind == "ACCEPTED") is not is_done, told
    first = insist(client, click.request())
    assert (first.kind == "ACCEPTED") is is_done, first
    assert (first if told.kind == "ACCEPTED" else told).reason == "CHALLENGE_OVER"
    is_over_by(arena, click, click.request_id if is_done else second)


def is_over_by(arena: Arena, click: Click, request_id: UUID | None) -> None:
    """See that the challenge, and the step of what is typed, are this request's or nobody's."""
    ended = arena.witness.challenge(click.challenge.challenge_id)
    assert ended == (("OPEN", None) if request_id is None else ("USED", str(request_id)))
    has_step = request_id is not None and click.challenge.typed is not None
    assert len(arena.witness.signing_steps(click.app.serial)) == has_step
    assert accepted_by(arena, click) == ([] if request_id is None else [request_id])


def accepted_by(arena: Arena, click: Click) -> list[UUID]:
    return [UUID(each.request_id) for each in arena.witness.accepted(click.app.serial)]


def serve_again(arena: Arena) -> None:
    """Start a lone server; where there are several, wait until more than one serve."""
    if arena.site.workers is None:
        arena.server.kill()
        arena.server.start()
    else:
        eventually(lambda: len(arena.processes()) > 1)
