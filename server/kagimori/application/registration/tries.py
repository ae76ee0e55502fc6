# SPDX-License-Identifier: Apache-2.0
"""How often a customer may name serial numbers on one day.

A token bears few wrong codes, but there are many tokens: whoever has a customer's
password could try one code each of thousands of serial numbers. So each call costs
one of the customer's tries before anything is looked at, whatever it comes to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from kagimori.application.registration.ports import RegistrationStore, Tried, Try
from kagimori.domain.errors import HsmUnavailable, NotNow, Overloaded, StoreUnavailable
from kagimori.domain.outcome import Outcome, Verdict

NONE_LEFT: Final = Verdict(Outcome.LOCKED, attempts_left=0)
"""The answer to a customer who has no try left today."""

_NOTHING_TRIED: Final = (HsmUnavailable, Overloaded, NotNow)
"""Whoever hears one of these has learnt of no serial number."""


@asynccontextmanager
async def counted(store: RegistrationStore, wish: Try) -> AsyncIterator[Tried]:
    """Count the try; give it back where the block fails before anything was tried."""
    tried = await store.spend(wish)
    try:
        yield tried
    except _NOTHING_TRIED:
        if tried is Tried.COUNTED:
            # The try that stays spent is the lesser harm: the caller hears what failed.
            with suppress(StoreUnavailable):
                await store.give_back(wish)
        raise
