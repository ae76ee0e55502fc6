# SPDX-License-Identifier: Apache-2.0
"""From gRPC statuses with google.rpc details to this package's errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from kagimori_client.api.types.v1.types_pb2 import Refusal
from kagimori_client.details import ASK_AGAIN, detail, rich_status
from kagimori_client.errors import (
    AlreadyActive,
    AuthorityFault,
    CallRefused,
    CannotSign,
    ChallengeOver,
    InvalidRequest,
    KagimoriError,
    LiveToken,
    NoGridCard,
    NotAllowed,
    NotAssigned,
    NotHardware,
    NotIdentified,
    NotInStock,
    NotLocked,
    NotNow,
    NotOffered,
    NoToken,
    NotProvisioned,
    ProposalOpen,
    ProposalOver,
    ReissueTooEarly,
    ReplacementExpired,
    ReplacementNotBegun,
    RequestIdReused,
    SamePerson,
    SameToken,
    TokenExpired,
    TransactionChanged,
    Unavailable,
    UnknownProposal,
    UnknownSerial,
)

_REFUSED: Final[dict[grpc.StatusCode, type[CallRefused]]] = {
    grpc.StatusCode.UNAUTHENTICATED: NotIdentified,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
}
_BY_REASON: Final[dict[tuple[grpc.StatusCode, str], type[CallRefused]]] = {
    (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED"): RequestIdReused,
    (grpc.StatusCode.NOT_FOUND, "UNKNOWN_SERIAL"): UnknownSerial,
    (grpc.StatusCode.NOT_FOUND, "UNKNOWN_PROPOSAL"): UnknownProposal,
}
_NOT_NOW: Final[dict[str, type[NotNow]]] = {
    "LIVE_TOKEN": LiveToken,
    "NOT_PROVISIONED": NotProvisioned,
    "ALREADY_ACTIVE": AlreadyActive,
    "NO_TOKEN": NoToken,
    "NOT_LOCKED": NotLocked,
    "NOT_OFFERED": NotOffered,
    "NOT_IN_STOCK": NotInStock,
    "TOKEN_EXPIRED": TokenExpired,
    "NOT_ASSIGNED": NotAssigned,
    "NOT_HARDWARE": NotHardware,
    "REPLACEMENT_NOT_BEGUN": ReplacementNotBegun,
    "REPLACEMENT_EXPIRED": ReplacementExpired,
    "SAME_TOKEN": SameToken,
    "NO_GRID_CARD": NoGridCard,
    "CHALLENGE_OVER": ChallengeOver,
    "CANNOT_SIGN": CannotSign,
    "TRANSACTION_CHANGED": TransactionChanged,
    "SAME_PERSON": SamePerson,
    "PROPOSAL_OVER": ProposalOver,
    "PROPOSAL_OPEN": ProposalOpen,
}
"""By the reason that names the rule; REISSUE_TOO_EARLY has a day besides."""
_FIRST_DAY: Final = "reissue_from"
"""Its key in the metadata of google.rpc.ErrorInfo."""
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
"""By google.rpc.Code."""


def error_of(call: grpc.Call, request_id: UUID | None) -> KagimoriError:
    """Return the error that tells of a failed ``call``."""
    status = rich_status(call)
    info, wrong = detail(status, ErrorInfo), detail(status, BadRequest)
    violation = (*(wrong.field_violations if wrong else ()), None)[0]
    said = call.details() or ""
    told = _Told(
        code=call.code(),
        message=said,
        reason=info.reason if info else "",
        field=violation.field if violation else "",
        description=violation.description if violation else said,
        retry_after=_seconds(detail(status, RetryInfo)),
        first_day=_day(info.metadata.get(_FIRST_DAY, "")) if info else None,
    )
    return _error_of(told, request_id)


def error_of_refusal(refusal: Refusal, request_id: UUID) -> KagimoriError:
    """Return the error that tells of an item of a batch that was not judged."""
    told = _Told(
        code=_CODES.get(refusal.code, grpc.StatusCode.UNKNOWN),
        message=refusal.message,
        reason=refusal.reason,
        field=refusal.field,
        description=refusal.message.removeprefix(f"{refusal.field}: "),
        retry_after=_seconds(refusal) if refusal.HasField("retry_delay") else None,
    )
    return _error_of(told, request_id)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the authority says of a failure; ``field`` is empty where no one field is wrong."""

    code: grpc.StatusCode
    message: str
    reason: str
    field: str
    description: str
    retry_after: float | None
    first_day: date | None = None


def _error_of(told: _Told, request_id: UUID | None) -> KagimoriError:
    code, said = told.code, told.message
    if code in ASK_AGAIN:
        return Unavailable(f"no answer: {code.name}: {said}", request_id, told.retry_after)
    named = _BY_REASON.get((code, told.reason))
    if named is not None:
        return named(said, request_id)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidRequest(told.field, told.description, request_id)
    if code in _REFUSED:
        return _REFUSED[code](said, request_id)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return _not_now(told, request_id)
    return AuthorityFault(f"the authority failed: {code.name}: {said}", request_id)


def _not_now(told: _Told, request_id: UUID | None) -> NotNow:
    if told.reason == "REISSUE_TOO_EARLY":
        return ReissueTooEarly(told.message, request_id, told.first_day)
    # A rule of a later day forbids all the same.
    return _NOT_NOW.get(told.reason, NotNow)(told.message, request_id)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _seconds(told: RetryInfo | Refusal | None) -> float | None:
    return None if told is None else told.retry_delay.ToMilliseconds() / 1000
