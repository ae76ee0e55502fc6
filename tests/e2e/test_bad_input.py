# SPDX-License-Identifier: Apache-2.0
"""What is not a request is refused, names its field, and changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status

from conftest import ABUKUMA, enroller, moved
from development.environment import Environment
from development.server import ServerProcess, channel
from development.vendor import make_device
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2

VERIFY = "/kagimori.verification.v1.VerificationService/VerifyOtp"
Fields = dict[str, Any]
GOOD: Fields = {
    "serial": "SERIAL1",
    "operation": types_pb2.OPERATION_LOGIN,
    "code": "123456",
}


@pytest.fixture(scope="module")
def place(provisioned: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    # One for all: none of these calls may change anything.
    mine = moved(provisioned, tmp_path_factory.mktemp("bad-input") / "authority")
    enroller(mine)(make_device("SERIAL1"))
    return mine


@pytest.fixture(scope="module")
def link(place: Environment) -> Iterator[grpc.Channel]:
    with ServerProcess(place), channel(place, ABUKUMA, "channel") as opened:
        yield opened


BAD_CODES = {
    "too short": "12345",
    "too long": "123456789",
    "empty": "",
    "not the token's length": "12345678",
    "space before": " 23456",
    "space after": "12345 ",
    "newline": "123456\n",
    "sign": "+12345",
    "full-width": "".join(chr(0xFF10 + digit) for digit in range(1, 7)),
    "arabic-indic": "".join(chr(0x0660 + digit) for digit in range(1, 7)),
    "NUL": "12345\0",
    "letters": "12345a",
}


@pytest.mark.parametrize("code", BAD_CODES.values(), ids=BAD_CODES.keys())
def test_a_code_is_ascii_digits_and_nothing_else(
    link: grpc.Channel, place: Environment, code: str
) -> None:
    refused(link, place, "code", {**GOOD, "code": code})


BAD_FIELDS = {
    "no request_id": ("request_id", {"request_id": ""}),
    "no uuid": ("request_id", {"request_id": "1"}),
    "a long request_id": ("request_id", {"request_id": "a" * 4000}),
    "no subject": ("subject", {"serial": None}),
    "an empty serial": ("serial", {"serial": ""}),
    "a long serial": ("serial", {"serial": "A" * 33}),
    "a serial with a quote": ("serial", {"serial": "A' OR 1=1"}),
    "an empty subscriber": ("subscriber_ref", {"serial": None, "subscriber_ref": ""}),
    "a long subscriber": ("subscriber_ref", {"serial": None, "subscriber_ref": "9" * 65}),
    "a subscriber with NUL": ("subscriber_ref", {"serial": None, "subscriber_ref": "a\0b"}),
    "no operation": ("operation", {"operation": 0}),
    "an unknown operation": ("operation", {"operation": 99}),
}


@pytest.mark.parametrize(("field", "change"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_a_bad_field_is_named(
    link: grpc.Channel, place: Environment, field: str, change: Fields
) -> None:
    refused(link, place, field, {**GOOD, **change})


def test_what_is_no_message_is_refused(link: grpc.Channel, place: Environment) -> None:
    before = ledger(place)
    for body in (b"\xff\xff\xff", b"\x0a\x7f", b"GET / HTTP/1.1"):
        with pytest.raises(grpc.RpcError) as refusal:
            _send(link)(body, timeout=5)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert ledger(place) == before


def test_a_message_over_64_kib_is_refused(link: grpc.Channel, place: Environment) -> None:
    before = ledger(place)
    with pytest.raises(grpc.RpcError) as refusal:
        _send(link)(b"\x2a" + b"\xff\xff\x07" + b"1" * 0x1FFFF, timeout=5)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ledger(place) == before


def refused(link: grpc.Channel, place: Environment, field: str, fields: Fields) -> None:
    before = ledger(place)
    request = verification_pb2.VerifyOtpRequest(**{"request_id": str(uuid4()), **fields})
    with pytest.raises(grpc.RpcError) as refusal:
        _send(link)(request.SerializeToString(), timeout=5)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(cast("grpc.Call", refusal.value))
    bad = BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    assert [violation.field for violation in bad.field_violations] == [field]
    assert ledger(place) == before


def ledger(place: Environment) -> list[tuple[object, ...]]:
    """Return everything that a request could have changed."""
    with sqlite3.connect(place.database) as database:
        return [
            row
            for table in ("tokens", "requests", "audit")
            for row in database.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own names
        ]


def _send(link: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """Return the RPC without a serializer: what is sent is what is given."""
    return link.unary_unary(VERIFY, request_serializer=None, response_deserializer=None)
