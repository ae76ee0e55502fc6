# SPDX-License-Identifier: Apache-2.0
"""Many codes in one call, each with an answer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias, cast
from uuid import UUID

import grpc

from kagimori_client.api.verification.v1 import verification_pb2
from kagimori_client.asking import ask
from kagimori_client.errors import AuthorityFault, InvalidRequest, KagimoriError, Unavailable
from kagimori_client.judging import judgement_of, request_of
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt
from kagimori_client.request_id import fresh
from kagimori_client.status import error_of, error_of_refusal

LARGEST: Final = 256
"""Offers in one batch."""

LARGEST_MESSAGE: Final = 64 * 1024
"""Octets of a batch on the wire; the authority takes no more."""

Send: TypeAlias = Callable[
    [verification_pb2.BatchVerifyOtpRequest, float], verification_pb2.BatchVerifyOtpResponse
]


@dataclass(frozen=True, slots=True)
class Offer:
    """One customer's one attempt, for `BankChannel.verify_batch`.

    The arguments are those of `BankChannel.verify`. An offer keeps its
    ``request_id``: offering the same object again after `Unavailable` is safe.
    """

    code: str = field(repr=False)
    subscriber_ref: str | None = field(default=None, repr=False, kw_only=True)
    serial: str | None = field(default=None, kw_only=True)
    operation: Operation = field(default=Operation.LOGIN, kw_only=True)
    request_id: UUID = field(default_factory=fresh, kw_only=True)


def verify_all(
    offers: Sequence[Offer], send: Send, timeout: float
) -> list[Receipt | KagimoriError]:
    """Return an answer for each of ``offers``, asking again for those that got none."""
    if not 1 <= len(offers) <= LARGEST:
        msg = f"offers must be 1 to {LARGEST}"
        raise ValueError(msg)
    batch = _Batch(offers)
    if batch.octets > LARGEST_MESSAGE:
        msg = f"offers must fit into {LARGEST_MESSAGE} octets"
        raise ValueError(msg)
    if batch.open:
        # The items that an outage concerns say so themselves.
        with suppress(Unavailable):
            ask(partial(batch.attempt, send), timeout)
    return batch.answers


class _Batch:
    """The answers so far, and the requests that are still without one."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self.open: dict[int, verification_pb2.VerifyOtpRequest] = {}
        self.answers: list[Receipt | KagimoriError] = []
        for number, offer in enumerate(offers):
            try:
                self.open[number] = _request_of(offer)
            except InvalidRequest as error:
                self.answers.append(error.with_traceback(None))
            else:
                self.answers.append(Unavailable("not asked yet", offer.request_id))

    @property
    def octets(self) -> int:
        return _message(self.open.values()).ByteSize()

    def attempt(self, send: Send, seconds: float) -> None:
        """Ask for what is open; raise `Unavailable` if some of it still is."""
        asked = list(self.open)
        for number, answer in zip(asked, self._answers(send, seconds), strict=True):
            self.answers[number] = answer
            if not isinstance(answer, Unavailable):
                del self.open[number]
        outages = [cast("Unavailable", self.answers[number]) for number in self.open]
        if outages:
            # Not raised itself: each item keeps its own, without our frames.
            longest = max(outage.retry_after or 0.0 for outage in outages)
            raise Unavailable("some items have no answer", outages[0].request_id, longest)

    def _answers(self, send: Send, seconds: float) -> list[Receipt | KagimoriError]:
        requests = list(self.open.values())
        names = [UUID(request.request_id) for request in requests]
        try:
            results = send(_message(requests), seconds).results
        except grpc.RpcError as error:
            # What a blocking call raises is the finished call itself.
            return [error_of(cast("grpc.Call", error), name) for name in names]
        if len(results) != len(names):
            return [AuthorityFault("the authority answered to other items", name) for name in names]
        return [_answer_of(result, name) for result, name in zip(results, names, strict=True)]


def _request_of(offer: Offer) -> verification_pb2.VerifyOtpRequest:
    return request_of(
        offer.request_id, offer.subscriber_ref, offer.serial, offer.operation, offer.code
    )


def _message(
    requests: Iterable[verification_pb2.VerifyOtpRequest],
) -> verification_pb2.BatchVerifyOtpRequest:
    return verification_pb2.BatchVerifyOtpRequest(requests=requests)


def _answer_of(
    result: verification_pb2.BatchVerifyOtpResult, request_id: UUID
) -> Receipt | KagimoriError:
    if result.HasField("refusal"):
        return error_of_refusal(result.refusal, request_id)
    # A result that this client does not know is an empty response: no yes.
    return judgement_of(result.response, request_id)
