# SPDX-License-Identifier: Apache-2.0
"""Between the words on the wire and the domain's: the only place that knows both.

By hand, for it is on the path of every login. A field is named by its proto
name, and no message quotes what was in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, cast

from google.protobuf.timestamp_pb2 import Timestamp

from kagimori.api.admin.v1 import admin_pb2
from kagimori.api.enrollment.v1 import enrollment_pb2, registration_pb2
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2, verification_pb2
from kagimori.application.administration.hsm_status import HsmStatus
from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.ports import BySerial, BySubscriber, Subject
from kagimori.domain.code import Otp
from kagimori.domain.errors import InvalidField
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.token import SERIAL

LONGEST_SUBSCRIBER_REF: Final = 64

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NIL: Final = "00000000-0000-0000-0000-000000000000"

_OPERATIONS: Final = {
    types_pb2.OPERATION_LOGIN: Operation.LOGIN,
    types_pb2.OPERATION_TRANSFER: Operation.TRANSFER,
    types_pb2.OPERATION_BILL_PAYMENT: Operation.BILL_PAYMENT,
}
_OUTCOMES: Final = {
    # The domain and the proto use one vocabulary. SYNCHRONIZED is no answer to a code:
    # who verifies can never be told so.
    outcome: cast("types_pb2.Outcome", types_pb2.Outcome.Value(f"OUTCOME_{outcome}"))
    for outcome in frozenset(Outcome) - {Outcome.SYNCHRONIZED}
}
_RESYNC_OUTCOMES: Final = {
    # And none of these is an acceptance.
    outcome: cast(
        "verification_pb2.ResyncOutcome",
        verification_pb2.ResyncOutcome.Value(f"RESYNC_OUTCOME_{outcome}"),
    )
    for outcome in frozenset(Outcome) - {Outcome.ACCEPTED, Outcome.REPLAYED}
}
_NEEDS: Final = {
    need: cast(
        "verification_pb2.OtpRequirement",
        verification_pb2.OtpRequirement.Value(f"OTP_REQUIREMENT_{need}"),
    )
    for need in Needs
}

_Judged: TypeAlias = (
    "verification_pb2.VerifyOtpResponse | transaction_pb2.VerifyTransactionResponse"
    " | enrollment_pb2.ActivateTokenResponse"
    " | registration_pb2.RegisterTokenResponse | registration_pb2.TerminateTokenResponse"
    " | registration_pb2.CompleteReplacementResponse"
)
_NamesToken: TypeAlias = (
    "verification_pb2.VerifyOtpRequest | verification_pb2.ResynchronizeTokenRequest"
    " | enrollment_pb2.UnlockTokenRequest"
)
_HasRequestId: TypeAlias = (
    "verification_pb2.VerifyOtpRequest | verification_pb2.ResynchronizeTokenRequest"
)


@dataclass(slots=True)  # not frozen: that would cost half a microsecond on every item
class Question:
    """What a `VerifyOtpRequest` asks, in words that can be right."""

    subject: Subject
    operation: Operation
    code: Otp


@dataclass(frozen=True, slots=True)
class Pair:
    """What a `ResynchronizeTokenRequest` offers: two codes, the one shown first first."""

    subject: Subject
    first: Otp
    second: Otp


def request_id_of(request: _HasRequestId) -> str:
    """Return the name of the call, or raise `InvalidField`.

    Read before all else, so that the log knows a call by it whatever else is wrong.
    """
    return uuid_of(request.request_id)


def question_of(request: verification_pb2.VerifyOtpRequest) -> Question:
    """Return what is asked, or raise `InvalidField` for the first wrong field."""
    return Question(subject_of(request), _operation(request.operation), Otp(request.code))


def pair_of(request: verification_pb2.ResynchronizeTokenRequest) -> Pair:
    """Return what is offered, or raise `InvalidField` for the first wrong field."""
    return Pair(
        subject_of(request),
        Otp(request.first_code, "first_code"),
        Otp(request.second_code, "second_code"),
    )


def wanted_of(
    request: verification_pb2.GetOtpRequirementRequest,
) -> tuple[str, Operation, int | None]:
    """Return who is about to do what, for how many yen if that is told, or raise `InvalidField`."""
    amount = request.amount if request.HasField("amount") else None
    return subscriber_ref_of(request.subscriber_ref), _operation(request.operation), amount


def requirement_of(requirement: Requirement) -> verification_pb2.GetOtpRequirementResponse:
    """Return ``requirement`` in the words of the API."""
    cut_over = requirement.cut_over
    return verification_pb2.GetOtpRequirementResponse(
        requirement=_NEEDS[requirement.needs],
        has_token=requirement.has_token,
        cut_over_on="" if cut_over is None else cut_over.isoformat(),
        can_sign=requirement.can_sign,
    )


def answer_of(verdict: Verdict) -> verification_pb2.VerifyOtpResponse:
    """Return ``verdict`` in the words of the API."""
    answer = verification_pb2.VerifyOtpResponse()
    write_answer(verdict, answer)
    return answer


def resync_answer_of(verdict: Verdict) -> verification_pb2.ResynchronizeTokenResponse:
    """Return ``verdict`` in the words of the API. There is no receipt to tell of."""
    return verification_pb2.ResynchronizeTokenResponse(
        outcome=_RESYNC_OUTCOMES[verdict.outcome], attempts_left=verdict.attempts_left
    )


def write_answer(verdict: Verdict, answer: _Judged) -> None:
    """Write ``verdict`` into an empty ``answer``, such as one in a batch's response.

    Field by field: messages that are made first and copied in cost twice as much.
    """
    answer.outcome = _OUTCOMES[verdict.outcome]
    if verdict.attempts_left is not None:
        answer.attempts_left = verdict.attempts_left
    if verdict.receipt is not None:
        _write_receipt(verdict.receipt, answer.receipt)


def told_outcome(outcome: Outcome) -> types_pb2.Outcome:
    """Return ``outcome`` in the words of the API, for an answer that has no receipt."""
    return _OUTCOMES[outcome]


def hsm_status_of(status: HsmStatus) -> admin_pb2.GetHsmStatusResponse:
    """Return ``status`` in the words of the API."""
    return admin_pb2.GetHsmStatusResponse(
        partition=status.partition,
        manufacturer=status.manufacturer,
        library_version=status.library_version,
        answering=status.answering,
        tenants=[
            admin_pb2.TenantKeys(
                service_id=keys.service_id,
                wrapping_key_version=keys.wrapping_version,
                row_key_version=keys.row_version,
            )
            for keys in status.tenants
        ],
        cache=admin_pb2.SeedCache(
            hits=status.cache.hits, misses=status.cache.misses, entries=status.cache.entries
        ),
    )


def uuid_of(text: str, field: str = "request_id") -> str:
    """Return a ``field`` that can be a UUID, or raise `InvalidField`."""
    if not _UUID.fullmatch(text):
        msg = "must be a UUID in lower-case 8-4-4-4-12 form"
        raise InvalidField(field, msg)
    # A nil UUID is one that a client forgot to draw: every customer would share it.
    if text == _NIL:
        msg = "must not be the nil UUID"
        raise InvalidField(field, msg)
    return text


def subject_of(request: _NamesToken) -> Subject:
    """Return whose token is named, or raise `InvalidField`."""
    named_by = request.WhichOneof("subject")
    if named_by is None:
        msg = "subscriber_ref or serial is required"
        raise InvalidField("subject", msg)
    if named_by == "serial":
        return BySerial(serial_of(request.serial))
    return BySubscriber(subscriber_ref_of(request.subscriber_ref))


def serial_of(text: str) -> str:
    """Return a serial number that can be one, or raise `InvalidField`."""
    if not SERIAL.fullmatch(text):
        msg = "must be 1 to 32 characters of [0-9A-Z]"
        raise InvalidField("serial", msg)
    return text


def subscriber_ref_of(text: str) -> str:
    """Return a customer number that can be one, or raise `InvalidField`."""
    if not 1 <= len(text) <= LONGEST_SUBSCRIBER_REF or not text.isprintable():
        msg = f"must be 1 to {LONGEST_SUBSCRIBER_REF} printable characters"
        raise InvalidField("subscriber_ref", msg)
    return text


def timestamp_of(moment: datetime | None) -> Timestamp | None:
    """Return ``moment`` in the words of the API; None for none."""
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _operation(number: types_pb2.Operation) -> Operation:
    try:
        return _OPERATIONS[number]
    except KeyError:
        msg = "must be LOGIN, TRANSFER or BILL_PAYMENT"
        raise InvalidField("operation", msg) from None


def _write_receipt(receipt: Receipt, written: types_pb2.Receipt) -> None:
    written.number = str(receipt)
    # A float holds today's seconds to a quarter of a microsecond.
    microseconds = round(receipt.accepted_at.timestamp() * 1_000_000)
    at = written.accepted_at
    at.seconds, at.nanos = microseconds // 1_000_000, microseconds % 1_000_000 * 1000
