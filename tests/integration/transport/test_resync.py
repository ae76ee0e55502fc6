# SPDX-License-Identifier: Apache-2.0
"""ResynchronizeToken on the wire: who may ask, what is passed on, and what is never said."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest
from structlog.testing import capture_logs

from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.domain.errors import RequestIdReused
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from support.served.transport import (
    ACCEPTED,
    BANK,
    PATIENCE,
    ScriptedVerify,
    Served,
    failure_of,
    open_channel,
)

SYNCHRONIZED = Verdict(Outcome.SYNCHRONIZED, None, 5)


def resync(line: grpc.Channel, **changes: Any) -> verification_pb2.ResynchronizeTokenResponse:  # noqa: ANN401 - any field
    asked = {
        "request_id": str(uuid4()),
        "first_code": "755224",
        "second_code": "287082",
        **({} if "subscriber_ref" in changes else {"serial": "2V0716016FK2"}),
    } | changes
    stub = verification_pb2_grpc.VerificationServiceStub(line)  # type: ignore[no-untyped-call] # generated
    answer: verification_pb2.ResynchronizeTokenResponse = stub.ResynchronizeToken(
        verification_pb2.ResynchronizeTokenRequest(**asked), timeout=PATIENCE
    )
    return answer


def test_what_is_asked_is_passed_on(line: grpc.Channel, verify: ScriptedVerify) -> None:
    verify.answers.extend([SYNCHRONIZED, SYNCHRONIZED])
    answer = resync(line)
    assert answer.outcome == verification_pb2.RESYNC_OUTCOME_SYNCHRONIZED
    assert answer.attempts_left == 5
    resync(line, subscriber_ref="4711")
    by_serial, by_name = verify.asked
    assert by_serial["subject"] == BySerial("2V0716016FK2")
    assert by_name["subject"] == BySubscriber("4711")
    assert (by_serial["first"].reveal(), by_serial["second"].reveal()) == ("755224", "287082")
    assert by_serial["caller"].tenant == BANK
    assert 0 < by_serial["seconds_left"] <= PATIENCE


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("channel", True), ("operator", True), ("registrar", False), ("auditor", False)],
)
def test_a_banks_channel_and_its_staff_may_ask(
    served: Served, verify: ScriptedVerify, role: str, *, allowed: bool
) -> None:
    verify.answers.append(SYNCHRONIZED)
    identity = served.bank(role)
    with open_channel(served.target, served.authority.ca_file, identity) as line:
        if allowed:
            assert resync(line).outcome == verification_pb2.RESYNC_OUTCOME_SYNCHRONIZED
        else:
            assert failure_of(lambda: resync(line)).code in {
                grpc.StatusCode.PERMISSION_DENIED,
                grpc.StatusCode.UNAUTHENTICATED,
            }
    assert bool(verify.asked) == allowed


@pytest.mark.parametrize("verdict", [ACCEPTED, Verdict(Outcome.REPLAYED, None, 5)])
def test_an_acceptance_is_never_told(
    line: grpc.Channel, verify: ScriptedVerify, verdict: Verdict
) -> None:
    verify.answers.append(verdict)
    assert failure_of(lambda: resync(line)).code is grpc.StatusCode.INTERNAL


def test_a_receipt_is_never_told(line: grpc.Channel, verify: ScriptedVerify) -> None:
    receipt = ACCEPTED.receipt
    assert isinstance(receipt, Receipt)
    verify.answers.append(Verdict(Outcome.SYNCHRONIZED, receipt, 5))
    answer = resync(line)
    assert str(receipt) not in str(answer)
    assert {field.name for field, _ in answer.ListFields()} == {"outcome", "attempts_left"}


def test_an_error_is_told_as_a_logins_is(line: grpc.Channel, verify: ScriptedVerify) -> None:
    verify.answers.append(RequestIdReused())
    failure = failure_of(lambda: resync(line))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT


def test_the_log_names_the_call_and_neither_code(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    verify.answers.append(SYNCHRONIZED)
    request_id = str(uuid4())
    with capture_logs() as logs:
        resync(line, request_id=request_id)
    (entry,) = [entry for entry in logs if entry.get("request_id") == request_id]
    assert (entry["operation"], entry["outcome"]) == ("RESYNC", "SYNCHRONIZED")
    assert entry["serial"] == "2V0716016FK2"
    assert "755224" not in str(entry)
    assert "287082" not in str(entry)
