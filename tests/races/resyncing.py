# SPDX-License-Identifier: Apache-2.0
"""Resynchronisations as bytes."""

from __future__ import annotations

from uuid import uuid4

from kagimori.api.verification.v1 import verification_pb2
from races.asking import Answer

RESYNC = "/kagimori.verification.v1.VerificationService/ResynchronizeToken"


def pair_of(serial: str, first: str, second: str, request_id: str | None = None) -> bytes:
    """Return a `ResynchronizeTokenRequest`; without a ``request_id`` it gets a fresh one."""
    return verification_pb2.ResynchronizeTokenRequest(
        request_id=request_id or str(uuid4()),
        serial=serial,
        first_code=first,
        second_code=second,
    ).SerializeToString()


def told_of(reply: bytes) -> Answer:
    """Read a `ResynchronizeTokenResponse`."""
    message = verification_pb2.ResynchronizeTokenResponse.FromString(reply)
    word = verification_pb2.ResyncOutcome.Name(message.outcome)
    left = message.attempts_left if message.HasField("attempts_left") else None
    return Answer("OK", word.removeprefix("RESYNC_OUTCOME_"), None, left)
