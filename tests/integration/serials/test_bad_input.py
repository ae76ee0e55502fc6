# SPDX-License-Identifier: Apache-2.0
"""What no page should send of tokens by serial number: the reason, and nothing is changed.

One scene for all of it, for none of it leaves a trace. The whole database is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import grpc
import pytest

from kagimori.api.enrollment.v1 import registration_pb2
from kagimori.api.enrollment.v1.login_otp_pb2 import LOGIN_OTP_UNSPECIFIED
from kagimori.api.types.v1 import types_pb2
from support.custody.hsm import MODULE, fresh_hsm
from support.databases.database import TestDatabase
from support.served.registration_scene import (
    CARDS_NEW,
    CODE,
    IN_USE,
    NEIGHBOUR,
    NEW,
    NOBODY,
    OLD,
    OVER,
    WITH_CARD,
    WITHOUT,
    Scene,
    changed_tables,
    set_up,
)
from support.served.serial_bank import serial_bank
from support.served.transport import failure_of, open_channel
from support.tokens import OTHER_TENANT, TENANT

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

REQUEST_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcdef"
FULL_WIDTH: Final = "ＳＫＴＳ００００００００"  # noqa: RUF001 - full-width on purpose

BAD, NOT_NOW = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
Refused: TypeAlias = tuple[grpc.StatusCode, str, str | None]
Case: TypeAlias = tuple[str, Mapping[str, Any], Refused]

NAMES_SERIALS: Final = ["RegisterToken", "CompleteReplacement"]
TAKES_CODES: Final = [*NAMES_SERIALS, "TerminateToken", "BeginReplacement"]
COUNTS: Final = {"failures", "day", "day_failures", "unlock_failures"}
"""What of a token's row is about its attempts."""
WRITTEN_DOWN: Final = {"requests", "audit"}
"""What is written down of every code that was judged."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Whoever is refused leaves it as it was."""
    place = tmp_path_factory.mktemp("bank")
    files = fresh_hsm(place / "hsm", {"kakeshin": TENANT, "abukuma": OTHER_TENANT})
    database = TestDatabase(place)
    with serial_bank(files, database, place / "certificates") as bank:
        whose = {tenant: bank.authority.client(tenant, "registrar") for tenant in bank.policies}
        pages = {
            tenant: open_channel(bank.target, bank.authority.ca_file, who)
            for tenant, who in whose.items()
        }
        scene = Scene(bank, pages)
        set_up(scene)
        yield scene
        for channel in pages.values():
            channel.close()
    database.close()


def invalid(named: str) -> Refused:
    return BAD, "INVALID_FIELD", named


def not_now(reason: str) -> Refused:
    return NOT_NOW, reason, None


SERIALS: Final = {
    "lower case": "skts00000003",
    "full-width": FULL_WIDTH,
    "one too short": NEW[:-1],
    "one too long": f"{NEW}0",
    "none": "",
    "a space after it": f"{NEW} ",
    "a NUL in it": f"{NEW[:-1]}\0",
    "a hyphen in it": "SKTS-0000003",
}
CODES: Final = {
    "none": "",
    "five digits": CODE[:-1],
    "eleven digits": "75522475522",
    "letters": "75522O",
    "full-width": "７５５２２４",  # noqa: RUF001 - full-width on purpose
    "a space before it": f" {CODE}",
}
REQUEST_IDS: Final = {
    "none": "",
    "no UUID": "4711",
    "nobody's UUID": "00000000-0000-0000-0000-000000000000",
    "capitals": REQUEST_ID.upper(),
}
CUSTOMERS: Final = {"none": "", "too long": "x" * 65}

CASES: Final[dict[str, Case]] = {
    **{
        f"{rpc}: serial, {how}": (rpc, {"serial": serial}, invalid("serial"))
        for rpc in NAMES_SERIALS
        for how, serial in SERIALS.items()
    },
    **{
        f"{rpc}: code, {how}": (rpc, {"code": code}, invalid("code"))
        for rpc in TAKES_CODES
        for how, code in CODES.items()
    },
    **{
        f"{rpc}: request_id, {how}": (rpc, {"request_id": name}, invalid("request_id"))
        for rpc in TAKES_CODES
        for how, name in REQUEST_IDS.items()
    },
    **{
        f"{rpc}: customer, {how}": (rpc, {"subscriber_ref": name}, invalid("subscriber_ref"))
        for rpc in [*TAKES_CODES, "SetLoginOtp"]
        for how, name in CUSTOMERS.items()
    },
    "RegisterToken: no choice of logins": (
        "RegisterToken",
        {"login_otp": LOGIN_OTP_UNSPECIFIED},
        invalid("login_otp"),
    ),
    "RegisterToken: a choice that there is not": (
        "RegisterToken",
        {"login_otp": 7},
        invalid("login_otp"),
    ),
    "RegisterToken: a card where the bank asks for none": (
        "RegisterToken",
        {"grid_answer": {"challenge_id": REQUEST_ID, "first": "1234", "second": "5678"}},
        invalid("grid_answer"),
    ),
    "RegisterToken: by who has a token": (
        "RegisterToken",
        {"subscriber_ref": IN_USE},
        not_now("LIVE_TOKEN"),
    ),
    "SetLoginOtp: no word of it": (
        "SetLoginOtp",
        {"subscriber_ref": IN_USE, "login_otp": LOGIN_OTP_UNSPECIFIED},
        invalid("login_otp"),
    ),
    "SetLoginOtp: without a token": ("SetLoginOtp", {}, not_now("NO_TOKEN")),
    "CompleteReplacement: without a token": (
        "CompleteReplacement",
        {"subscriber_ref": NOBODY},
        not_now("REPLACEMENT_NOT_BEGUN"),
    ),
    "CompleteReplacement: without BeginReplacement": (
        "CompleteReplacement",
        {"subscriber_ref": IN_USE},
        not_now("REPLACEMENT_NOT_BEGUN"),
    ),
    "CompleteReplacement: long after BeginReplacement": (
        "CompleteReplacement",
        {"subscriber_ref": OVER},
        not_now("REPLACEMENT_EXPIRED"),
    ),
    "CompleteReplacement: to the same serial": (
        "CompleteReplacement",
        {"serial": OLD},
        not_now("SAME_TOKEN"),
    ),
}

