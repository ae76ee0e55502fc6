# SPDX-License-Identifier: Apache-2.0
"""What each of the authority's errors is on the wire: a status with details.

The details are those of google.rpc: `ErrorInfo` always (``reason`` is stable),
`BadRequest` where a field is wrong, `RetryInfo` where the same request can be
sent again. About one item of a batch a `Refusal` says the same.
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

from kagimori.api.types.v1.types_pb2 import Refusal
from kagimori.domain import errors

DOMAIN: Final = "kagimori"

_INTERNAL: Final = "INTERNAL"
_UNFORESEEN: Final = "the authority failed; its log says how"

STATUS: Final[Mapping[type[errors.AuthorityError], grpc.StatusCode]] = {
    errors.InvalidField: grpc.StatusCode.INVALID_ARGUMENT,
    errors.RequestIdReused: grpc.StatusCode.INVALID_ARGUMENT,
    errors.MalformedMessage: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotIdentified: grpc.StatusCode.UNAUTHENTICATED,
    errors.NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineTooNear: grpc.StatusCode.UNAVAILABLE,
    errors.TokenBusy: grpc.StatusCode.UNAVAILABLE,
    errors.LeaseLost: grpc.StatusCode.UNAVAILABLE,
    errors.HsmUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.LiveToken: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ReissueTooEarly: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotProvisioned: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AlreadyActive: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NoToken: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotLocked: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotOffered: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnknownSerial: grpc.StatusCode.NOT_FOUND,
    errors.NotInStock: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TokenExpired: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotAssigned: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotHardware: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ReplacementNotBegun: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ReplacementExpired: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SameToken: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NoGridCard: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ChallengeOver: grpc.StatusCode.FAILED_PRECONDITION,
    errors.CannotSign: grpc.StatusCode.FAILED_PRECONDITION,
    errors.TransactionChanged: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SamePerson: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ProposalOver: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ProposalOpen: grpc.StatusCode.FAILED_PRECONDITION,
    errors.UnknownProposal: grpc.StatusCode.NOT_FOUND,
    errors.ActivationExpired: grpc.StatusCode.FAILED_PRECONDITION,
    errors.AlreadyProvisioned: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ActivationRefused: grpc.StatusCode.UNAUTHENTICATED,
    errors.EnvelopeRefused: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TooManyTries: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.RecordTampered: grpc.StatusCode.DATA_LOSS,
}


def status_of(error: errors.AuthorityError) -> grpc.Status:
    """Return the status that tells a caller of ``error``."""
    info = ErrorInfo(reason=error.reason, domain=DOMAIN)
    if isinstance(error, errors.ReissueTooEarly):
        info.metadata["reissue_from"] = error.first_day
    details: list[Message] = [info]
    if isinstance(error, errors.InvalidField | errors.EnvelopeRefused):
        details.append(_bad_request(error))
    if isinstance(error, errors.TryAgain):
        details.append(_retry_info(error))
    return _status(STATUS[type(error)], str(error), details)


def internal_status() -> grpc.Status:
    """Return the status for what nobody foresaw; the log has the rest."""
    info = ErrorInfo(reason=_INTERNAL, domain=DOMAIN)
    return _status(grpc.StatusCode.INTERNAL, _UNFORESEEN, [info])


def code_of(error: Exception) -> grpc.StatusCode:
    """Return the code that a caller hears for ``error``, foreseen or not."""
    if isinstance(error, errors.AuthorityError):
        return STATUS[type(error)]
    return grpc.StatusCode.INTERNAL


def write_refusal(error: Exception, refusal: Refusal) -> None:
    """Write what the status of ``error`` would say into an empty ``refusal``."""
    refusal.code = code_of(error).value[0]
    if not isinstance(error, errors.AuthorityError):
        refusal.reason, refusal.message = _INTERNAL, _UNFORESEEN
        return
    refusal.reason, refusal.message = error.reason, str(error)
    if isinstance(error, errors.InvalidField | errors.EnvelopeRefused):
        refusal.field = error.field
    if isinstance(error, errors.TryAgain):
        refusal.retry_delay.CopyFrom(_delay(error))


def _bad_request(error: errors.InvalidField | errors.EnvelopeRefused) -> BadRequest:
    violation = BadRequest.FieldViolation(field=error.field, description=error.description)
    return BadRequest(field_violations=[violation])


def _retry_info(error: errors.TryAgain) -> RetryInfo:
    return RetryInfo(retry_delay=_delay(error))


def _delay(error: errors.TryAgain) -> Duration:
    delay = Duration()
    delay.FromMilliseconds(round(error.retry_after * 1000))
    return delay


def _status(code: grpc.StatusCode, message: str, details: list[Message]) -> grpc.Status:
    number: int = code.value[0]
    status = Status(code=number, message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return rpc_status.to_status(status)
