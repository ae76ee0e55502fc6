# SPDX-License-Identifier: Apache-2.0
"""What each of the authority's errors is on the wire: a status with details.

The details are those of google.rpc: `ErrorInfo` always (``reason`` is stable),
`BadRequest` where a field is wrong, `RetryInfo` where the same request can be
sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from kagimori.domain import errors

DOMAIN: Final = "kagimori"

STATUS: Final[Mapping[type[errors.AuthorityError], grpc.StatusCode]] = {
    errors.InvalidField: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestIdReused: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MalformedMessage: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotIdentified: grpc.StatusCode.UNAUTHENTICATED,
    errors.NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    errors.TokenBusy: grpc.StatusCode.UNAVAILABLE,
    errors.LeaseLost: grpc.StatusCode.UNAVAILABLE,
    errors.HsmUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.RecordTampered: grpc.StatusCode.DATA_LOSS,
}


def status_of(error: errors.AuthorityError) -> grpc.Status:
    """Return the status that tells a caller of ``error``."""
    details: list[Message] = [ErrorInfo(reason=error.reason, domain=DOMAIN)]
    if isinstance(error, errors.InvalidField):
        details.append(_bad_request(error))
    if isinstance(error, errors.TryAgain):
        details.append(_retry_info(error))
    return _status(STATUS[type(error)], str(error), details)


def internal_status() -> grpc.Status:
    """Return the status for what nobody foresaw; the log has the rest."""
    return _status(
        grpc.StatusCode.INTERNAL,
        "the authority failed; its log says how",
        [ErrorInfo(reason="INTERNAL", domain=DOMAIN)],
    )


def _bad_request(error: errors.InvalidField) -> BadRequest:
    violation = BadRequest.FieldViolation(field=error.field, description=error.description)
    return BadRequest(field_violations=[violation])


def _retry_info(error: errors.TryAgain) -> RetryInfo:
    delay = Duration()
    delay.FromMilliseconds(round(error.retry_after * 1000))
    return RetryInfo(retry_delay=delay)


def _status(code: grpc.StatusCode, message: str, details: list[Message]) -> grpc.Status:
    number: int = code.value[0]
    status = Status(code=number, message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return rpc_status.to_status(status)
