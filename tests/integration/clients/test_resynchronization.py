# SPDX-License-Identifier: Apache-2.0
"""A resynchronisation, from the customer's page and from the counter: it lets nobody in."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, assert_type
from uuid import UUID

import pytest

from kagimori.api.verification.v1 import verification_pb2 as pb
from kagimori.domain import errors
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    HardwareTokenDesk,
    InvalidRequest,
    NotAllowed,
    OtpRefused,
    OtpRejected,
    RequestIdReused,
    Resynchronization,
    TokenLocked,
    TokenNotActive,
    Unavailable,
    UnknownToken,
)
from support.pages.bank_page import AWAY, AWAY_FOR_LONG, PATIENCE, REF, failure
from support.pages.scripted_registry import Registry, Script

# RFC 4226, Appendix D: counters 0 and 1.
FIRST, SECOND = "755224", "287082"
SERIAL = "2V0716016FK2"
GIVEN = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")
FOUND = pb.ResynchronizeTokenResponse(outcome=pb.RESYNC_OUTCOME_SYNCHRONIZED, attempts_left=5)

Line = BankChannel | HardwareTokenDesk


@pytest.fixture(params=["channel", "counter"])
def line(request: pytest.FixtureRequest) -> Line:
    """Whoever may ask: the page that customers use, and the bank's staff."""
    asker: Line = request.getfixturevalue(request.param)
    return asker


def resynchronize(line: Line, **changed: object) -> Resynchronization:
    words: dict[str, Any] = {
        "first_code": FIRST,
        "second_code": SECOND,
        "subscriber_ref": REF,
        **changed,
    }
    return line.resynchronize(**words)


def test_two_codes_are_sent_as_typed_and_in_their_order(line: Line, script: Script) -> None:
    script.answers.extend([FOUND, FOUND])
    assert_type(line.resynchronize(FIRST, SECOND, subscriber_ref=REF), Resynchronization)
    line.resynchronize(FIRST, SECOND, serial=SERIAL)
    by_customer, by_serial = (asked.request for asked in script.asked)
    assert (by_customer.first_code, by_customer.second_code) == (FIRST, SECOND)
    assert (by_customer.WhichOneof("subject"), by_customer.subscriber_ref) == (
        "subscriber_ref",
        REF,
    )
    assert (by_serial.WhichOneof("subject"), by_serial.serial) == ("serial", SERIAL)
    assert UUID(by_customer.request_id).version == 7
    assert by_customer.request_id != by_serial.request_id


@pytest.mark.parametrize(("response", "left"), [(FOUND, 5), (None, None)])
def test_the_result_tells_what_is_left(
    line: Line, script: Script, response: pb.ResynchronizeTokenResponse | None, left: int | None
) -> None:
    bare = pb.ResynchronizeTokenResponse(outcome=pb.RESYNC_OUTCOME_SYNCHRONIZED)
    script.answers.append(response or bare)
    assert resynchronize(line) == Resynchronization(left)


def test_the_result_can_be_taken_for_no_acceptance(line: Line, script: Script) -> None:
    script.answers.append(FOUND)
    result = resynchronize(line)
    with pytest.raises(TypeError, match="next code"):
        bool(result)
    with pytest.raises(TypeError):
        _ = "in" if result else "out"
    for word in ("accepted", "receipt", "number", "accepted_at", "outcome"):
        assert not hasattr(result, word)
    with pytest.raises(AttributeError):
        result.attempts_left = 9  # type: ignore[misc] # frozen


@pytest.mark.parametrize(
    ("outcome", "raised"),
    [
        (pb.RESYNC_OUTCOME_REJECTED, OtpRejected),
        (pb.RESYNC_OUTCOME_LOCKED, TokenLocked),
        (pb.RESYNC_OUTCOME_NOT_ACTIVE, TokenNotActive),
        (pb.RESYNC_OUTCOME_UNKNOWN_TOKEN, UnknownToken),
    ],
)
def test_codes_that_find_no_token_are_raised(
    line: Line, script: Script, outcome: pb.ResyncOutcome, raised: type[OtpRefused]
) -> None:
    script.answers.append(pb.ResynchronizeTokenResponse(outcome=outcome, attempts_left=3))
    refusal = failure(lambda: resynchronize(line, request_id=GIVEN))
    assert type(refusal) is raised
    assert isinstance(refusal, OtpRefused)
    assert (refusal.attempts_left, refusal.request_id) == (3, GIVEN)


@pytest.mark.parametrize("word", [0, 99])
def test_a_word_that_is_not_known_is_no_yes(
    line: Line, script: Script, word: pb.ResyncOutcome
) -> None:
    script.answers.append(pb.ResynchronizeTokenResponse(outcome=word))
    assert type(failure(lambda: resynchronize(line))) is AuthorityFault


def test_an_outage_is_asked_again_under_the_same_request_id(line: Line, script: Script) -> None:
    script.answers.extend([AWAY, AWAY, FOUND])
    resynchronize(line, timeout=5.0)
    assert len(script.asked) == 3
    assert len({asked.request.SerializeToString() for asked in script.asked}) == 1


def test_an_outage_that_lasts_tells_the_request_id_to_go_on_with(
    line: Line, script: Script
) -> None:
    script.answers.extend([AWAY_FOR_LONG, FOUND])
    outage = failure(lambda: resynchronize(line))
    assert isinstance(outage, Unavailable)
    resynchronize(line, request_id=outage.request_id)
    assert {asked.request.request_id for asked in script.asked} == {str(outage.request_id)}


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("subject", {"subscriber_ref": None}),
        ("subject", {"serial": SERIAL}),
        ("first_code", {"first_code": 755224}),
        ("first_code", {"first_code": FIRST.encode()}),
        ("second_code", {"second_code": None}),
        ("second_code", {"second_code": f"{SECOND}\ud800"}),
    ],
)
def test_what_can_be_no_field_is_named_and_never_sent(
    line: Line, script: Script, field: str, changed: dict[str, object]
) -> None:
    wrong = failure(lambda: resynchronize(line, **changed))
    assert isinstance(wrong, InvalidRequest)
    assert wrong.field == field
    assert not script.asked


def test_a_request_id_must_be_one(line: Line, script: Script) -> None:
    with pytest.raises(TypeError, match=r"uuid\.UUID"):
        resynchronize(line, request_id=str(GIVEN))
    assert not script.asked


@pytest.mark.parametrize("changed", [{}, {"first_code": FIRST.encode()}, {"second_code": 287082}])
@pytest.mark.parametrize(
    "answer",
    [AWAY_FOR_LONG, errors.RequestIdReused(), errors.InvalidField("second_code", "is shorter")],
)
def test_no_error_shows_codes_or_customer(
    line: Line, script: Script, changed: dict[str, object], answer: errors.AuthorityError
) -> None:
    script.answers.append(answer)
    error = failure(lambda: resynchronize(line, **changed))
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert all(secret not in shown for secret in (FIRST, SECOND, REF))


def test_another_request_under_its_id_is_refused(line: Line, script: Script) -> None:
    script.answers.append(errors.RequestIdReused())
    assert type(failure(lambda: resynchronize(line))) is RequestIdReused


def test_a_registrar_resynchronizes_nothing(registry: Registry, script: Script) -> None:
    makers: list[Callable[..., Line]] = [BankChannel, HardwareTokenDesk]
    for made in makers:
        with made(registry.target, **registry.files("registrar"), timeout=PATIENCE) as line:
            assert type(failure(lambda line=line: resynchronize(line))) is NotAllowed  # type: ignore[misc]
    assert not script.asked
