# SPDX-License-Identifier: Apache-2.0
"""What the HSM says about a batch of claimed cases, and what is to be settled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from kagimori.application.ports import (
    Claim,
    Finding,
    Match,
    Search,
    SearchAnswer,
    SearchFailed,
    SeedVault,
    Settlement,
    SignatureCheck,
    SigningSeed,
)
from kagimori.application.verification.case import RETRY_AFTER, Case
from kagimori.domain.errors import DeadlineTooNear, InvalidField, RecordTampered
from kagimori.domain.token import Token
from kagimori.domain.transaction import Challenge, SigningProfile, question_of
from kagimori.domain.window import (
    drift_after,
    resync_window_of,
    resynced_drift,
    signing_window_of,
    window_of,
)


@dataclass(slots=True)
class Granted:
    """A case that may search; ``token`` is None where the name is unknown.

    ``signing`` is a signature's seed; None where its row is gone.
    """

    case: Case
    token: Token | None
    signing: SigningSeed | None = None


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
    done: list[Searched] = []
    asked: list[Granted] = []
    questions: list[Search | SignatureCheck] = []
    for granted in batch:
        if granted.case.is_too_late(now):
            done.append(_too_late(granted))
            continue
        try:
            questions.append(_question(vault, granted))
        except RecordTampered as error:
            done.append(_failed(granted, SearchFailed(error, 0)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this case's own
            done.append(_broken_off(granted, error))
        else:
            asked.append(granted)
    return done + await _searched(vault, asked, questions) if asked else done


async def _searched(
    vault: SeedVault, asked: Sequence[Granted], questions: Sequence[Search | SignatureCheck]
) -> list[Searched]:
    try:
        answers = await vault.search(questions)
    except Exception as error:  # noqa: BLE001 - whatever it is, each case is settled
        # What the HSM had computed by then is not known: no free guesses.
        return [_broken_off(granted, error) for granted in asked]
    return [_judged(*pair) for pair in zip(asked, answers, strict=True)]


def _question(vault: SeedVault, granted: Granted) -> Search | SignatureCheck:
    """Return what the HSM is asked; raise `RecordTampered` where no sound row asks for that."""
    case = granted.case
    if case.claim.signed is not None and granted.token is not None:
        return _check(case, case.claim.signed, granted.token, granted.signing)
    token = granted.token or vault.decoy(case.claim.tenant)
    if case.second is not None:
        window = resync_window_of(token, case.windows, case.arrived)
        return Search(token, window, case.code, case.second)
    return Search(token, window_of(token, case.windows, case.arrived), case.code)


def _check(
    case: Case, signed: Challenge, token: Token, signing: SigningSeed | None
) -> SignatureCheck:
    if signing is None:
        raise RecordTampered
    try:
        question = question_of(signing.profile, signed)
    except InvalidField:
        # No such challenge was made.
        raise RecordTampered from None
    steps = None
    if question.period:
        steps = signing_window_of(token, question.period, case.windows, case.arrived)
    return SignatureCheck(signing.token, question, case.code, steps)


def _judged(granted: Granted, answer: SearchAnswer) -> Searched:
    if isinstance(answer, SearchFailed):
        return _failed(granted, answer)
    case, token, signing = granted.case, granted.token, granted.signing
    if token is None:
        return Searched(case, Settlement(case.claim, None, Finding.UNKNOWN))
    if not isinstance(answer, Match):
        return Searched(case, Settlement(case.claim, token, Finding.NONE))
    if case.claim.signed is not None and signing is not None:
        return Searched(case, _signed(case.claim, token, signing, answer.step))
    return Searched(case, _shown(case, token, answer.step))


def _shown(case: Case, token: Token, step: int) -> Settlement:
    """Return what the code of ``step`` comes to, or two codes of which it is the second's."""
    if case.second is not None:
        drift = resynced_drift(token, step, case.arrived)
        return Settlement(case.claim, token, Finding.FRESH, step, drift)
    if step <= token.last_step:
        return Settlement(case.claim, token, Finding.SPENT)
    drift = drift_after(token, step, case.windows, case.arrived)
    return Settlement(case.claim, token, Finding.FRESH, step, drift)


def _signed(claim: Claim, token: Token, signing: SigningSeed, step: int) -> Settlement:
    """Return what a right signature comes to; a scanned one is of no time, and ends by its use."""
    if signing.profile is SigningProfile.SCANNED:
        return Settlement(claim, token, Finding.SIGNED)
    if step <= signing.token.last_step:
        return Settlement(claim, token, Finding.SPENT)
    return Settlement(claim, token, Finding.SIGNED, step)


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
