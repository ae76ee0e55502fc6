# SPDX-License-Identifier: Apache-2.0
"""Who is refused learns nothing, costs the same work, and is written down."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from kagimori.application.provisioning.wish import Done, SetUp
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.errors import (
    ActivationExpired,
    ActivationRefused,
    AuthorityError,
    EnvelopeRefused,
    InvalidField,
)
from support.banks.provisioning import Scene
from support.databases.enrolments import (
    LONG_AGO,
    NOBODY,
    TENANT,
    USER,
    audited,
    enrolment,
    outcomes,
)
from support.engine import until
from support.phones.app import PASSWORD, App, public_key
from support.tokens import OTHER_TENANT
from support.waiting import waited

WRONG = "24680"


@dataclass(frozen=True)
class Work:
    """What a refusal cost, and what it said."""

    macs: int
    hashes: int
    reason: str
    message: str
    audit: list[str]


def refused(scene: Scene, asked: SetUp) -> Work:
    macs, hashes = scene.hsm.passwords, len(scene.hasher.checked)
    rows = len(outcomes(scene.database))
    with pytest.raises(ActivationRefused) as caught:
        scene.ask(asked)
    return Work(
        scene.hsm.passwords - macs,
        len(scene.hasher.checked) - hashes,
        caught.value.reason,
        str(caught.value),
        outcomes(scene.database)[rows:],
    )


def test_unknown_wrong_void_and_used_up_are_one_answer_after_the_same_work(scene: Scene) -> None:
    app = App()
    wrong = refused(scene, app.asks(WRONG))
    assert (wrong.macs, wrong.hashes, wrong.audit) == (1, 1, ["REFUSED"])
    assert refused(scene, app.asks(WRONG, user_id=NOBODY)) == wrong
    assert refused(scene, app.asks(PASSWORD, user_id=NOBODY)) == wrong
    scene.issue(user_id=NOBODY, subscriber="customer-2", state="VOID", password_hash=None)
    assert refused(scene, app.asks(PASSWORD, user_id=NOBODY)) == wrong
    scene.database.run("UPDATE enrollments SET state = 'PROVISIONED', token_id = 'x', tries = 5")
    assert refused(scene, app.asks(PASSWORD)) == wrong


def test_five_wrong_passwords_void_and_the_right_one_comes_too_late(scene: Scene) -> None:
    app = App()
    for _ in range(5):
        refused(scene, app.asks(WRONG))
    row = enrolment(scene.database)
    assert (row["state"], row["password_hash"], row["mail_address"]) == ("VOID", None, None)
    assert outcomes(scene.database) == ["REFUSED"] * 4 + ["VOID"]
    assert refused(scene, app.asks(PASSWORD)).audit == ["REFUSED"]
    assert scene.database.run("SELECT * FROM tokens") == []


def test_four_wrong_passwords_leave_one_try_for_the_right_one(scene: Scene) -> None:
    app = App()
    for _ in range(4):
        refused(scene, app.asks(WRONG))
    scene.ask(app.asks(PASSWORD))
    assert enrolment(scene.database)["tries"] == 0


def test_200_wrong_passwords_at_once_are_five_guesses(scene: Scene) -> None:
    app = App()
    (kept,) = [row["password_hash"] for row in scene.database.run("SELECT * FROM enrollments")]
    processes = [scene.provision, scene.another(scene.provision._limits)]

    async def all_at_once() -> list[Done | BaseException]:
        guesses = [f"{number:04d}" for number in range(200)]
        calls = [processes[n % 2](app.asks(guess)) for n, guess in enumerate(guesses)]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = waited(all_at_once())
    assert {type(answer) for answer in answers} == {ActivationRefused}
    assert 0 < scene.hasher.checked.count(kept) <= 5
    assert len(scene.hasher.checked) == scene.hsm.passwords == 200
    assert enrolment(scene.database)["state"] == "VOID"
    assert sorted(set(outcomes(scene.database))) == ["REFUSED", "VOID"]
    assert len(outcomes(scene.database)) == 200


def test_the_right_password_among_parallel_guesses_is_one_of_five(scene: Scene) -> None:
    app = App()

    async def all_at_once() -> list[Done | BaseException]:
        guesses = [PASSWORD if n == 150 else f"{n:04d}" for n in range(200)]
        return await asyncio.gather(
            *(scene.provision(app.asks(guess)) for guess in guesses), return_exceptions=True
        )

    answers = waited(all_at_once())
    assert {type(answer) for answer in answers} == {ActivationRefused}
    assert scene.database.run("SELECT * FROM tokens") == []


def test_the_deadline_is_told_to_who_knows_the_password(scene: Scene) -> None:
    scene.database.run("UPDATE enrollments SET deadline = ?", LONG_AGO)
    refused(scene, App().asks(WRONG))
    with pytest.raises(ActivationExpired):
        scene.ask(App().asks(PASSWORD))
    row = enrolment(scene.database)
    assert (row["state"], row["password_hash"], row["mail_address"]) == ("VOID", None, None)
    refused(scene, App().asks(PASSWORD))
    assert outcomes(scene.database) == ["REFUSED", "EXPIRED", "REFUSED"]


def test_a_password_is_of_one_customer(scene: Scene) -> None:
    scene.issue("8642", user_id=NOBODY, subscriber="customer-2")
    row = enrolment(scene.database)
    scene.database.run(
        "UPDATE enrollments SET password_hash = ? WHERE user_id = ?", row["password_hash"], NOBODY
    )
    refused(scene, App().asks(PASSWORD, user_id=NOBODY))


def test_whoever_gives_up_is_judged_all_the_same(scene: Scene) -> None:
    app = App()

    async def give_up() -> None:
        call = asyncio.create_task(scene.provision(app.asks(WRONG)))
        await until(lambda: enrolment(scene.database)["tries"] > 0)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        await scene.provision.finish()

    for _ in range(5):
        scene.database.run("UPDATE enrollments SET tries = 0")
        waited(give_up())
    assert outcomes(scene.database) == ["REFUSED"] * 5


def test_every_guess_is_in_the_audit_by_its_user_id(scene: Scene) -> None:
    refused(scene, App().asks(WRONG))
    refused(scene, App().asks(WRONG, user_id=NOBODY))
    assert audited(scene.database) == [
        ("PROVISION", USER, "REFUSED"),
        ("PROVISION", NOBODY, "REFUSED"),
    ]


OTHER_PIN = public_key(OTHER_TENANT).pin
BAD_FIELDS = [
    ("service_id", "", InvalidField),
    ("service_id", "1011223", InvalidField),
    ("service_id", "10112231\n", InvalidField),
    ("service_id", "１０１１２２３１", InvalidField),  # noqa: RUF001 - full-width on purpose
    ("service_id", "99999999", InvalidField),
    ("user_id", "", InvalidField),
    ("user_id", "99980000000", InvalidField),
    ("user_id", "99980000000a", InvalidField),
    ("key_pin", b"", InvalidField),
    ("key_pin", bytes(31), InvalidField),
    ("key_pin", bytes(32), EnvelopeRefused),
    ("key_pin", OTHER_PIN, EnvelopeRefused),
    ("login_envelope", b"", InvalidField),
    ("login_envelope", bytes(255), InvalidField),
    ("signing_envelope", bytes(257), InvalidField),
    ("signing_envelope", bytes(384), InvalidField),
    ("signing_envelope", b"\xff" * 256, EnvelopeRefused),
]


# Numbered: a pin is drawn anew in each process, and all must collect the same names.
@pytest.mark.parametrize(("field", "value", "error"), BAD_FIELDS, ids=range(len(BAD_FIELDS)))
def test_a_bad_field_is_named_and_nothing_is_counted(
    scene: Scene,
    field: str,
    value: Any,  # noqa: ANN401 - of any field
    error: type[AuthorityError],
) -> None:
    with pytest.raises(error) as caught:
        scene.ask(App().asks(**{field: value}))
    assert getattr(caught.value, "field", None) == field
    assert scene.hsm.passwords == 0
    assert enrolment(scene.database)["tries"] == 0
    for table in ("audit", "tries", "tokens"):
        assert scene.database.run(f"SELECT * FROM {table}") == []  # noqa: S608 - our own


@pytest.mark.parametrize("text", ["", "123", "123456789", " 1234", "１２３４", "12a4", "1234\n"])  # noqa: RUF001 - full-width on purpose
def test_a_password_is_four_to_eight_ascii_digits(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        ActivationPassword(text)
    assert caught.value.field == "activation_password"


def test_no_repr_shows_a_secret(scene: Scene) -> None:
    asked = App().asks()
    shown = repr(asked)
    assert PASSWORD not in shown
    assert repr(asked.login_envelope) not in shown
    tried = waited(scene.provision._means.store.claim(TENANT, USER, 5))
    assert "customer-4711" not in repr(tried)
    assert "argon2id" not in repr(tried)
