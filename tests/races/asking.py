# SPDX-License-Identifier: Apache-2.0
"""Calls as bytes: a race is won by microseconds, so nothing is built while it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from development.environment import Environment
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2, verification_pb2

VERIFY = "/kagimori.verification.v1.VerificationService/VerifyOtp"
BATCH_VERIFY = "/kagimori.verification.v1.VerificationService/BatchVerifyOtp"
SIGN = "/kagimori.verification.v1.VerificationService/VerifyTransaction"
SERVICE_ID = "20160003"
PATIENCE = 30.0
"""Seconds that a call may take where the test is not about deadlines."""

_STATUSES = {status.value[0]: status.name for status in grpc.StatusCode}

OPTIONS = [
    # Channels that share a connection would all meet one and the same worker.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 200),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller was told: a status, and with OK an outcome."""

    status: str
    outcome: str | None = None
    receipt: str | None = None
    attempts_left: int | None = None
    reason: str | None = field(default=None, compare=False)
    """Why there is no outcome, as the error's `ErrorInfo` has it."""

    @property
    def kind(self) -> str:
        """Return the outcome, or the status where there is none."""
        return self.outcome or self.status


@dataclass(frozen=True, slots=True)
class Door:
    """Where an authority is asked, and by whose certificate. Can be sent to a process."""

    address: str
    authority: bytes
    private_key: bytes
    certificate: bytes

    @classmethod
    def of(cls, place: Environment) -> Door:
        """Return the door of ``place`` for the tenant of the races."""
        identity = place.client(SERVICE_ID)
        return cls(
            place.listen,
            (place.certificates / "ca.pem").read_bytes(),
            identity.private_key.read_bytes(),
            identity.certificate.read_bytes(),
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """Return the channel's side of mTLS."""
        return grpc.ssl_channel_credentials(self.authority, self.private_key, self.certificate)

    def open(self) -> grpc.Channel:
        """Return a channel with a connection of its own."""
        return grpc.secure_channel(self.address, self.credentials(), OPTIONS)


@dataclass(frozen=True, slots=True)
class Signature:
    """A `VerifyTransactionRequest`: what a `question` is to another method."""

    octets: bytes


Asked: TypeAlias = bytes | Signature
"""A request that is answered with an outcome."""


def question(
    code: str,
    *,
    serial: str | None = None,
    subscriber: str | None = None,
    request_id: str | None = None,
    operation: str = "LOGIN",
) -> bytes:
    """Return a `VerifyOtpRequest`; without a ``request_id`` it gets a fresh one."""
    return verification_pb2.VerifyOtpRequest(
        request_id=request_id or str(uuid4()),
        operation=f"OPERATION_{operation}",
        code=code,
        **({"serial": serial} if subscriber is None else {"subscriber_ref": subscriber}),
    ).SerializeToString()


def batch(questions: Iterable[bytes]) -> bytes:
    """Return a `BatchVerifyOtpRequest` of what `question` made."""
    request = verification_pb2.BatchVerifyOtpRequest()
    for item in questions:
        request.requests.add().ParseFromString(item)
    return request.SerializeToString()


def answer_of(reply: bytes) -> Answer:
    """Read a `VerifyOtpResponse`."""
    return _answer_of(verification_pb2.VerifyOtpResponse.FromString(reply))


def signed_of(reply: bytes) -> Answer:
    """Read a `VerifyTransactionResponse`."""
    return _answer_of(transaction_pb2.VerifyTransactionResponse.FromString(reply))


def _answer_of(
    message: verification_pb2.VerifyOtpResponse | transaction_pb2.VerifyTransactionResponse,
) -> Answer:
    return Answer(
        "OK",
        types_pb2.Outcome.Name(message.outcome).removeprefix("OUTCOME_"),
        message.receipt.number if message.HasField("receipt") else None,
        message.attempts_left if message.HasField("attempts_left") else None,
    )


def answers_of(reply: bytes) -> list[Answer]:
    """Read a `BatchVerifyOtpResponse`: one answer for each item, in their order."""
    response = verification_pb2.BatchVerifyOtpResponse.FromString(reply)
    return [
        _answer_of(result.response)
        if result.HasField("response")
        else Answer(_STATUSES[result.refusal.code])
        for result in response.results
    ]


def refusal_of(error: grpc.RpcError) -> Answer:
    """Return what a failed call was told."""
    return Answer(error.code().name, reason=_reason_of(error))


def _reason_of(error: grpc.RpcError) -> str | None:
    sent: Any = error.trailing_metadata() or ()
    octets = dict(sent).get("grpc-status-details-bin", b"")
    for detail in Status.FromString(octets).details:
        info = ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return None


_Ask: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, Answer]"


class Client:
    """One caller with a connection of its own."""

    def __init__(self, door: Door) -> None:
        self._channel = door.open()
        self._verify: _Ask = self._channel.unary_unary(VERIFY, response_deserializer=answer_of)
        self._sign: _Ask = self._channel.unary_unary(SIGN, response_deserializer=signed_of)
        self._verify_batch: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            BATCH_VERIFY
        )

    def ask(self, request: Asked, seconds: float = PATIENCE) -> Answer:
        """Ask and wait for the answer."""
        return outcome_of(self.begin(request, seconds))

    def begin(self, request: Asked, seconds: float = PATIENCE) -> grpc.Future[Answer]:
        """Ask; the answer comes to the future, which can be cancelled."""
        if isinstance(request, Signature):
            return self._sign.future(request.octets, timeout=seconds)
        return self._verify.future(request, timeout=seconds)

    def begin_batch(self, requests: bytes, seconds: float = PATIENCE) -> grpc.Future[bytes]:
        """Ask what `batch` made; the reply, for `answers_of`, comes to the future."""
        return self._verify_batch.future(requests, timeout=seconds)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()


def outcome_of(call: grpc.Future[Answer]) -> Answer:
    """Wait for a call that `Client.begin` made."""
    try:
        return call.result()
    except grpc.RpcError as error:
        return refusal_of(error)
    except grpc.FutureCancelledError:
        return Answer("CANCELLED")
