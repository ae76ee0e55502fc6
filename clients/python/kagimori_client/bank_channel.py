# SPDX-License-Identifier: Apache-2.0
"""A bank's line to the token authority."""

from __future__ import annotations

from datetime import UTC
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeAlias, cast
from uuid import UUID, uuid4

import grpc

from kagimori_client.api.types.v1 import types_pb2
from kagimori_client.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori_client.asking import ask
from kagimori_client.credentials import Pem, credentials_of
from kagimori_client.errors import (
    AuthorityFault,
    InvalidRequest,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    TokenLocked,
    TokenNotActive,
    UnknownToken,
)
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt
from kagimori_client.status import error_of

_VerifyOtp: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.VerifyOtpRequest, verification_pb2.VerifyOtpResponse]"
)

_OPTIONS: Final = (
    # A restarted authority is found again within a deadline, not after gRPC's
    # usual minutes; and a line that died silently is noticed.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)

_REFUSALS: Final[dict[int, type[OtpRefused]]] = {
    types_pb2.OUTCOME_REJECTED: OtpRejected,
    types_pb2.OUTCOME_REPLAYED: OtpReplayed,
    types_pb2.OUTCOME_LOCKED: TokenLocked,
    types_pb2.OUTCOME_NOT_ACTIVE: TokenNotActive,
    types_pb2.OUTCOME_UNKNOWN_TOKEN: UnknownToken,
}


class BankChannel:
    """A mutually authenticated connection of one bank; share it between threads.

    The bank is the one that the client certificate names. Use it as a context
    manager, or `close` it.
    """

    def __init__(
        self,
        target: str,
        *,
        certificate: Pem,
        private_key: Pem,
        authority_ca: Pem,
        timeout: float = 5.0,
    ) -> None:
        """Prepare the connection to ``target`` (host:port); nothing is sent yet.

        ``certificate`` (chain) and ``private_key`` are the bank's,
        ``authority_ca`` signs the authority's server. ``timeout`` is in seconds
        and the default of every call.

        Raise `OSError` for a file that cannot be read; `TypeError` or
        `ValueError`, naming the argument, for what is no certificate, no key or
        another certificate's key (the key is looked at on Linux only; elsewhere
        a wrong one shows at the first call as `Unavailable`), and for a timeout
        that is not a positive number.
        """
        credentials = credentials_of(
            certificate=certificate, private_key=private_key, authority_ca=authority_ca
        )
        self._timeout = _positive(timeout)
        self._channel = grpc.secure_channel(target, credentials, options=_OPTIONS)
        stub = verification_pb2_grpc.VerificationServiceStub(self._channel)  # type: ignore[no-untyped-call] # generated
        self._verify_otp: _VerifyOtp = stub.VerifyOtp

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; no thread may be calling any more."""
        self._channel.close()

    def verify(  # noqa: PLR0913 - all but the code by keyword
        self,
        code: str,
        *,
        subscriber_ref: str | None = None,
        serial: str | None = None,
        operation: Operation = Operation.LOGIN,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Return the receipt of an accepted ``code``, which is spent by this.

        RPC: kagimori.verification.v1.VerificationService/VerifyOtp.

        Name the token by ``subscriber_ref`` (the bank's own customer number, 1
        to 64 characters) or by ``serial`` (1 to 32 of ``[0-9A-Z]``), not both.
        ``code`` is sent exactly as typed: 6 to 8 ASCII digits.

        ``timeout`` is in seconds and covers everything, asking again included.
        A call without an answer is asked again within it, always under one
        ``request_id``: a fresh one, or the one given here to take up a call that
        ended in `Unavailable`. For ten minutes one request_id has one answer.

        Raise `OtpRejected`, `OtpReplayed`, `TokenLocked`, `TokenNotActive` or
        `UnknownToken` if the customer may not go on; `InvalidRequest`,
        `RequestIdReused`, `NotIdentified` or `NotAllowed` if the call is not
        right; `Unavailable` or `AuthorityFault` if there is no answer; and
        `TypeError` or `ValueError` for a ``request_id`` that is not a UUID or a
        ``timeout`` that is not a positive number.
        """
        asked_under = uuid4() if request_id is None else _uuid(request_id)
        if (subscriber_ref is None) == (serial is None):
            msg = "name exactly one of subscriber_ref and serial"
            raise InvalidRequest("subject", msg, asked_under)
        within = self._timeout if timeout is None else _positive(timeout)
        request = _request(asked_under, subscriber_ref, serial, operation, code)
        return _receipt_of(ask(partial(self._verify_once, request), within), asked_under)

    def _verify_once(
        self, request: verification_pb2.VerifyOtpRequest, seconds: float
    ) -> verification_pb2.VerifyOtpResponse:
        try:
            return self._verify_otp(request, timeout=seconds)
        except grpc.RpcError as error:
            # What a blocking call raises is the finished call itself.
            raise error_of(cast("grpc.Call", error), UUID(request.request_id)) from error


def _request(
    request_id: UUID,
    subscriber_ref: str | None,
    serial: str | None,
    operation: Operation,
    code: str,
) -> verification_pb2.VerifyOtpRequest:
    for field, text in (("subscriber_ref", subscriber_ref), ("serial", serial)):
        if text is not None:
            _check_text(field, text, request_id)
    _check_text("code", code, request_id)
    _check_operation(operation, request_id)
    return verification_pb2.VerifyOtpRequest(
        request_id=str(request_id),
        subscriber_ref=subscriber_ref,
        serial=serial,
        operation=operation.value,
        code=code,
    )


def _check_text(field: str, text: object, request_id: UUID) -> None:
    # protobuf takes bytes for text, and its own errors quote the value.
    if not isinstance(text, str):
        msg = "must be a str"
        raise InvalidRequest(field, msg, request_id)
    try:
        text.encode()
    except UnicodeEncodeError:
        msg = "must be text that UTF-8 can hold"
        raise InvalidRequest(field, msg, request_id) from None


def _check_operation(operation: object, request_id: UUID) -> None:
    if not isinstance(operation, Operation):
        msg = "must be a member of kagimori_client.Operation"
        raise InvalidRequest("operation", msg, request_id)


def _receipt_of(response: verification_pb2.VerifyOtpResponse, request_id: UUID) -> Receipt:
    """Return the receipt, or raise. Only ACCEPTED with a receipt is a yes."""
    if response.outcome == types_pb2.OUTCOME_ACCEPTED and response.HasField("receipt"):
        receipt = response.receipt
        return Receipt(receipt.number, receipt.accepted_at.ToDatetime(tzinfo=UTC))
    refusal = _REFUSALS.get(response.outcome)
    if refusal is None:
        msg = "the authority's answer is not one that this client knows"
        raise AuthorityFault(msg, request_id)
    left = response.attempts_left if response.HasField("attempts_left") else None
    raise refusal(request_id, left)


def _uuid(request_id: object) -> UUID:
    if isinstance(request_id, UUID):
        return request_id
    msg = "request_id must be a uuid.UUID"
    raise TypeError(msg)


def _positive(timeout: object) -> float:
    msg = "timeout must be a positive number of seconds"
    if not isinstance(timeout, int | float):
        raise TypeError(msg)
    if timeout > 0:
        return timeout
    raise ValueError(msg)
