# SPDX-License-Identifier: Apache-2.0
"""What a card becomes: asked, answered, judged, locked. Each change raises its generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from kagimori.application.grid_cards.ports import Card, Challenge, Given, GridVerdict, Seen
from kagimori.domain.errors import NotOffered
from kagimori.domain.grid_card import CardState, GridOutcome, Pair, others_than
from kagimori.domain.policy import AttemptLimits, Attempts
from kagimori.domain.tenant import Registration, TenantPolicy

Draw = Callable[[Sequence[Pair]], Pair]
"""Draws one of some pairs, so that nobody can tell which."""


def offered(policy: TenantPolicy) -> Registration:
    """Return the tenant's rules for registering; raise `NotOffered` if it has no grid cards."""
    registration = policy.registration
    if registration is None or not registration.grid_card:
        raise NotOffered("grid cards")
    return registration


def open_challenge(seen: Seen) -> Challenge | None:
    """Return the challenge that waits for an answer, if one does, and is in time."""
    card, challenge = seen.card, seen.card.challenge
    if challenge is None or card.given is not None or challenge.answer_by <= seen.now:
        return None
    return challenge


def next_pair(card: Card, draw: Draw) -> Pair:
    """Return what is asked for next: the same, until it was answered rightly.

    Who knows two cells would otherwise ask, or let time pass, or answer wrongly, until
    those are the two that are asked for. After a right answer it is never the same: who
    has seen that one learns nothing for the next.
    """
    if card.challenge is None:
        return draw(others_than(None))
    given = card.given
    if given is None or given.verdict is None:
        return card.challenge.pair
    if given.verdict.outcome is not GridOutcome.ACCEPTED:
        return card.challenge.pair
    return draw(others_than(card.challenge.pair))


def asked(card: Card, challenge: Challenge) -> Card:
    """Return the card with a new challenge, which nobody has answered.

    An answer to the last one that is still being judged is cut off by it.
    """
    return replace(card, generation=card.generation + 1, challenge=challenge, given=None)


def claimed(card: Card, given: Given, today: str) -> Card:
    """Return the card with an answer that is to be judged, and one attempt less.

    ``today`` is the tenant's calendar day, ISO 8601.
    """
    return replace(
        card, generation=card.generation + 1, given=given, spent=_one_more(card.spent, today)
    )


def judged(card: Card, limits: AttemptLimits, *, right: bool) -> Card:
    """Return the card with the verdict on the answer that it was claimed with.

    The day is the claim's, whatever day it is now: nobody has spent anything since.
    """
    spent = card.spent.given_back(accepted=True) if right else card.spent
    left = spent.left(limits, spent.day or "")
    if right:
        verdict = GridVerdict(GridOutcome.ACCEPTED, left)
    else:
        # The daily budget ends by itself: the card stays ACTIVE, today is over.
        verdict = GridVerdict(GridOutcome.REJECTED if left else GridOutcome.LOCKED, left)
    given = None if card.given is None else replace(card.given, verdict=verdict)
    return replace(
        card,
        generation=card.generation + 1,
        given=given,
        spent=spent,
        state=_state_of(spent, limits),
    )


def given_back(card: Card) -> Card:
    """Return the card as it was before it was claimed: the HSM has told nothing."""
    return replace(
        card,
        generation=card.generation + 1,
        given=None,
        spent=card.spent.given_back(accepted=False),
    )


def exhausted(card: Card, limits: AttemptLimits) -> Card:
    """Return the card that has no attempts left, LOCKED if no new day brings any.

    An answer that nobody judged to the end has spent its attempt like the others.
    """
    state = card.state if card.state is CardState.LOCKED else _state_of(card.spent, limits)
    return replace(card, generation=card.generation + 1, state=state)


def unlocked(card: Card) -> Card:
    """Return the card with its attempts back, but for those of the day."""
    spent = replace(card.spent, failures=0, unlock_failures=0)
    return replace(card, generation=card.generation + 1, spent=spent, state=CardState.ACTIVE)


def _one_more(spent: Attempts, today: str) -> Attempts:
    # The day only moves forward: two servers on either side of midnight must not
    # give a card a new budget at every call.
    same_day = spent.day is not None and spent.day >= today
    return Attempts(
        spent.failures + 1,
        spent.day if same_day else today,
        (spent.day_failures if same_day else 0) + 1,
        spent.unlock_failures + 1,
    )


def _state_of(spent: Attempts, limits: AttemptLimits) -> CardState:
    over = spent.failures >= limits.consecutive or spent.unlock_failures >= limits.since_unlock
    return CardState.LOCKED if over else CardState.ACTIVE
