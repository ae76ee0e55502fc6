# SPDX-License-Identifier: Apache-2.0
"""From gRPC statuses with google.rpc details to this package's errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from kagimori_client.api.types.v1.types_pb2 import Refusal
from kagimori_client.errors import (
    AlreadyActive,
    AuthorityFault,
    CallRefused,
    InvalidRequest,
    KagimoriError,
    LiveToken,
    NotAllowed,
    NotIdentified,
    NotLocked,
    NotNow,
    NotOffered,
    NoToken,
    NotProvisioned,
    ReissueTooEarly,
    RequestIdReused,
    Unavailable,
)

# The call may or may not have been worked on: only its request_id makes asking
# again safe. RESOURCE_EXHAUSTED is the authority's bound on concurrent calls.
_ASK_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)
_REFUSED: Final[dict[grpc.StatusCode, type[CallRefused]]] = {
    grpc.StatusCode.UNAUTHENTICATED: NotIdentified,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
}
_NOT_NOW: Final[dict[str, type[NotNow]]] = {
    "LIVE_TOKEN": LiveToken,
    "NOT_PROVISIONED": NotProvisioned,
    "ALREADY_ACTIVE": AlreadyActive,
    "NO_TOKEN": NoToken,
    "NOT_LOCKED": NotLocked,
    "NOT_OFFERED": NotOffered,
}
"""By the reason that names the rule; REISSUE_TOO_EARLY has a day besides."""
_FIRST_DAY: Final = "reissue_from"
"""Its key in the metadata of google.rpc.ErrorInfo."""
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
"""By google.rpc.Code."""

M = TypeVar("M", bound=Message)


def error_of(call: grpc.Call, request_id: UUID | None) -> KagimoriError:
    """Return the error that tells of a failed ``call``."""
    status = _rich_status(call)
    info, wrong = _detail(status, ErrorInfo), _detail(status, BadRequest)
    violation = (*(wrong.field_violations if wrong else ()), None)[0]
    said = call.details() or ""
    told = _Told(
        code=call.code(),
        message=said,
        reason=info.reason if info else "",
        field=violation.field if violation else "",
        description=violation.description if violation else said,
        retry_after=_seconds(_detail(status, RetryInfo)),
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
    if code in _ASK_AGAIN:
        return Unavailable(f"no answer: {code.name}: {said}", request_id, told.retry_after)
    if told.reason == "REQUEST_ID_REUSED":
        return RequestIdReused(said, request_id)
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


def _rich_status(call: grpc.Call) -> Status:
    """Return the details; none where something between us and the authority answered."""
    try:
        return rpc_status.from_call(call) or Status()
    except ValueError:
        return Status()


def _detail(status: Status, kind: type[M]) -> M | None:
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None
