# SPDX-License-Identifier: Apache-2.0
"""Logins and resynchronisations in any order: the last step only rises, and no step is good twice.

The real use case over a real database, against a model that is a window and a set.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.vault import hotp
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import AttemptLimits, Windows
from kagimori.domain.token import Hash, MovingFactor, Profile
from support.banks.bank import SEED, Bank
from support.databases.database import TestDatabase
from support.tokens import EVENT, TENANT

TIME = Profile(MovingFactor.TIME, Hash.SHA1, digits=8, period=30)
WINDOWS = Windows(time=1, look_ahead=4, max_drift=2, resync_time=5, resync_look_ahead=12)
PLENTY = AttemptLimits(consecutive=10_000, daily=10_000, since_unlock=10_000)

# Whether it is a resynchronisation, which step its last code is of, counted from the
# last one that was spent or from the present, and how long it comes after the one before.
calls = st.lists(
    st.tuples(st.booleans(), st.integers(-8, 14), st.integers(0, 3)), min_size=1, max_size=40
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    database = TestDatabase(Path(tmp_path_factory.mktemp("bank")))
    bank = Bank(database)
    bank.policies[TENANT] = replace(bank.policies[TENANT], limits=PLENTY, windows=WINDOWS)
    yield bank
    bank.close()
    database.close()


def new_token(bank: Bank, profile: Profile, number: int) -> None:
    for table in ("tokens", "devices"):
        bank.database.run(f"DELETE FROM {table}")  # noqa: S608 - our own
    bank.enrol(profile, SEED, token_id=f"token-{number}", serial=f"SERIAL{number}")


_numbers = itertools.count()


@pytest.mark.parametrize("profile", [EVENT, TIME], ids=["event", "time"])
@given(history=calls)
@settings(max_examples=60, deadline=None)
def test_no_step_is_good_twice_and_the_last_one_only_rises(
    bank: Bank, profile: Profile, history: Sequence[tuple[bool, int, int]]
) -> None:
    new_token(bank, profile, next(_numbers))
    last, drift, spent = -1, 0, set[int]()
    for resyncs, off, pause in history:
        bank.now += 30 * pause
        present = int(bank.now) // 30
        second = max(0, (last if profile is EVENT else present) + off)
        told = offer(bank, profile, second, resyncs=resyncs)
        (row,) = bank.database.run("SELECT last_step, drift FROM tokens")
        if told in {Outcome.ACCEPTED, Outcome.SYNCHRONIZED}:
            good = {second - 1, second} if resyncs else {second}
            assert (told is Outcome.SYNCHRONIZED) == resyncs
            assert not good & spent
            assert min(good) > last
            assert row["last_step"] == second
            spent |= good
        else:
            assert (row["last_step"], row["drift"]) == (last, drift)
        wanted = is_good(profile, second, last, drift, present, resyncs=resyncs)
        assert (told in {Outcome.ACCEPTED, Outcome.SYNCHRONIZED}) == wanted
        if not resyncs:
            assert abs(row["drift"] - drift) <= 1
            assert abs(row["drift"]) <= max(WINDOWS.max_drift, abs(drift))
        assert abs(row["drift"]) <= WINDOWS.resync_time
        last, drift = row["last_step"], row["drift"]


def offer(bank: Bank, profile: Profile, second: int, *, resyncs: bool) -> Outcome:
    """Offer the code of ``second``, or it and the one before."""
    code = hotp(SEED, second, profile.digits)
    if not resyncs:
        return bank.ask(code).outcome
    # Before the first code there is none: another one stands for it.
    first = hotp(SEED, second - 1, profile.digits) if second else "0" * profile.digits
    return bank.resync(first, code).outcome


def is_good(  # noqa: PLR0913 - what it depends on
    profile: Profile, second: int, last: int, drift: int, present: int, *, resyncs: bool
) -> bool:
    """Return whether it must be accepted, by the words of the rules alone."""
    above = second - 1 > last if resyncs else second > last
    if profile is EVENT:
        reach = WINDOWS.resync_look_ahead if resyncs else WINDOWS.look_ahead
        return above and second <= last + reach and (second > 0 or not resyncs)
    if resyncs:
        return above and abs(second - present) <= WINDOWS.resync_time
    return above and abs(second - present - drift) <= WINDOWS.time
