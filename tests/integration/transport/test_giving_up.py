# SPDX-License-Identifier: Apache-2.0
"""A caller that gives up, an authority that is full, and nothing left behind by either."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc
import pytest
from structlog.testing import capture_logs

from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.domain import errors
from kagimori.domain.outcome import Verdict
from kagimori.transport import status
from support.processes.calls import PATIENCE, batch_verify_otp, eventually, request, verify_otp
from support.served.transport import ACCEPTED, ScriptedVerify, failure_of, on_loop

ROUNDS: Final = 50


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    closed = threading.Event()
    yield closed
    closed.set()


def stub_of(channel: grpc.Channel) -> verification_pb2_grpc.VerificationServiceStub:
    return verification_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated


def waiting_on(gate: threading.Event) -> Verdict:
    gate.wait(PATIENCE)
    return ACCEPTED


def test_a_cancelled_call_is_let_go_and_logged(
    line: grpc.Channel,
    verify: ScriptedVerify,
    gate: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    verify.answers.append(lambda: waiting_on(gate))
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        call = stub_of(line).VerifyOtp.future(request(), timeout=PATIENCE)
        eventually(lambda: len(verify.begun) == 1)
        call.cancel()
        eventually(lambda: len(logs) == 1)
    assert verify.begun[0].cancelled()
    assert (logs[0]["status"], logs[0]["log_level"]) == ("CANCELLED", "warning")
    assert not caplog.records


def test_a_call_whose_time_is_up_is_let_go_and_logged(
    line: grpc.Channel,
    verify: ScriptedVerify,
    gate: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    verify.answers.append(lambda: waiting_on(gate))
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        failure = failure_of(lambda: stub_of(line).VerifyOtp(request(), timeout=0.3))
        eventually(lambda: len(logs) == 1)
    assert failure.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert verify.begun[0].cancelled()
    assert logs[0]["status"] == "DEADLINE_EXCEEDED"
    assert not caplog.records


def test_a_cancelled_batch_lets_go_of_every_item(
    line: grpc.Channel,
    verify: ScriptedVerify,
    gate: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    verify.answers.extend([ACCEPTED, lambda: waiting_on(gate), errors.TokenBusy("busy", 0.1)])
    verify.answers.append(lambda: waiting_on(gate))
    asked = verification_pb2.BatchVerifyOtpRequest(requests=[request()] * 4)
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        call = stub_of(line).BatchVerifyOtp.future(asked, timeout=PATIENCE)
        eventually(lambda: len(verify.begun) == 4)
        call.cancel()
        eventually(lambda: len(logs) == 1)
    assert [begun.cancelled() for begun in verify.begun] == [False, True, False, True]
    assert logs[0]["status"] == "CANCELLED"
    verify.begun.clear()
    on_loop(collect())
    assert not caplog.records, "asyncio complains of an error that nobody looked at"


def test_an_authority_that_is_full_says_when_to_come_again(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    verify.answers.append(errors.Overloaded("too many verifications wait", 0.25))
    failure = failure_of(lambda: verify_otp(line))
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    told = dict(status.status_of(errors.Overloaded("", 0.25)).trailing_metadata)
    assert b"RetryInfo" in told["grpc-status-details-bin"]


def test_calls_leave_nothing_for_the_garbage_collector(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    def busy() -> None:
        verify.answers.append(errors.TokenBusy("busy", 0.1))
        failure_of(lambda: verify_otp(line))

    calls: list[Callable[[], object]] = [
        lambda: verify_otp(line),
        busy,
        lambda: failure_of(lambda: verify_otp(line, code="1")),
        lambda: batch_verify_otp(line, [request(), request(code="1")]),
    ]
    # gRPC itself leaves a little of each call, whoever serves it.
    raw: Any = line.unary_unary("/kagimori.guess.v1.GuessService/Guess")
    by_grpc = left_by(verify, lambda: failure_of(lambda: raw(b"", timeout=PATIENCE)))
    for call in calls:
        assert left_by(verify, call) < by_grpc + ROUNDS


def left_by(verify: ScriptedVerify, call: Callable[[], object]) -> int:
    """Return how many unreachable objects `ROUNDS` calls leave."""
    on_loop(collect())
    gc.disable()
    try:
        for _ in range(ROUNDS):
            call()
        verify.asked.clear()
        verify.begun.clear()
        return on_loop(collect())
    finally:
        gc.enable()


async def collect() -> int:
    # gRPC ends its side of a call a few turns after the caller has the answer.
    for _ in range(10):
        await asyncio.sleep(0)
    return gc.collect()
