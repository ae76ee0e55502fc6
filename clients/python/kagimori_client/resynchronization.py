# SPDX-License-Identifier: Apache-2.0
"""同期ズレ補正: a token is found again by two codes in a row. Nobody is let in by that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn
from uuid import UUID

from kagimori_client.api.verification.v1 import verification_pb2
from kagimori_client.arguments import check_subject, check_texts
from kagimori_client.errors import (
    AuthorityFault,
    OtpRefused,
    OtpRejected,
    TokenLocked,
    TokenNotActive,
    UnknownToken,
)


@dataclass(frozen=True, slots=True)
class Resynchronization:
    """The authority knows again where the token is. It is no acceptance.

    It proves nothing about who is asking, has no receipt, and no truth value: ``if
    resynchronized:`` raises `TypeError`. ``attempts_left`` is how many wrong codes
    the token will still bear, or None where the authority does not say.
    """

    attempts_left: int | None

    def __bool__(self) -> NoReturn:
        msg = "a resynchronisation lets nobody in: verify the token's next code"
        raise TypeError(msg)


_REFUSALS: Final[dict[int, type[OtpRefused]]] = {
    verification_pb2.RESYNC_OUTCOME_REJECTED: OtpRejected,
    verification_pb2.RESYNC_OUTCOME_LOCKED: TokenLocked,
    verification_pb2.RESYNC_OUTCOME_NOT_ACTIVE: TokenNotActive,
    verification_pb2.RESYNC_OUTCOME_UNKNOWN_TOKEN: UnknownToken,
}


def resync_request_of(
    request_id: UUID,
    subscriber_ref: str | None,
    serial: str | None,
    first_code: str,
    second_code: str,
) -> verification_pb2.ResynchronizeTokenRequest:
    """Return the message, or raise `InvalidRequest` for what can be no field of one."""
    check_subject(request_id, subscriber_ref=subscriber_ref, serial=serial)
    check_texts(request_id, first_code=first_code, second_code=second_code)
    return verification_pb2.ResynchronizeTokenRequest(
        request_id=str(request_id),
        subscriber_ref=subscriber_ref,
        serial=serial,
        first_code=first_code,
        second_code=second_code,
    )


def resynchronization_of(
    response: verification_pb2.ResynchronizeTokenResponse, request_id: UUID
) -> Resynchronization:
    """Return what ``response`` comes to; raise whatever is not SYNCHRONIZED."""
    left = response.attempts_left if response.HasField("attempts_left") else None
    if response.outcome == verification_pb2.RESYNC_OUTCOME_SYNCHRONIZED:
        return Resynchronization(left)
    refusal = _REFUSALS.get(response.outcome)
    if refusal is None:
        msg = "the authority's answer is not one that this client knows"
        raise AuthorityFault(msg, request_id)
    raise refusal(request_id, left)
