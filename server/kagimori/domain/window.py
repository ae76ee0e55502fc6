# SPDX-License-Identifier: Apache-2.0
"""Which steps a code may belong to (RFC 6238 §5.2, RFC 4226 §7.4)."""

from __future__ import annotations

from kagimori.domain.policy import Windows
from kagimori.domain.token import NEVER, MovingFactor, Profile, Token
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class Window:
    """A bounded range of steps, searched from ``predicted`` outward.

    ``first`` and ``last`` are inclusive. ``spent`` is one step outside the
    range that is looked at last, so that an event-based token's code offered
    twice is known for what it is.
    """

    first: int
    predicted: int
    last: int
    spent: int | None = None


def window_of(token: Token, windows: Windows, now: float) -> Window:
    """Return the window of ``token`` at ``now`` (seconds since 1970, UTC)."""
    profile = token.identity.profile
    if profile.factor is MovingFactor.EVENT:
        return _event_window(token.last_step, windows.look_ahead)
    # The token's clock is believed where it was last seen, in whole steps.
    predicted = step_at(profile, now) + token.drift
    first = max(0, predicted - windows.time)
    return Window(first, max(0, predicted), max(0, predicted + windows.time))


def resync_window_of(token: Token, windows: Windows, now: float) -> Window:
    """Return where two consecutive codes may lie at ``now`` (RFC 4226 §7.4), both of them.

    They lie above the last step, so that what was accepted once finds nothing here.
    The clock is looked for around the true time, whatever was thought of it before.
    Where there is no room, the window is one step: two codes are never found in that.
    """
    lowest = token.last_step + 1
    profile = token.identity.profile
    if profile.factor is MovingFactor.EVENT:
        return Window(lowest, lowest, max(lowest, token.last_step + windows.resync_look_ahead))
    true = step_at(profile, now)
    # The second code is the token's present: the first one is a step older than that.
    first = max(0, lowest, true - windows.resync_time - 1)
    last = max(first, true + windows.resync_time)
    return Window(first, max(first, min(last, true + token.drift)), last)


def signing_window_of(token: Token, period: int, windows: Windows, now: float) -> Window:
    """Return the time steps of ``period`` seconds that a signature may be of, at ``now``.

    ``token`` is the one whose clock it is: what its codes have told of it counts here too.
    """
    profile = token.identity.profile
    predicted = max(0, (int(now) + token.drift * profile.period) // period)
    return Window(max(0, predicted - windows.time), predicted, predicted + windows.time)


def step_at(profile: Profile, now: float) -> int:
    """Return the time step that ``now`` falls in (RFC 6238 §4.2)."""
    return (int(now) - profile.t0) // profile.period


def drift_after(token: Token, matched: int, windows: Windows, now: float) -> int:
    """Return the drift to remember after ``matched`` was accepted at ``now``.

    It follows the token's clock by at most one step per success, and beyond
    ``max_drift`` only back: one accepted code cannot carry the window away.
    """
    if token.identity.profile.factor is MovingFactor.EVENT:
        return 0
    seen = matched - step_at(token.identity.profile, now)
    towards = token.drift + max(-1, min(1, seen - token.drift))
    # A resynchronisation may have found the clock further out.
    furthest = max(windows.max_drift, abs(token.drift))
    return max(-furthest, min(furthest, towards))


def resynced_drift(token: Token, second: int, now: float) -> int:
    """Return the drift to remember once ``second`` was found to be the present step.

    It is what `resync_window_of` has looked through, and no more.
    """
    profile = token.identity.profile
    return 0 if profile.factor is MovingFactor.EVENT else second - step_at(profile, now)


def _event_window(last_step: int, look_ahead: int) -> Window:
    first = last_step + 1
    spent = last_step if last_step > NEVER else None
    return Window(first, first, last_step + look_ahead, spent)
