# SPDX-License-Identifier: Apache-2.0
"""From gRPC statuses with google.rpc details to a token app's errors."""

from __future__ import annotations

from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from kagimori_client.token.errors import (
    ActivationExpired,
    ActivationRefused,
    AlreadyProvisioned,
    AuthorityFault,
    EnvelopeRefused,
    InvalidField,
    NotOffered,
    SetUpRefused,
    TokenError,
    TooManyTries,
    Unavailable,
)

# By the reason alone: a status without one is not the authority's own word.
_REFUSED: Final[dict[str, type[SetUpRefused]]] = {
    "ACTIVATION_REFUSED": ActivationRefused,
    "ACTIVATION_EXPIRED": ActivationExpired,
    "ALREADY_PROVISIONED": AlreadyProvisioned,
    "ENVELOPE_REFUSED": EnvelopeRefused,
    "NOT_OFFERED": NotOffered,
}
_ASK_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)
_A_WINDOW: Final = 60.0
"""Seconds to wait where the authority does not say."""

M = TypeVar("M", bound=Message)


def error_of(call: grpc.Call) -> TokenError:
    """Return the error that tells of a failed ``call``."""
    status = _rich_status(call)
    info, retry = _detail(status, ErrorInfo), _detail(status, RetryInfo)
    reason = info.reason if info else ""
    wait = retry.retry_delay.ToMilliseconds() / 1000 if retry else None
    if reason in _REFUSED:
        return _REFUSED[reason]()
    if reason == "TOO_MANY_TRIES":
        return TooManyTries(_A_WINDOW if wait is None else wait)
    if reason == "INVALID_FIELD":
        return _invalid(_detail(status, BadRequest))
    code = call.code()
    if code in _ASK_AGAIN:
        return Unavailable(f"no answer from the authority: {code.name}", wait)
    return AuthorityFault(f"the authority failed: {code.name}")


def _invalid(wrong: BadRequest | None) -> InvalidField:
    for violation in wrong.field_violations if wrong else ():
        return InvalidField(violation.field, violation.description)
    return InvalidField("", "the authority does not take a field")


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
