# SPDX-License-Identifier: Apache-2.0
"""From gRPC statuses with google.rpc details to this package's errors."""

from __future__ import annotations

from typing import Final, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from kagimori_client.errors import (
    AuthorityFault,
    CallRefused,
    InvalidRequest,
    KagimoriError,
    NotAllowed,
    NotIdentified,
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

M = TypeVar("M", bound=Message)


def error_of(call: grpc.Call, request_id: UUID) -> KagimoriError:
    """Return the error that tells of a failed ``call``."""
    code, said = call.code(), call.details() or ""
    status = _rich_status(call)
    if code in _ASK_AGAIN:
        return Unavailable(f"no answer: {code.name}: {said}", request_id, _retry_after(status))
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return _invalid(status, said, request_id)
    if code in _REFUSED:
        return _REFUSED[code](said, request_id)
    return AuthorityFault(f"the authority failed: {code.name}: {said}", request_id)


def _invalid(status: Status, said: str, request_id: UUID) -> KagimoriError:
    info = _detail(status, ErrorInfo)
    if info is not None and info.reason == "REQUEST_ID_REUSED":
        return RequestIdReused(said, request_id)
    wrong = _detail(status, BadRequest)
    if wrong is None or not wrong.field_violations:
        return InvalidRequest("", said, request_id)
    violation = wrong.field_violations[0]
    return InvalidRequest(violation.field, violation.description, request_id)


def _retry_after(status: Status) -> float | None:
    info = _detail(status, RetryInfo)
    return None if info is None else info.retry_delay.ToMilliseconds() / 1000


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
