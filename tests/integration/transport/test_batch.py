# SPDX-License-Identifier: Apache-2.0
"""BatchVerifyOtp: each item is answered as VerifyOtp would, and touches no other."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import code_pb2
from structlog.testing import capture_logs

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.domain import errors
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.transport.listener import LARGEST_MESSAGE
from kagimori.transport.tally import MOST_LINES
from kagimori.transport.verification.codes import LARGEST_BATCH
from support.processes.calls import PATIENCE, batch_verify_otp, request, verify_otp
from support.served.transport import BANK, ScriptedVerify, Served, failure_of

BATCH = "/kagimori.verification.v1.VerificationService/BatchVerifyOtp"

REFUSALS: list[tuple[Exception, int]] = [
    (errors.RequestIdReused(), code_pb2.INVALID_ARGUMENT),
    (errors.TokenBusy("busy", 0.25), code_pb2.UNAVAILABLE),
    (errors.DeadlineTooNear("too near", 1.0), code_pb2.UNAVAILABLE),
    (errors.Overloaded("too many", 0.5), code_pb2.RESOURCE_EXHAUSTED),
    (errors.RecordTampered(), code_pb2.DATA_LOSS),
    (KeyError("755224"), code_pb2.INTERNAL),
]


def items(count: int) -> list[verification_pb2.VerifyOtpRequest]:
    return [request(request_id=str(uuid4())) for _ in range(count)]


def test_items_are_answered_in_their_order(line: grpc.Channel, verify: ScriptedVerify) -> None:
    asked = items(3)
    verify.answers.extend(
        [
            Verdict(Outcome.REJECTED, attempts_left=4),
            lambda: Verdict(Outcome.REPLAYED, attempts_left=5),
            Verdict(Outcome.UNKNOWN_TOKEN),
        ]
    )
    results = batch_verify_otp(line, asked).results
    assert [result.response.outcome for result in results] == [
        types_pb2.OUTCOME_REJECTED,
        types_pb2.OUTCOME_REPLAYED,
        types_pb2.OUTCOME_UNKNOWN_TOKEN,
    ]
    assert [result.response.HasField("attempts_left") for result in results] == [True, True, False]
    assert [each["request_id"] for each in verify.asked] == [i.request_id for i in asked]
    assert {each["caller"].tenant for each in verify.asked} == {BANK}
    assert all(0 < each["seconds_left"] <= PATIENCE for each in verify.asked)


def test_an_item_is_answered_as_the_single_call_answers(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    asked = request(serial="2V0716016FK2")
    (result,) = batch_verify_otp(line, [asked]).results
    assert result.response == verify_otp(line, serial="2V0716016FK2")
    first, second = verify.asked
    assert first["subject"] == second["subject"] == BySerial("2V0716016FK2")
    assert first.keys() == second.keys()


@pytest.mark.parametrize(("error", "code"), REFUSALS)
def test_a_refusal_says_what_the_status_would(
    line: grpc.Channel, verify: ScriptedVerify, error: Exception, code: int
) -> None:
    verify.answers.append(error)
    single = failure_of(lambda: verify_otp(line))
    verify.answers.append(error)
    refused, judged = batch_verify_otp(line, items(2)).results
    assert judged.response.outcome == types_pb2.OUTCOME_ACCEPTED
    refusal = refused.refusal
    assert refusal.code == code == single.code.value[0]
    assert (refusal.reason, refusal.message) == (single.reason, single.details)
    assert (refusal.field or None) == single.field
    waits = refusal.retry_delay.ToMilliseconds() if refusal.HasField("retry_delay") else None
    assert waits == (error.retry_after * 1000 if isinstance(error, errors.TryAgain) else None)


@pytest.mark.parametrize(
    ("field", "value"),
    [("code", "75522"), ("request_id", "4711"), ("operation", 9), ("subscriber_ref", "")],
)
def test_a_wrong_field_concerns_its_item_alone(
    line: grpc.Channel, verify: ScriptedVerify, field: str, value: str | int
) -> None:
    before, after = items(2)
    wrong = request(**{"request_id": str(uuid4()), field: value})
    results = batch_verify_otp(line, [before, wrong, after]).results
    kinds = [result.WhichOneof("result") for result in results]
    assert kinds == ["response", "refusal", "response"]
    refusal = results[1].refusal
    assert (refusal.code, refusal.reason) == (code_pb2.INVALID_ARGUMENT, "INVALID_FIELD")
    assert refusal.field == field
    assert refusal.message.startswith(f"{field}: ")
    assert len(verify.asked) == 2


@pytest.mark.parametrize("count", [0, LARGEST_BATCH + 1])
def test_a_batch_of_no_size_is_refused_whole(
    line: grpc.Channel, verify: ScriptedVerify, count: int
) -> None:
    failure = failure_of(lambda: batch_verify_otp(line, items(count)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert failure.field == "requests"
    assert not verify.asked


def test_the_largest_batch_fits_with_the_longest_names_and_with_refusals(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    asked = [
        request(request_id=str(uuid4()), subscriber_ref="S" * 64) for _ in range(LARGEST_BATCH)
    ]
    verify.answers.extend(errors.HsmUnavailable("x" * 150, 1.0) for _ in asked)
    response = batch_verify_otp(line, asked)
    assert [result.refusal.reason for result in response.results] == [
        "HSM_UNAVAILABLE"
    ] * LARGEST_BATCH
    assert response.ByteSize() < LARGEST_MESSAGE
    assert {each["subject"] for each in verify.asked} == {BySubscriber("S" * 64)}


def test_another_role_gets_nothing_judged(served: Served, verify: ScriptedVerify) -> None:
    with served.channel(served.bank(role="registrar")) as channel:
        failure = failure_of(lambda: batch_verify_otp(channel, items(1)))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED
    assert not verify.asked


def test_a_body_that_is_no_message(line: grpc.Channel) -> None:
    raw: Any = line.unary_unary(BATCH)
    failure = failure_of(lambda: raw(b"\x0a\x05ab", timeout=PATIENCE))
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_MESSAGE",
    )


def test_the_log_counts_the_items_and_names_a_few_refused(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    asked = items(MOST_LINES + 12)
    verify.answers.extend(errors.TokenBusy("busy", 0.1) for _ in range(MOST_LINES + 10))
    verify.answers.append(Verdict(Outcome.REJECTED, attempts_left=4))
    with capture_logs() as logs:
        batch_verify_otp(line, asked)
    *refused, whole = logs
    assert whole.pop("milliseconds") >= 0
    assert whole == {
        "event": "rpc",
        "log_level": "info",
        "method": BATCH,
        "tenant": BANK,
        "role": "channel",
        "caller": "core-1",
        "items": MOST_LINES + 12,
        "outcomes": {"REJECTED": 1, "ACCEPTED": 1},
        "refusals": {"TOKEN_BUSY": MOST_LINES + 10},
        "status": "OK",
    }
    assert len(refused) == MOST_LINES
    assert refused[0] == {
        "event": "item",
        "log_level": "warning",
        "tenant": BANK,
        "role": "channel",
        "caller": "core-1",
        "item": 0,
        "request_id": asked[0].request_id,
        "status": "UNAVAILABLE",
        "reason": "TOKEN_BUSY",
    }


def test_the_log_shows_no_code_no_subscriber_and_no_unchecked_name(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    def crash() -> Verdict:
        msg = "customer-4711 sent 755224"
        raise ValueError(msg)

    verify.answers.append(crash)
    with capture_logs() as logs:
        batch_verify_otp(line, [*items(2), request(request_id="755224")])
    crashed, misnamed, _ = logs
    assert (crashed["log_level"], crashed["status"]) == ("error", "INTERNAL")
    assert any("crash" in place for place in crashed["trace"])
    assert "request_id" not in misnamed
    told = json.dumps(logs, default=str)
    assert "755224" not in told
    assert "4711" not in told
