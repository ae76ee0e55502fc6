# SPDX-License-Identifier: Apache-2.0
"""What happens to a challenge, its seed or its token between claim and settlement.

The check is held up at the HSM, the world changes, and it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from kagimori_client import SigningProfile
from races.arena import LIMIT, Arena, insist
from races.asking import Answer, Signature, outcome_of, question
from races.codes import event_codes
from races.signing import TransferPage, signature, transfer_page_of

TYPED = SigningProfile.TYPED
NOT_KNOWN = "UNAVAILABLE"


@pytest.fixture(scope="module")
def page(arena: Arena) -> Iterator[TransferPage]:
    with transfer_page_of(arena) as page:
        yield page


def test_a_challenge_that_another_request_ends_meanwhile_is_not_accepted_again(
    arena: Arena, page: TransferPage
) -> None:
    (app,), other = page.customers(), str(uuid4())
    challenge = page.challenge(app, TYPED)
    request = signature(app, challenge, app.code(challenge))
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(request)
            arena.until_claimed(app.serial)
            arena.witness.use(challenge.challenge_id, other)
        assert outcome_of(call).kind == NOT_KNOWN
        assert arena.witness.challenge(challenge.challenge_id) == ("USED", other)
        arena.witness.expire_leases(app.serial)
        assert insist(client, request).reason == "CHALLENGE_OVER"
    assert arena.witness.accepted(app.serial) == []
    assert arena.witness.signing_steps(app.serial) == []


def test_a_step_that_is_spent_meanwhile_leaves_the_challenge_open(
    arena: Arena, page: TransferPage
) -> None:
    (app,) = page.customers()
    challenge = page.challenge(app, TYPED)
    request = signature(app, challenge, app.code(challenge))
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(request)
            arena.until_claimed(app.serial)
            arena.witness.spend_steps_until(app.serial, 1 << 40)
        assert outcome_of(call).kind == NOT_KNOWN
        # All of it or nothing: the challenge is ended before the step is looked at.
        assert arena.witness.challenge(challenge.challenge_id) == ("OPEN", None)
        arena.witness.expire_leases(app.serial)
        assert insist(client, request).kind == "REPLAYED"
    assert arena.witness.accepted(app.serial) == []
    assert arena.witness.signing_steps(app.serial) == [1 << 40]


@pytest.mark.parametrize(
    "ending",
    [{"state": "LOCKED"}, {"state": "ASSIGNED"}, {"generation": 2}],
    ids=["locked", "assigned", "changed"],
)
def test_a_token_that_ends_meanwhile_signs_nothing(
    arena: Arena, page: TransferPage, ending: dict[str, object]
) -> None:
    (app,) = page.customers()
    challenge = page.challenge(app)
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(signature(app, challenge, app.code(challenge)))
            arena.until_claimed(app.serial)
            arena.witness.change(app.serial, **ending)
        assert outcome_of(call).kind != "ACCEPTED"
    assert arena.witness.accepted(app.serial) == []
    assert arena.witness.challenge(challenge.challenge_id) == ("OPEN", None)


def test_a_challenge_goes_with_the_customers_token(arena: Arena, page: TransferPage) -> None:
    (app,) = page.customers()
    challenge = page.challenge(app)
    request = signature(app, challenge, app.code(challenge))
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(request)
            arena.until_claimed(app.serial)
            ending = {"state": "IN_STOCK", "subscriber": None, "generation": 2}
            arena.witness.change(app.serial, **ending)
        assert outcome_of(call).kind != "ACCEPTED"
        arena.witness.expire_leases(app.serial)
        assert insist(client, request).reason == "CHALLENGE_OVER"
    assert arena.witness.accepted(app.serial) == []
    assert arena.witness.challenge(challenge.challenge_id) == ("OPEN", None)


def test_guesses_whose_callers_hang_up_are_spent_and_lock_logins_too(
    arena: Arena, page: TransferPage
) -> None:
    (app,) = page.customers()
    challenge = page.challenge(app)
    for number, guess in enumerate(app.wrong_codes(challenge, LIMIT), 1):
        told = told_after_hanging_up(arena, app.serial, signature(app, challenge, guess))
        assert told.outcome == ("LOCKED" if number == LIMIT else "REJECTED")
        assert told.attempts_left == LIMIT - number
    with arena.client() as client:
        login = question(event_codes(app.device, 1)[0], serial=app.serial)
        assert client.ask(login).kind == "LOCKED"


def test_a_signature_whose_caller_hung_up_is_told_to_the_same_request_alone(
    arena: Arena, page: TransferPage
) -> None:
    (app,) = page.customers()
    challenge = page.challenge(app)
    code = app.code(challenge)
    told = told_after_hanging_up(arena, app.serial, signature(app, challenge, code))
    assert told.outcome == "ACCEPTED"
    (accepted,) = arena.witness.accepted(app.serial)
    assert accepted.receipt == told.receipt
    with arena.client() as client:
        assert client.ask(signature(app, challenge, code)).reason == "CHALLENGE_OVER"


def told_after_hanging_up(arena: Arena, serial: str, request: Signature) -> Answer:
    """Cancel the call while the HSM is at it, and then ask for the same."""
    with arena.client() as client:
        with arena.searching_slowly():
            call = client.begin(request)
            arena.until_claimed(serial)
            call.cancel()
            assert outcome_of(call) == Answer("CANCELLED")
        return insist(client, request)
