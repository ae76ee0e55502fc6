# SPDX-License-Identifier: Apache-2.0
"""Signatures against the server itself: a challenge is answered once, whoever comes, and how often.

What was told UNAVAILABLE in a race is asked again after it, as a bank's page does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest

from kagimori_client import SigningProfile
from races.arena import LIMIT, WINDOW, Arena, insist
from races.asking import Answer, Asked, Client, question
from races.codes import REACH, event_codes, wrong_codes
from races.crowd import CLIENTS, Crowd
from races.numbers import NUMBERS
from races.signing import App, TransferPage, signature, transfer_page_of
from support.pages.transfers import transaction, transfer

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

ABREAST = 8
"""Customers who are raced for at once."""
AT_ONCE = 8
"""Clients who ask the same, where others ask something else beside them."""
GUESSES = 200
CHANGED = transaction(transfer(amount=1_234_568))
"""One yen more."""

OVER = "CHALLENGE_OVER"

EVALUATED = {SigningProfile.SCANNED: 1, SigningProfile.TYPED: WINDOW}
"""Codes that are computed before one is found to be wrong."""


@pytest.fixture(scope="module")
def page(arena: Arena) -> Iterator[TransferPage]:
    with transfer_page_of(arena) as page:
        yield page


def test_one_right_code_under_64_request_ids_is_accepted_once(
    arena: Arena, crowd: Crowd, page: TransferPage
) -> None:
    apps, rounds = page.customers(ABREAST), max(1, NUMBERS.same_code // (4 * ABREAST))
    for _ in range(rounds):
        names = {app.serial: [uuid4() for _ in range(CLIENTS)] for app in apps}
        asked = [page.challenge(app) for app in apps]
        races: list[list[Asked]] = []
        for app, challenge in zip(apps, asked, strict=True):
            code = app.code(challenge)
            races.append([signature(app, challenge, code, name) for name in names[app.serial]])
        told = told_in_the_end(arena, crowd, races)
        for app, challenge, words in zip(apps, asked, told, strict=True):
            assert Counter(words) == {"ACCEPTED": 1, OVER: CLIENTS - 1}
            accepted = names[app.serial][words.index("ACCEPTED")]
            assert arena.witness.challenge(challenge.challenge_id) == ("USED", str(accepted))
    for app in apps:
        assert len(arena.witness.accepted(app.serial)) == rounds
        arena.witness.sound(app.serial)


def test_one_request_id_from_16_clients_is_one_signature(
    arena: Arena, crowd: Crowd, page: TransferPage
) -> None:
    rounds = NUMBERS.retries // 4
    (app,) = page.customers()
    for _ in range(rounds):
        challenge = page.challenge(app)
        (answers,) = crowd.race([[signature(app, challenge, app.code(challenge))] * 16])
        assert len(set(answers)) == 1, answers
        assert answers[0].outcome == "ACCEPTED"
    assert arena.witness.claims(app.serial) == rounds
    arena.witness.sound(app.serial)


def test_two_challenges_and_a_login_of_one_token_are_each_accepted_once(
    arena: Arena, crowd: Crowd, page: TransferPage
) -> None:
    apps, rounds = page.customers(ABREAST), max(1, NUMBERS.neighbours // (4 * ABREAST))
    shown = [event_codes(app.device, rounds) for app in apps]
    for codes in zip(*shown, strict=True):
        races = [both_and_a_login(page, app, code) for app, code in zip(apps, codes, strict=True)]
        for words in told_in_the_end(arena, crowd, races):
            for signed in (words[0::3], words[1::3]):
                assert Counter(signed) == {"ACCEPTED": 1, OVER: AT_ONCE - 1}
            assert Counter(words[2::3]) == {"ACCEPTED": 1, "REPLAYED": AT_ONCE - 1}
    for app in apps:
        assert len(arena.witness.accepted(app.serial)) == 3 * rounds
        assert arena.witness.steps(app.serial) == list(range(rounds))
        arena.witness.sound(app.serial)


def test_of_what_is_typed_in_one_moment_one_challenge_is_answered(
    arena: Arena, crowd: Crowd, page: TransferPage
) -> None:
    apps = page.customers(ABREAST)
    # Moments that lie inside the window, which may move on by a step or two meanwhile.
    moments = range(3 - REACH, REACH - 3, max(1, 1000 // NUMBERS.neighbours))
    for moment in moments:
        asked = [[page.challenge(app, SigningProfile.TYPED) for _ in range(4)] for app in apps]
        races: list[list[Asked]] = []
        for app, several in zip(apps, asked, strict=True):
            code = app.code(several[0], moment)
            races.append([signature(app, each, code) for each in several * (AT_ONCE // 2)])
        for several, words in zip(asked, told_in_the_end(arena, crowd, races), strict=True):
            each = [words[place::4] for place, _ in enumerate(several)]
            mine = words.index("ACCEPTED") % 4
            assert Counter(each.pop(mine))["ACCEPTED"] == 1
            assert {word for other in each for word in other} == {"REPLAYED"}
            states = Counter(arena.witness.challenge(one.challenge_id).state for one in several)
            assert states == {"USED": 1, "OPEN": 3}
    for app in apps:
        assert len(arena.witness.signing_steps(app.serial)) == len(moments)
        assert arena.witness.token(app.serial).failures == 0
        arena.witness.sound(app.serial)


@pytest.mark.parametrize("profile", SigningProfile, ids=lambda profile: profile.name.lower())
def test_200_parallel_guesses_cost_five_attempts_of_logins_too(
    arena: Arena, crowd: Crowd, page: TransferPage, profile: SigningProfile
) -> None:
    apps = page.customers(ABREAST)
    asked = [page.challenge(app, profile) for app in apps]
    races: list[list[Asked]] = [
        [signature(app, challenge, code) for code in app.wrong_codes(challenge, GUESSES)]
        for app, challenge in zip(apps, asked, strict=True)
    ]
    arena.shim.reset()
    guess_slowly(arena, crowd, races)
    assert arena.evaluated() == LIMIT * ABREAST * EVALUATED[profile]
    with arena.client() as client:
        for app, challenge in zip(apps, asked, strict=True):
            right = signature(app, challenge, app.code(challenge))
            assert client.ask(right).kind == "LOCKED"
            login = question(event_codes(app.device, 1)[0], serial=app.serial)
            assert client.ask(login).kind == "LOCKED"
            assert arena.witness.challenge(challenge.challenge_id).state == "OPEN"
    assert arena.evaluated() == LIMIT * ABREAST * EVALUATED[profile]


def test_guesses_at_a_login_and_at_a_challenge_share_five_attempts(
    arena: Arena, crowd: Crowd, page: TransferPage
) -> None:
    apps = page.enrol(ABREAST, period=30)
    races: list[list[Asked]] = []
    for app in apps:
        challenge, half = page.challenge(app), GUESSES // 2
        logins = [question(code, serial=app.serial) for code in wrong_codes(app.device, half)]
        signatures = [signature(app, challenge, each) for each in app.wrong_codes(challenge, half)]
        races.append([each for both in zip(logins, signatures, strict=True) for each in both])
    arena.shim.reset()
    guess_slowly(arena, crowd, races)
    # Whichever of them came first: a login's guess costs a whole window.
    of_logins, rest = divmod(arena.evaluated() - LIMIT * ABREAST, WINDOW - 1)
    assert (0 <= of_logins <= LIMIT * ABREAST, rest) == (True, 0)
    assert {arena.witness.token(app.serial).failures for app in apps} == {LIMIT}


def test_a_changed_amount_beside_the_right_one_costs_nothing_and_is_never_accepted(
    arena: Arena, crowd: Crowd, page: TransferPage
) -> None:
    apps = page.customers(ABREAST)
    for _ in range(max(1, NUMBERS.neighbours // (4 * ABREAST))):
        races: list[list[Asked]] = []
        for app in apps:
            challenge = page.challenge(app)
            code = app.code(challenge)
            races.append([])
            for _ in range(AT_ONCE):
                races[-1] += [
                    signature(app, challenge, code, about=CHANGED),
                    signature(app, challenge, code),
                ]
        for words in told_in_the_end(arena, crowd, races):
            assert set(words[0::2]) <= {"TRANSACTION_CHANGED", OVER}
            assert Counter(words[1::2]) == {"ACCEPTED": 1, OVER: AT_ONCE - 1}
    for app in apps:
        arena.witness.sound(app.serial)


def guess_slowly(arena: Arena, crowd: Crowd, races: Sequence[Sequence[Asked]]) -> None:
    """Offer wrong codes; of each race five are looked at, and the last of them locks."""
    # Time enough for many to see the same attempts left.
    with arena.searching_slowly(for_seconds=0.5):
        raced = crowd.race(races)
    for answers in raced:
        kinds = Counter(answer.kind for answer in answers)
        assert kinds["REJECTED"] == LIMIT - 1, kinds
        assert kinds["LOCKED"], kinds
        assert kinds.keys() <= {"REJECTED", "LOCKED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}


def both_and_a_login(page: TransferPage, app: App, login: str) -> list[Asked]:
    """Return what a customer's two signatures and his login are asked with, many times."""
    one, other = page.challenges(app, 2)
    codes = app.code(one), app.code(other)
    asked: list[Asked] = []
    for _ in range(AT_ONCE):
        asked += [signature(app, one, codes[0]), signature(app, other, codes[1])]
        asked.append(question(login, serial=app.serial))
    return asked


def told_in_the_end(
    arena: Arena, crowd: Crowd, races: Sequence[Sequence[Asked]]
) -> list[list[str]]:
    """Return what each request comes to in a race, or when it is asked again after it."""
    raced = crowd.race(races)
    with arena.client() as client:
        return [
            [word_of(client, *pair) for pair in zip(race, answers, strict=True)]
            for race, answers in zip(races, raced, strict=True)
        ]


def word_of(client: Client, request: Asked, answer: Answer) -> str:
    if answer.status == "UNAVAILABLE":
        answer = insist(client, request)
    return answer.outcome or answer.reason or answer.status
