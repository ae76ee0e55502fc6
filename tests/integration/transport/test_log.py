# SPDX-License-Identifier: Apache-2.0
"""What a call leaves in the log, and what an error says on the wire."""

from __future__ import annotations

import json

import grpc
import pytest
from structlog.testing import capture_logs

from kagimori.domain import errors
from kagimori.domain.outcome import Verdict
from support.processes.calls import (
    REQUEST_ID,
    VERIFY,
    verify_otp,
)
from support.served.transport import (
    ACCEPTED,
    BANK,
    ScriptedVerify,
    failure_of,
)


def test_the_log_says_who_and_what_but_no_code_and_no_subscriber(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    with capture_logs() as logs:
        verify_otp(line)
        verify_otp(line, serial="2V0716016FK2")
    assert len(verify.asked) == 2
    first, second = logs
    assert first.pop("milliseconds") >= 0
    assert first == {
        "event": "rpc",
        "log_level": "info",
        "method": VERIFY,
        "tenant": BANK,
        "role": "channel",
        "caller": "core-1",
        "request_id": REQUEST_ID,
        "operation": "LOGIN",
        "outcome": "ACCEPTED",
        "status": "OK",
    }
    assert second["serial"] == "2V0716016FK2"


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [
        ("code", "75522", {"request_id": REQUEST_ID}),
        ("subscriber_ref", "4711\x00", {"request_id": REQUEST_ID}),
        ("operation", 4, {"request_id": REQUEST_ID}),
        ("request_id", "4711", {}),
    ],
)
def test_a_refused_field_is_named_beside_the_request_id(
    line: grpc.Channel, field: str, value: str | int, known: dict[str, str]
) -> None:
    with capture_logs() as logs:
        failure = failure_of(lambda: verify_otp(line, **{field: value}))
    assert failure.field == field
    (entry,) = logs
    assert entry.pop("milliseconds") >= 0
    assert entry == {
        "event": "rpc",
        "log_level": "warning",
        "method": VERIFY,
        "tenant": BANK,
        "role": "channel",
        "caller": "core-1",
        "status": "INVALID_ARGUMENT",
        "reason": "INVALID_FIELD",
        "field": field,
        **known,
    }


def test_what_nobody_foresaw_is_internal_and_quotes_nothing(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    def crash() -> Verdict:
        try:
            return {"other": ACCEPTED}["755224"]
        except KeyError as error:
            msg = "customer-4711 sent 755224"
            raise ValueError(msg) from error

    verify.answers.append(crash)
    with capture_logs() as logs:
        failure = failure_of(lambda: verify_otp(line))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    (entry,) = logs
    assert {"ValueError", "KeyError"} <= set(entry["trace"])
    assert any("crash" in place for place in entry["trace"])
    told = json.dumps([entry, failure.details], default=str)
    assert "755224" not in told
    assert "4711" not in told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RequestIdReused(), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.TokenBusy("busy", 0.2), grpc.StatusCode.UNAVAILABLE),
        (errors.HsmUnavailable("the HSM gave no result", 1.0), grpc.StatusCode.UNAVAILABLE),
        (errors.RecordTampered(), grpc.StatusCode.DATA_LOSS),
    ],
)
def test_a_domain_error_keeps_its_reason(
    line: grpc.Channel, verify: ScriptedVerify, error: errors.AuthorityError, code: grpc.StatusCode
) -> None:
    verify.answers.append(error)
    failure = failure_of(lambda: verify_otp(line))
    assert (failure.code, failure.reason) == (code, error.reason)
    assert failure.details == str(error)
