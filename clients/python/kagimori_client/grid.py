# SPDX-License-Identifier: Apache-2.0
"""お客様カード: which two positions are asked for, and what stands there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from kagimori_client.api.enrollment.v1 import grid_card_pb2
from kagimori_client.arguments import check_texts
from kagimori_client.errors import (
    AuthorityFault,
    GridAnswerRejected,
    GridCardLocked,
    InvalidRequest,
    OtpRefused,
)

_REFUSALS: Final[dict[int, type[OtpRefused]]] = {
    grid_card_pb2.GRID_OUTCOME_REJECTED: GridAnswerRejected,
    grid_card_pb2.GRID_OUTCOME_LOCKED: GridCardLocked,
}
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class GridChallenge:
    """Two columns of the card, of ア to ク, that are asked for until ``answer_by``.

    ``answer_by`` is aware, in UTC. A challenge that is made later asks for the same
    two, until they are answered rightly.
    """

    challenge_id: UUID
    columns: tuple[str, str]
    answer_by: datetime

    def answer(self, first: str, second: str) -> GridAnswer:
        """Return what the customer read there, exactly as typed: 4 ASCII digits each."""
        return GridAnswer(self.challenge_id, first, second)


@dataclass(frozen=True, slots=True)
class GridAnswer:
    """What the customer read at the two positions of a challenge; in no repr."""

    challenge_id: UUID
    first: str = field(repr=False)
    second: str = field(repr=False)


def grid_message_of(answer: object, request_id: UUID) -> grid_card_pb2.GridAnswer:
    """Return the message, or raise `InvalidRequest` for what can be none."""
    if not isinstance(answer, GridAnswer) or not isinstance(answer.challenge_id, UUID):
        msg = "must be a kagimori_client.GridAnswer that names its challenge"
        raise InvalidRequest("grid_answer", msg, request_id)
    first, second = answer.first, answer.second
    check_texts(request_id, **{"grid_answer.first": first, "grid_answer.second": second})
    return grid_card_pb2.GridAnswer(
        challenge_id=str(answer.challenge_id), first=first, second=second
    )


def challenge_of(response: grid_card_pb2.CreateGridChallengeResponse) -> GridChallenge:
    """Return what ``response`` asks for; raise `AuthorityFault` where that is not two positions."""
    columns = tuple(response.columns)
    if len(columns) != _PAIR or not response.HasField("answer_by"):
        raise _unknown(None)
    try:
        challenge_id = UUID(response.challenge_id)
    except ValueError:
        raise _unknown(None) from None
    until = response.answer_by.ToDatetime(tzinfo=UTC)
    return GridChallenge(challenge_id, (columns[0], columns[1]), until)


def check_accepted(response: grid_card_pb2.VerifyGridAnswerResponse, request_id: UUID) -> None:
    """Return if the answer is right; else raise what became of it."""
    if response.outcome == grid_card_pb2.GRID_OUTCOME_ACCEPTED:
        return
    refusal = _REFUSALS.get(response.outcome)
    raise _unknown(request_id) if refusal is None else refusal(request_id, response.attempts_left)


def _unknown(request_id: UUID | None) -> AuthorityFault:
    msg = "the authority's answer is not one that this client knows"
    return AuthorityFault(msg, request_id)
