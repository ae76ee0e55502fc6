# SPDX-License-Identifier: Apache-2.0
"""From gRPC statuses with google.rpc details to a token app's errors."""

from __future__ import annotations

from typing import Final

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from kagimori_client.details import ASK_AGAIN, detail, rich_status
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
_A_WINDOW: Final = 60.0
"""Seconds to wait where the authority does not say."""


def error_of(call: grpc.Call) -> TokenError:
    """Return the error that tells of a failed ``call``."""
    status = rich_status(call)
    info, retry = detail(status, ErrorInfo), detail(status, RetryInfo)
    reason = info.reason if info else ""
    wait = retry.retry_delay.ToMilliseconds() / 1000 if retry else None
    if reason in _REFUSED:
        return _REFUSED[reason]()
    if reason == "TOO_MANY_TRIES":
        return TooManyTries(_A_WINDOW if wait is None else wait)
    if reason == "INVALID_FIELD":
        return _invalid(detail(status, BadRequest))
    code = call.code()
    if code in ASK_AGAIN:
        return Unavailable(f"no answer from the authority: {code.name}", wait)
    return AuthorityFault(f"the authority failed: {code.name}")


def _invalid(wrong: BadRequest | None) -> InvalidField:
    for violation in wrong.field_violations if wrong else ():
        return InvalidField(violation.field, violation.description)
    return InvalidField("", "the authority does not take a field")