READ: Final = {"challenge_id": REQUEST_ID, "first": "1234", "second": "5678"}
NO_ANSWERS: Final = {
    "one cell": ({"second": ""}, "second"),
    "the other cell": ({"first": ""}, "first"),
    "five digits": ({"first": "12345"}, "first"),
    "full-width": ({"second": "５６７８"}, "second"),  # noqa: RUF001 - full-width on purpose
    "no challenge": ({"challenge_id": ""}, "challenge_id"),
    "a challenge that is no UUID": ({"challenge_id": "4711"}, "challenge_id"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_refused_with_its_reason(scene: Scene, case: Case) -> None:
    rpc, changed, expected = case
    failure = scene.refusal(rpc, **changed)
    assert (failure.code, failure.reason, failure.field) == expected


@pytest.mark.parametrize(("changed", "named"), NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_an_answer_from_a_card_is_two_cells_to_one_challenge(
    scene: Scene, changed: dict[str, str], named: str
) -> None:
    challenge_id = str(scene.challenges[WITH_CARD].challenge_id)
    answer = READ | {"challenge_id": challenge_id} | changed
    told = scene.refusal("VerifyGridAnswer", OTHER_TENANT, answer=answer)
    assert (told.code, told.reason, told.field) == invalid(f"answer.{named}")
    told = scene.refusal(
        "RegisterToken",
        OTHER_TENANT,
        subscriber_ref=WITH_CARD,
        serial=CARDS_NEW,
        grid_answer=answer,
    )
    assert (told.code, told.reason, told.field) == invalid(f"grid_answer.{named}")


def test_where_cards_are_asked_for_there_is_no_registration_without(scene: Scene) -> None:
    register = {"subscriber_ref": WITH_CARD, "serial": CARDS_NEW}
    told = scene.refusal("RegisterToken", OTHER_TENANT, **register)
    assert (told.code, told.reason, told.field) == invalid("grid_answer")
    told = scene.refusal("VerifyGridAnswer", OTHER_TENANT)
    assert (told.code, told.reason, told.field) == invalid("answer")


def test_a_challenge_is_answered_by_whom_it_asks(scene: Scene) -> None:
    neighbours = scene.challenges[NEIGHBOUR]
    shown = scene.cards[NEIGHBOUR].answer(neighbours)
    answer = {"challenge_id": str(neighbours.challenge_id)}
    answer |= {"first": shown.first, "second": shown.second}
    for customer, reason in ((WITH_CARD, "CHALLENGE_OVER"), (WITHOUT, "NO_GRID_CARD")):
        named = {"subscriber_ref": customer, "serial": CARDS_NEW, "grid_answer": answer}
        told = scene.refusal("RegisterToken", OTHER_TENANT, **named)
        assert (told.code, told.reason) == (NOT_NOW, reason)
        told = scene.refusal(
            "VerifyGridAnswer", OTHER_TENANT, answer=answer, subscriber_ref=customer
        )
        assert (told.code, told.reason) == (NOT_NOW, reason)


@pytest.mark.parametrize("rpc", NAMES_SERIALS)
def test_more_digits_than_a_token_shows_cost_a_try_and_nothing_else(scene: Scene, rpc: str) -> None:
    """Whoever hears it knows that there is such a token."""
    before = scene.all_there_is()
    told = failure_of(lambda: scene.ask(rpc, code="75522475"))
    assert (told.code, told.reason, told.field) == invalid("code")
    assert changed_tables(before, scene.all_there_is()) == {"registrations"}


@pytest.mark.parametrize("rpc", ["TerminateToken", "BeginReplacement"])
def test_without_a_token_there_is_nothing_to_end_or_to_exchange(scene: Scene, rpc: str) -> None:
    before = scene.all_there_is()
    told = failure_of(lambda: scene.ask(rpc))
    assert (told.code, told.reason) == (NOT_NOW, "NO_TOKEN")
    assert changed_tables(before, scene.all_there_is()) <= WRITTEN_DOWN


def test_a_code_of_the_old_token_in_the_new_ones_place_is_a_wrong_one(scene: Scene) -> None:
    """It counts on the new token, and on the customer; all else is as it was."""
    before, old, new = scene.all_there_is(), scene.bank.row(OLD), scene.bank.row(NEW)
    code = scene.bank.shown(scene.devices[OLD], 2)
    told = scene.ask("CompleteReplacement", code=code)
    assert told.outcome == types_pb2.OUTCOME_REJECTED
    assert told.part == registration_pb2.REGISTRATION_PART_TOKEN
    assert {field.name for field, _ in told.ListFields()} == {"outcome", "attempts_left", "part"}
    assert changed_tables(before, scene.all_there_is()) == WRITTEN_DOWN | {
        "registrations",
        "tokens",
    }
    assert scene.bank.row(OLD) == old
    after = scene.bank.row(NEW)
    assert {name for name in after if after[name] != new[name]} <= COUNTS
    assert after["failures"] == new["failures"] + 1
