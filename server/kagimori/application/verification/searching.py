# SPDX-License-Identifier: Apache-2.0
"""What the HSM says about a batch of claimed cases, and what is to be settled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from kagimori.application.ports import (
    Finding,
    Match,
    Search,
    SearchAnswer,
    SearchFailed,
    SeedVault,
    Settlement,
)
from kagimori.application.verification.case import RETRY_AFTER, Case
from kagimori.domain.errors import DeadlineTooNear
from kagimori.domain.token import Token
from kagimori.domain.window import drift_after, resync_window_of, resynced_drift, window_of


@dataclass(slots=True)
class Granted:
    """A case that may search; ``token`` is None where the name is unknown."""

    case: Case
    token: Token | None


@dataclass(slots=True)
class Searched:
    """What is to be settled about a case; ``error`` is its answer if there is one."""

    case: Case
    settlement: Settlement
    error: Exception | None = None


async def search(vault: SeedVault, batch: Sequence[Granted]) -> list[Searched]:
    """Search every window of ``batch`` in one call; nothing is raised.

    A case whose deadline is too near costs the HSM nothing. Its attempt stays
    spent: a caller could choose its deadlines.
    """
    now = time.monotonic()
    in_time = [granted for granted in batch if not granted.case.is_too_late(now)]
    late = [_too_late(granted) for granted in batch if granted.case.is_too_late(now)]
    if not in_time:
        return late
    try:
        answers = await vault.search([_question(vault, granted) for granted in in_time])
    except Exception as error:  # noqa: BLE001 - whatever it is, each case is settled
        # What the HSM had computed by then is not known: no free guesses.
        return late + [_broken_off(granted, error) for granted in in_time]
    return late + [_judged(*pair) for pair in zip(in_time, answers, strict=True)]


def _question(vault: SeedVault, granted: Granted) -> Search:
    case = granted.case
    token = granted.token or vault.decoy(case.claim.tenant)
    if case.second is not None:
        window = resync_window_of(token, case.windows, case.arrived)
        return Search(token, window, case.code, case.second)
    return Search(token, window_of(token, case.windows, case.arrived), case.code)


def _judged(granted: Granted, answer: SearchAnswer) -> Searched:
    if isinstance(answer, SearchFailed):
        return _failed(granted, answer)
    case, token = granted.case, granted.token
    if token is None:
        return Searched(case, Settlement(case.claim, None, Finding.UNKNOWN))
    if not isinstance(answer, Match):
        return Searched(case, Settlement(case.claim, token, Finding.NONE))
    if case.second is not None:
        drift = resynced_drift(token, answer.step, case.arrived)
        return Searched(case, Settlement(case.claim, token, Finding.FRESH, answer.step, drift))
    if answer.step <= token.last_step:
        return Searched(case, Settlement(case.claim, token, Finding.SPENT))
    drift = drift_after(token, answer.step, case.windows, case.arrived)
    return Searched(case, Settlement(case.claim, token, Finding.FRESH, answer.step, drift))


def _failed(granted: Granted, answer: SearchFailed) -> Searched:
    finding = Finding.BROKEN_OFF if answer.evaluated else Finding.NO_RESULT
    if granted.token:
        answer.error.add_note(f"token {granted.token.identity.token_id}")
    settlement = Settlement(granted.case.claim, granted.token, finding)
    return Searched(granted.case, settlement, answer.error)


def _too_late(granted: Granted) -> Searched:
    error = DeadlineTooNear("the deadline came near before the search", RETRY_AFTER)
    return _broken_off(granted, error)


def _broken_off(granted: Granted, error: Exception) -> Searched:
    settlement = Settlement(granted.case.claim, granted.token, Finding.BROKEN_OFF)
    return Searched(granted.case, settlement, error)
