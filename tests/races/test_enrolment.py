# SPDX-License-Identifier: Apache-2.0
"""Enrolments under races and crashes: one token, one letter, one use of each secret."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from kagimori.application.provisioning.wish import SetUp
from kagimori.domain.errors import AuthorityError
from kagimori.domain.lifecycle import Status
from races.enrolling import (
    CALLERS,
    PROCESSES,
    Meeting,
    activating,
    at_once,
    desk_of,
    desks_on,
    issuing,
    kind_of,
    logging_in,
    start_anew,
)
from races.numbers import NUMBERS
from support.banks.desk import Desk
from support.banks.provisioning import PLENTY, POLICY, Scene
from support.databases.database import AnyDatabase
from support.databases.enrolments import enrolment
from support.phones.app import PASSWORD, App
from support.post.letters import letter
from support.post.mail_process import Mailing, Post, until_state
from support.post.mail_server import MailServer
from support.processes.calls import eventually
from support.waiting import waited

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

GUESSES = 64
ROUNDS = 4
LETTERS = 12
TRIES = POLICY.activation.tries


@pytest.fixture
def scene(database: AnyDatabase) -> Iterator[Scene]:
    """Return what sets apps up, in as many processes as are wanted."""
    scene = Scene(database)
    yield scene
    scene.hasher.close()


@pytest.fixture
def desks(database: AnyDatabase) -> Iterator[list[Desk]]:
    with desks_on(database) as desks:
        yield desks


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def post(database: AnyDatabase, server: MailServer, tmp_path: Path) -> Iterator[Post]:
    post = Post(tmp_path / "authority", server.address, database=database)
    yield post
    post.close()


# --- activation passwords --------------------------------------------------------


def test_64_wrong_activation_passwords_at_once_cost_five_looks(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.issue()
    guesses = (f"{number:06d}" for number in range(GUESSES))
    # Whether anything is left to be tried or not: all come to the slow hash.
    Meeting(GUESSES).before(monkeypatch, scene.passwords, scene.passwords.is_right)
    app = App()
    kinds = set_up_at_once(scene, [app.asks(guess) for guess in guesses])
    assert kinds == {"ACTIVATION_REFUSED": GUESSES}
    looks = len(scene.hasher.checked) - scene.hasher.checked.count(scene.hasher.decoy)
    assert looks == TRIES
    assert set_up_at_once(scene, [app.asks(PASSWORD)]) == {"ACTIVATION_REFUSED": 1}
    row = enrolment(scene.database)
    assert (row["state"], row["password_hash"]) == ("VOID", None)


# --- one code --------------------------------------------------------------------


def test_one_code_activates_or_logs_in_once(desks: list[Desk]) -> None:
    database = desks[0].bank.database
    for _ in range(ROUNDS):
        desks[0].issue()
        desks[0].provision()
        code = desks[0].code(0)
        asked = [(activating, logging_in)[number % 2] for number in range(CALLERS)]
        calls = [partial(ask, desk_of(desks, n), code) for n, ask in enumerate(asked)]
        kinds = at_once([partial(kind_of, call) for call in calls])
        assert Counter(kinds)["ACCEPTED"] == 1, kinds
        assert asked[kinds.index("ACCEPTED")] is activating
        (row,) = database.run("SELECT state, last_step FROM tokens WHERE state <> 'RETIRED'")
        assert (row["state"], row["last_step"]) == ("ACTIVE", 0)
        assert logging_in(desks[-1], code) == "REPLAYED"
        assert logging_in(desks[-1], desks[0].code(1)) == "ACCEPTED"
        desks[0].deregister()
        start_anew(database)


def test_logins_at_once_take_no_token_into_use(desks: list[Desk]) -> None:
    desks[0].issue()
    desks[0].provision()
    code = desks[0].code(0)
    calls = [partial(logging_in, desk_of(desks, number), code) for number in range(CALLERS)]
    kinds = at_once([partial(kind_of, call) for call in calls])
    assert Counter(kinds) == {"NOT_ACTIVE": CALLERS}
    (row,) = desks[0].run("SELECT state, last_step, failures FROM tokens")
    assert tuple(row.values()) == ("ASSIGNED", -1, 0)
    assert activating(desks[0], code) == "ACCEPTED"


# --- the end of an enrolment -----------------------------------------------------


@pytest.mark.parametrize("operation", ["LOGIN", "ACTIVATION"])
def test_a_code_that_is_being_searched_for_when_its_token_ends_is_not_accepted(
    desks: list[Desk], operation: str
) -> None:
    desk, other = desks[:2]
    desk.issue()
    desk.provision()
    ask = activating
    if operation == "LOGIN":
        assert activating(desk, desk.code(0)) == "ACCEPTED"
        ask = logging_in
    before = accepted(desk)
    call = partial(ask, desk, desk.code(1), request_id=str(uuid4()))
    desk.bank.store.before_next_settle(other.deregister)
    assert kind_of(call) == "LEASE_LOST"
    desk.bank.expire_leases()
    assert kind_of(call) in {"UNKNOWN_TOKEN", "NO_TOKEN"}
    assert accepted(desk) == before
    (row,) = desk.run("SELECT state, lease FROM tokens")
    assert (row["state"], row["lease"]) == ("RETIRED", None)
    assert desk.status().status is Status.RELEASED


# --- issue -----------------------------------------------------------------------


def test_of_16_issues_at_once_one_is_carried_out(
    desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    all_look_before_any_writes(desks, monkeypatch)
    calls = [partial(issuing, desk_of(desks, number)) for number in range(CALLERS)]
    kinds = at_once([partial(kind_of, call) for call in calls])
    assert Counter(kinds) == {"ISSUED": 1, "LIVE_TOKEN": CALLERS - 1}
    assert one_enrolment_and_its_letter(desks[0])


def test_the_same_issue_sent_16_times_at_once_is_carried_out_once_and_told_to_all(
    desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    all_look_before_any_writes(desks, monkeypatch)
    request_id = str(uuid4())
    first, *others = at_once(
        [partial(desk_of(desks, number).issue, request_id) for number in range(CALLERS)]
    )
    assert first.status is Status.ISSUED
    assert others == [first] * (CALLERS - 1)
    assert one_enrolment_and_its_letter(desks[0]) == first.user_id


# --- envelopes -------------------------------------------------------------------


def test_the_same_envelopes_for_several_customers_at_once_set_up_one_app(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [f"{999_800_000_100 + number}" for number in range(PROCESSES)]
    for user_id in users:
        scene.issue(user_id=user_id, subscriber=f"customer-{user_id}")
    Meeting(len(users)).before(monkeypatch, scene.hsm, scene.hsm.seal_envelopes)
    app = App()
    # Every other customer has them the other way round.
    login, signing = app.login_envelope, app.signing_envelope
    asked = []
    for user_id in users:
        asked.append(app.asks(user_id=user_id, login_envelope=login, signing_envelope=signing))
        login, signing = signing, login
    kinds = set_up_at_once(scene, asked)
    assert kinds == {"DONE": 1, "ENVELOPE_REFUSED": len(users) - 1}
    states = Counter(enrolment(scene.database, user_id)["state"] for user_id in users)
    assert states == {"PROVISIONED": 1, "ISSUED": len(users) - 1}
    assert len(scene.database.run("SELECT serial FROM tokens")) == 1


# --- letters ---------------------------------------------------------------------


def test_two_mail_processes_send_each_letter_once(post: Post, server: MailServer) -> None:
    letters = [letter() for _ in range(LETTERS)]

    def slowly() -> str:
        # Until the other process has met the letters, this one's among them.
        eventually(lambda: bool(server.arrived))
        return "250 taken"

    server.then("DATA", slowly)
    with post.run() as first, post.run() as second:
        for process in (first, second):
            process.until_it_sends()
        post.outbox.post(*letters)
        until_state(post, "SENT")
        for process in (first, second):
            end(process)
    copies = Counter(message_ids(server))
    assert max(copies.values()) == 1
    assert copies.keys() == {one.message_id for one in letters}


def test_a_mail_process_that_dies_before_it_wrote_sent_leaves_the_same_letter(
    post: Post, server: MailServer
) -> None:
    mine = letter()
    post.outbox.post(mine)
    post.killed("accepted")
    assert post.outbox.row()["state"] == "PENDING"
    post.outbox.expire()
    post.once()
    first, second = message_ids(server)
    assert first == second
    assert first == mine.message_id
    assert post.outbox.row()["state"] == "SENT"


# --- what is made to happen, and what became of it --------------------------------


def all_look_before_any_writes(desks: list[Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its look at the customer and its write an issue seals the password."""
    meeting = Meeting(CALLERS)
    for desk in desks:
        meeting.before(monkeypatch, desk.passwords, desk.passwords.sealed)


def one_enrolment_and_its_letter(desk: Desk) -> str:
    """Return the user ID of both."""
    (enrolled,) = desk.run("SELECT user_id FROM enrollments")
    (posted,) = desk.run("SELECT user_id FROM outbox")
    assert enrolled == posted
    return str(enrolled["user_id"])


def accepted(desk: Desk) -> int:
    """Return how many codes were accepted, by the audit."""
    return len(desk.run("SELECT id FROM audit WHERE outcome = 'ACCEPTED'"))


def set_up_at_once(scene: Scene, asked: list[SetUp]) -> Mapping[str, int]:
    """Let each app ask another process than the one before; count what they were told."""
    processes = [scene.another(PLENTY) for _ in range(PROCESSES)]

    async def told(number: int) -> str:
        try:
            await processes[number % PROCESSES](asked[number])
        except AuthorityError as error:
            return error.reason
        return "DONE"

    async def all_told() -> list[str]:
        return await asyncio.gather(*(told(number) for number in range(len(asked))))

    return Counter(waited(all_told()))


def message_ids(server: MailServer) -> list[str]:
    return [arrived.letter["Message-ID"] for arrived in server.arrived]


def end(process: Mailing) -> None:
    process.ask_to_end()
    process.wait()
