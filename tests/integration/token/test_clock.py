# SPDX-License-Identifier: Apache-2.0
"""An app sees how wrong its device's clock is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kagimori_client.token import AuthorityFault, SoftwareToken, Unavailable
from support.phones.software_tokens import PASSPHRASE
from support.phones.token_authority import Served

SetUp = Callable[..., SoftwareToken]


@pytest.mark.parametrize(
    ("theirs", "is_wrong"),
    [(0.0, False), (-25.0, False), (25.0, False), (-40.0, True), (3600, True)],
)
def test_the_error_is_known_within_its_uncertainty(
    theirs: float,
    is_wrong: bool,  # noqa: FBT001
    served: Served,
    set_up: SetUp,
) -> None:
    token = set_up()
    served.authority.clock = lambda: time.time() + theirs
    reading = token.measure_clock(served.profile)
    # Their clock is ours, moved: so the truth is known.
    assert abs(reading.error + theirs) <= reading.uncertainty + 0.001
    assert token.clock_is_wrong is is_wrong


def test_a_reading_is_kept_with_the_token(served: Served, set_up: SetUp, file: Path) -> None:
    token = set_up()
    assert (token.clock, token.clock_is_wrong) == (None, False)
    served.authority.clock = lambda: time.time() - 100
    reading = token.measure_clock(served.profile)
    again = SoftwareToken.open(file, PASSPHRASE)
    assert again.clock == reading
    assert again.clock_is_wrong


def test_the_quickest_of_the_readings_counts(served: Served, set_up: SetUp) -> None:
    token = set_up()
    asked: list[float] = []

    def slow_at_first() -> float:
        asked.append(0.0)
        if len(asked) < 3:
            threading.Event().wait(0.5)
        return time.time()

    served.authority.clock = slow_at_first
    reading = token.measure_clock(served.profile)
    # Three readings, and a question about the bank's rules.
    assert len(asked) == 4
    assert reading.uncertainty < 0.25


def test_codes_do_not_follow_the_authoritys_clock(served: Served, set_up: SetUp) -> None:
    token = set_up()
    before = token.code(1_700_000_000)
    served.authority.clock = lambda: time.time() - 3600
    token.measure_clock(served.profile)
    assert token.code(1_700_000_000) == before


def test_without_an_answer_there_is_no_reading(served: Served, set_up: SetUp) -> None:
    token = set_up()
    served.stop()
    with pytest.raises(Unavailable):
        token.measure_clock(served.profile, timeout=3)
    assert token.clock is None


def test_an_answer_without_a_time_is_the_authoritys_fault(served: Served, set_up: SetUp) -> None:
    token = set_up()
    served.authority.clock = None
    with pytest.raises(AuthorityFault):
        token.measure_clock(served.profile)
    assert token.clock is None


def test_with_the_time_the_app_hears_whether_its_bank_offers_signing(
    served: Served, set_up: SetUp, file: Path
) -> None:
    token = set_up()
    for offered in (True, False, True):
        served.authority.offers_signing = offered
        token.measure_clock(served.profile)
        assert token.transaction_signing is offered
        assert SoftwareToken.open(file, PASSPHRASE).transaction_signing is offered
