# SPDX-License-Identifier: Apache-2.0
"""Calls to the authority by hand, through the generated stubs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc

VERIFY = "/kagimori.verification.v1.VerificationService/VerifyOtp"
REQUEST_ID = "0192b3c4-5d6e-7f80-9123-456789abcdef"
PATIENCE = 30.0
"""Seconds after which a test stops waiting for what must happen."""


def request(**changed: object) -> verification_pb2.VerifyOtpRequest:
    fields: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "subscriber_ref": "customer-4711",
        "operation": types_pb2.OPERATION_LOGIN,
        "code": "755224",
        **changed,
    }
    if "serial" in changed:
        del fields["subscriber_ref"]
    return verification_pb2.VerifyOtpRequest(**fields)


def verify_otp(channel: grpc.Channel, **changed: object) -> verification_pb2.VerifyOtpResponse:
    stub = verification_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answer: verification_pb2.VerifyOtpResponse = stub.VerifyOtp(
        request(**changed), timeout=PATIENCE
    )
    return answer


def batch_verify_otp(
    channel: grpc.Channel, requests: Iterable[verification_pb2.VerifyOtpRequest]
) -> verification_pb2.BatchVerifyOtpResponse:
    stub = verification_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answer: verification_pb2.BatchVerifyOtpResponse = stub.BatchVerifyOtp(
        verification_pb2.BatchVerifyOtpRequest(requests=requests), timeout=PATIENCE
    )
    return answer


def hsm_status(channel: grpc.Channel) -> admin_pb2.GetHsmStatusResponse:
    stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answer: admin_pb2.GetHsmStatusResponse = stub.GetHsmStatus(
        admin_pb2.GetHsmStatusRequest(), timeout=PATIENCE
    )
    return answer


def check(channel: grpc.Channel, service: str = "") -> health_pb2.HealthCheckResponse:
    answer: health_pb2.HealthCheckResponse = health_of(channel).Check(
        health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE
    )
    return answer


def health_of(channel: grpc.Channel) -> Any:  # noqa: ANN401 - its stubs know no methods
    return health_pb2_grpc.HealthStub(channel)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)
