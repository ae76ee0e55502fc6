# SPDX-License-Identifier: Apache-2.0
"""Between the words of the grid card and the application's."""

from __future__ import annotations

from typing import Final, cast

from kagimori.api.enrollment.v1 import grid_card_pb2
from kagimori.application.grid_cards.ports import Challenge, GridAnswer, GridVerdict
from kagimori.domain.errors import InvalidField
from kagimori.domain.grid_card import Cells, GridOutcome
from kagimori.transport.mapping import timestamp_of, uuid_of


def _outcome(word: str) -> grid_card_pb2.GridOutcome:
    name = f"GRID_OUTCOME_{word}"
    return cast("grid_card_pb2.GridOutcome", grid_card_pb2.GridOutcome.Value(name))


_OUTCOMES: Final = {outcome: _outcome(outcome) for outcome in GridOutcome}


def grid_answer_of(answer: grid_card_pb2.GridAnswer, field: str = "grid_answer") -> GridAnswer:
    """Return what the customer read; raise `InvalidField` for a wrong part of ``field``."""
    challenge_id = uuid_of(answer.challenge_id, f"{field}.challenge_id")
    return GridAnswer(challenge_id, Cells(answer.first, answer.second, field))


def required_answer_of(request: grid_card_pb2.VerifyGridAnswerRequest) -> GridAnswer:
    """Return the same where it must be there."""
    if not request.HasField("answer"):
        raise InvalidField("answer", "is required")
    return grid_answer_of(request.answer, "answer")


def challenge_of(challenge: Challenge) -> grid_card_pb2.CreateGridChallengeResponse:
    """Return ``challenge`` in the words of the API."""
    return grid_card_pb2.CreateGridChallengeResponse(
        challenge_id=challenge.challenge_id,
        columns=challenge.pair.columns,
        answer_by=timestamp_of(challenge.answer_by),
    )


def grid_verdict_of(verdict: GridVerdict) -> grid_card_pb2.VerifyGridAnswerResponse:
    """Return ``verdict`` in the words of the API."""
    return grid_card_pb2.VerifyGridAnswerResponse(
        outcome=_OUTCOMES[verdict.outcome], attempts_left=verdict.attempts_left
    )
