# SPDX-License-Identifier: Apache-2.0
"""A bank's line to the token authority."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeAlias, cast
from uuid import UUID

import grpc

from kagimori_client.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori_client.asking import ask
from kagimori_client.batch import Offer, verify_all
from kagimori_client.credentials import Pem, credentials_of
from kagimori_client.errors import KagimoriError
from kagimori_client.judging import judgement_of, request_of
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt
from kagimori_client.request_id import fresh
from kagimori_client.status import error_of

_VerifyOtp: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.VerifyOtpRequest, verification_pb2.VerifyOtpResponse]"
)
_BatchVerifyOtp: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.BatchVerifyOtpRequest, verification_pb2.BatchVerifyOtpResponse]"
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
        self._batch_verify_otp: _BatchVerifyOtp = stub.BatchVerifyOtp

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
        asked_under = fresh() if request_id is None else _uuid(request_id)
        within = self._timeout if timeout is None else _positive(timeout)
        request = request_of(asked_under, subscriber_ref, serial, operation, code)
        response = ask(partial(self._verify_once, request), within)
        judgement = judgement_of(response, asked_under)
        if isinstance(judgement, KagimoriError):
            raise judgement
        return judgement

    def verify_batch(
        self, offers: Sequence[Offer], *, timeout: float | None = None
    ) -> list[Receipt | KagimoriError]:
        """Return for each of ``offers``, in order, what `verify` returns or raises.

        RPC: kagimori.verification.v1.VerificationService/BatchVerifyOtp.

        For a bank's batch work: 1 to 256 offers, at most 64 KiB on the wire. Each
        stands for itself: a `Receipt`, or the `KagimoriError` that `verify` would
        have raised. ``timeout`` is in seconds and covers everything; within it
        the offers without an answer, and only those, are asked for again under
        their own request_id.

        Nothing is raised for a code that is no good: look at every answer. Raise
        `ValueError` for a batch that is too large or empty, or a ``timeout`` that
        is not positive, and `TypeError` for what is no `Offer`.
        """
        within = self._timeout if timeout is None else _positive(timeout)
        for offer in offers:
            _check_offer(offer)
        return verify_all(offers, self._send_batch, within)

    def _send_batch(
        self, batch: verification_pb2.BatchVerifyOtpRequest, seconds: float
    ) -> verification_pb2.BatchVerifyOtpResponse:
        return self._batch_verify_otp(batch, timeout=seconds)

    def _verify_once(
        self, request: verification_pb2.VerifyOtpRequest, seconds: float
    ) -> verification_pb2.VerifyOtpResponse:
        try:
            return self._verify_otp(request, timeout=seconds)
        except grpc.RpcError as error:
            # What a blocking call raises is the finished call itself.
            raise error_of(cast("grpc.Call", error), UUID(request.request_id)) from error


def _check_offer(offer: object) -> None:
    if not isinstance(offer, Offer):
        msg = "offers must be kagimori_client.Offer"
        raise TypeError(msg)
    _uuid(offer.request_id)


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
