# SPDX-License-Identifier: Apache-2.0
"""Between a bank's words and the wire's, for one code."""

from __future__ import annotations

from datetime import UTC
from typing import Final, TypeAlias
from uuid import UUID

from kagimori_client.api.enrollment.v1 import enrollment_pb2, registration_pb2
from kagimori_client.api.types.v1 import types_pb2
from kagimori_client.api.verification.v1 import transaction_pb2, verification_pb2
from kagimori_client.arguments import check_operation, check_subject, check_texts
from kagimori_client.errors import (
    AuthorityFault,
    KagimoriError,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    TokenLocked,
    TokenNotActive,
    UnknownToken,
)
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt

Judged: TypeAlias = (
    verification_pb2.VerifyOtpResponse
    | enrollment_pb2.ActivateTokenResponse
    | registration_pb2.RegisterTokenResponse
    | registration_pb2.TerminateTokenResponse
    | registration_pb2.CompleteReplacementResponse
)
"""What has an outcome, and a receipt with ACCEPTED."""

_REFUSALS: Final[dict[int, type[OtpRefused]]] = {
    types_pb2.OUTCOME_REJECTED: OtpRejected,
    types_pb2.OUTCOME_REPLAYED: OtpReplayed,
    types_pb2.OUTCOME_LOCKED: TokenLocked,
    types_pb2.OUTCOME_NOT_ACTIVE: TokenNotActive,
    types_pb2.OUTCOME_UNKNOWN_TOKEN: UnknownToken,
}


def request_of(
    request_id: UUID,
    subscriber_ref: str | None,
    serial: str | None,
    operation: Operation,
    code: str,
) -> verification_pb2.VerifyOtpRequest:
    """Return the message, or raise `InvalidRequest` for what can be no field of one."""
    check_subject(request_id, subscriber_ref=subscriber_ref, serial=serial)
    check_texts(request_id, code=code)
    check_operation(request_id, operation)
    return verification_pb2.VerifyOtpRequest(
        request_id=str(request_id),
        subscriber_ref=subscriber_ref,
        serial=serial,
        operation=operation.value,
        code=code,
    )


def judgement_of(response: Judged, request_id: UUID) -> Receipt | KagimoriError:
    """Return what ``response`` comes to. Only ACCEPTED with a receipt is a yes."""
    if response.outcome == types_pb2.OUTCOME_ACCEPTED and response.HasField("receipt"):
        receipt = response.receipt
        return Receipt(receipt.number, receipt.accepted_at.ToDatetime(tzinfo=UTC))
    return refusal_of(response, request_id)


def refusal_of(
    response: Judged
    | registration_pb2.BeginReplacementResponse
    | transaction_pb2.VerifyTransactionResponse,
    request_id: UUID,
) -> KagimoriError:
    """Return what a ``response`` that is no yes comes to."""
    refusal = _REFUSALS.get(response.outcome)
    if refusal is None:
        msg = "the authority's answer is not one that this client knows"
        return AuthorityFault(msg, request_id)
    left = response.attempts_left if response.HasField("attempts_left") else None
    return refusal(request_id, left)
