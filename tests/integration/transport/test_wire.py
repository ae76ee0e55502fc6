# SPDX-License-Identifier: Apache-2.0
"""The wire: TLS 1.3 only, bounded messages, and fields that cannot be right."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import TypeAlias

import grpc
import pytest
from structlog.testing import capture_logs

from kagimori.transport.listener import LARGEST_MESSAGE
from support.processes.calls import (
    PATIENCE,
    VERIFY,
    verify_otp,
)
from support.served.transport import (
    ScriptedVerify,
    Served,
    failure_of,
)

Raw: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"


@pytest.mark.parametrize(("version", "accepted"), [("-tls1_2", False), ("-tls1_3", True)])
def test_tls_1_3_only(served: Served, version: str, accepted: bool) -> None:  # noqa: FBT001
    client = served.bank()
    options = ["-brief", "-alpn", "h2", "-CAfile", str(served.authority.ca_file)]
    options += ["-cert", str(client.certificate), "-key", str(client.private_key)]
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{served.server.port}", version, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode == 0) is accepted
    assert (b"Protocol version: TLSv1.3" in done.stderr) is accepted


def test_a_silent_connection_is_closed(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.server.port), PATIENCE) as silent:
        while silent.recv(1024):
            pass


def test_a_message_over_the_limit_is_refused(line: grpc.Channel, verify: ScriptedVerify) -> None:
    failure = failure_of(lambda: verify_otp(line, subscriber_ref="x" * LARGEST_MESSAGE))
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not verify.asked


def test_a_large_message_within_the_limit_is_read(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    failure = failure_of(lambda: verify_otp(line, subscriber_ref="x" * (LARGEST_MESSAGE - 200)))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "subscriber_ref")
    assert not verify.asked


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x05ab", b"\x2a\x02\xff\xfe", b"755224"])
def test_a_body_that_is_no_message(line: grpc.Channel, verify: ScriptedVerify, body: bytes) -> None:
    raw: Raw = line.unary_unary(VERIFY)
    with capture_logs() as logs:
        failure = failure_of(lambda: raw(body, timeout=PATIENCE))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "MALFORMED_MESSAGE"
    assert [entry["reason"] for entry in logs] == ["MALFORMED_MESSAGE"]
    assert not verify.asked


def test_an_rpc_that_nobody_serves(line: grpc.Channel) -> None:
    raw: Raw = line.unary_unary("/kagimori.verification.v1.VerificationService/Guess")
    assert failure_of(lambda: raw(b"", timeout=PATIENCE)).code is grpc.StatusCode.UNIMPLEMENTED


BAD_FIELDS = [
    ("request_id", ""),
    ("request_id", "0192B3C4-5D6E-7F80-9123-456789ABCDEF"),
    ("request_id", "9" * 5000),
    ("subscriber_ref", ""),
    ("subscriber_ref", "S" * 65),
    ("subscriber_ref", "sub\x00scriber"),
    ("serial", ""),
    ("serial", "Z" * 33),
    ("serial", "zz-serial"),
    ("operation", 0),
    ("operation", 77),
    ("code", ""),
    ("code", "13579"),
    ("code", "13579135791"),
    ("code", " 135790"),
    ("code", "135 790"),
    ("code", "１３５７９０"),  # noqa: RUF001 - full-width on purpose
    ("code", "+135790"),
    ("code", "-135790"),
    ("code", "135790\x00"),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_bad_field_is_named_and_never_quoted(
    line: grpc.Channel, verify: ScriptedVerify, field: str, value: str | int
) -> None:
    with capture_logs() as logs:
        failure = failure_of(lambda: verify_otp(line, **{field: value}))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "INVALID_FIELD"
    assert failure.field == field
    assert not verify.asked
    assert logs, "nothing was logged"
    told = json.dumps([logs, [str(part) for part in failure.raw]], default=str, ensure_ascii=False)
    for secret in (*([value.strip("\x00")] if isinstance(value, str) and value else []), "755224"):
        assert secret not in told


def test_a_subject_is_required(line: grpc.Channel) -> None:
    failure = failure_of(lambda: verify_otp(line, subscriber_ref=None))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "subject")
