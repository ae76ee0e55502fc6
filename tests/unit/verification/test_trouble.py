# SPDX-License-Identifier: Apache-2.0
"""An outage is never a customer's failure, and never a free guess."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from kagimori.application.ports import BySerial, BySubscriber, Finding
from kagimori.domain.errors import (
    AuthorityError,
    DeadlineTooNear,
    HsmUnavailable,
    LeaseLost,
    RecordTampered,
    StoreUnavailable,
    TokenBusy,
)
from kagimori.domain.outcome import Outcome
from support.banks.bank import CODES, Bank
from support.tokens import SERIAL

DOWN = HsmUnavailable("CKR_DEVICE_REMOVED", 0.5)


def test_an_hsm_that_gives_nothing_costs_nothing(bank: Bank) -> None:
    bank.vault.go_down()
    for _ in range(20):
        with pytest.raises(HsmUnavailable):
            bank.ask("000000")
    assert bank.attempts() == (0, 0, 0)
    bank.vault.come_back()
    assert bank.ask(CODES[0]).outcome is Outcome.ACCEPTED


def test_an_hsm_that_breaks_off_keeps_the_attempt_and_the_request(bank: Bank) -> None:
    request = str(uuid4())
    bank.vault.fail_next(DOWN, evaluated=1)
    with pytest.raises(HsmUnavailable):
        bank.ask(CODES[0], request_id=request)
    assert bank.attempts() == (1, 1, 1)
    assert bank.ask(CODES[0], request_id=request).outcome is Outcome.ACCEPTED
    assert bank.store.findings == [Finding.BROKEN_OFF, Finding.FRESH]


def test_breaking_off_is_no_way_to_guess_for_free(bank: Bank) -> None:
    for _ in range(5):
        bank.vault.fail_next(DOWN, evaluated=1)
        with pytest.raises(HsmUnavailable):
            bank.ask("000000")
    assert bank.ask(CODES[0]).outcome is Outcome.LOCKED


def test_an_unforeseen_failure_keeps_the_attempt(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(type(bank.vault), "search", explode)
    with pytest.raises(MemoryError):
        bank.ask("000000")
    assert bank.attempts() == (1, 1, 1)
    assert bank.store.findings == [Finding.BROKEN_OFF]


@pytest.mark.parametrize(
    "swap",
    [
        "UPDATE tokens SET blob = zeroblob(28)",
        "UPDATE tokens SET subscriber = 'subscriber-1', serial = 'X'",
        "UPDATE tokens SET row_mac = zeroblob(32)",
        "UPDATE tokens SET t0 = 5",
        "UPDATE tokens SET custody = 'HOST_TRANSIENT'",
        "UPDATE tokens SET key_version = 2",
    ],
)
def test_a_row_that_was_written_by_hand_is_refused_and_costs_nothing(bank: Bank, swap: str) -> None:
    bank.database.run(swap)
    with pytest.raises(RecordTampered):
        bank.ask(CODES[0])
    assert bank.attempts() == (0, 0, 0)


def test_an_unknown_name_fails_like_a_known_one(bank: Bank) -> None:
    request = str(uuid4())
    bank.vault.go_down()
    with pytest.raises(HsmUnavailable):
        bank.ask(CODES[0], subject=BySerial("NOBODYS"), request_id=request)
    bank.vault.come_back()
    verdict = bank.ask(CODES[0], subject=BySerial("NOBODYS"), request_id=request)
    assert verdict.outcome is Outcome.UNKNOWN_TOKEN


def test_a_search_that_overslept_is_not_used(bank: Bank) -> None:
    request = str(uuid4())
    bank.store.before_next_settle(bank.expire_leases)
    with pytest.raises(LeaseLost):
        bank.ask(CODES[0], request_id=request)
    assert bank.attempts() == (1, 1, 1)
    assert bank.ask(CODES[0], request_id=request).outcome is Outcome.ACCEPTED
    assert bank.attempts() == (0, 0, 0)


def test_a_token_locked_during_the_search_accepts_nothing(bank: Bank) -> None:
    bank.store.before_next_settle(lambda: bank.database.run("UPDATE tokens SET state = 'LOCKED'"))
    with pytest.raises(LeaseLost):
        bank.ask(CODES[0])
    assert bank.ask(CODES[0]).outcome is Outcome.LOCKED


def test_a_settlement_whose_commit_is_lost_tells_the_truth_when_asked_again(bank: Bank) -> None:
    request = str(uuid4())
    bank.store.lose_next_commit()
    with pytest.raises(StoreUnavailable):
        bank.ask(CODES[0], request_id=request)
    told = bank.ask(CODES[0], request_id=request)
    assert (told.outcome, bank.vault.searches) == (Outcome.ACCEPTED, 1)
    assert bank.ask(CODES[0]).outcome is Outcome.REPLAYED


def test_a_settlement_that_fails_gives_no_attempt_back(bank: Bank) -> None:
    def fail() -> None:
        raise StoreUnavailable("the database cannot be written", 0.5)

    bank.store.before_next_settle(fail)
    with pytest.raises(StoreUnavailable):
        bank.ask("000000")
    assert bank.attempts() == (1, 1, 1)


@pytest.mark.parametrize("time_left", [-1.0, 0.0, 0.019])
def test_a_call_nobody_waits_for_costs_nothing(bank: Bank, time_left: float) -> None:
    with pytest.raises(DeadlineTooNear):
        bank.ask(CODES[0], time_left=time_left)
    assert (bank.store.claims, bank.vault.searches) == (0, 0)


def test_a_token_that_a_crash_left_held_is_waited_for_within_the_deadline(bank: Bank) -> None:
    request = _crash(bank)
    began = time.monotonic()
    with pytest.raises(TokenBusy) as caught:
        bank.ask(CODES[0], time_left=0.2)
    assert time.monotonic() - began < 2
    assert 0 < caught.value.retry_after <= 5
    assert bank.store.claims < 20
    bank.expire_leases()
    assert bank.ask(CODES[0], request_id=request).outcome is Outcome.ACCEPTED


def test_one_held_token_holds_up_nobody_else(bank: Bank) -> None:
    _crash(bank)
    stuck = [bank.begin(CODES[0], time_left=3.0) for _ in range(8)]
    stranger = BySubscriber("somebody else")
    assert bank.ask(CODES[0], subject=stranger, time_left=3.0).outcome is Outcome.UNKNOWN_TOKEN
    assert not any(call.done() for call in stuck), "nobody waits: this shows nothing"
    bank.expire_leases()
    assert Counter(call.result().outcome for call in stuck)[Outcome.ACCEPTED] == 1


def test_a_waiting_call_goes_on_when_the_lease_ends(bank: Bank) -> None:
    _crash(bank)
    waiting = bank.begin(CODES[0])
    while bank.store.claims < 3:
        time.sleep(0.005)
    bank.expire_leases()
    assert waiting.result(timeout=5).outcome is Outcome.ACCEPTED
    assert bank.attempts() == (0, 1, 1)


def test_two_hundred_parallel_guesses_cost_five_searches(bank: Bank) -> None:
    outcomes = _at_once(bank, [f"{guess:06d}" for guess in range(200)])
    assert outcomes == {Outcome.REJECTED: 4, Outcome.LOCKED: 196}
    assert bank.vault.searches == 5
    assert bank.ask(CODES[0]).outcome is Outcome.LOCKED


def test_one_code_many_times_at_once_is_accepted_once(bank: Bank) -> None:
    assert _at_once(bank, [CODES[0]] * 64) == {Outcome.ACCEPTED: 1, Outcome.REPLAYED: 63}
    assert bank.store.claims == 64, "waiting calls must not ask the database again and again"


def test_two_names_of_one_token_share_its_limits(bank: Bank) -> None:
    subjects = [None, BySerial(SERIAL)] * 20
    with ThreadPoolExecutor(40) as threads:
        asked = [threads.submit(bank.ask, "000000", subject=name) for name in subjects]
        outcomes = Counter(call.result().outcome for call in asked)
    assert outcomes == {Outcome.REJECTED: 4, Outcome.LOCKED: 36}
    assert bank.vault.searches == 5


def test_one_request_many_times_at_once_has_one_answer(bank: Bank) -> None:
    request = str(uuid4())
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(bank.ask, CODES[0], request_id=request) for _ in range(16)]
        assert len({call.result() for call in asked}) == 1
    assert bank.vault.searches == 1


def test_later_codes_racing_never_lower_the_last_step(bank: Bank) -> None:
    outcomes = _at_once(bank, CODES)
    accepted = outcomes.pop(Outcome.ACCEPTED)
    assert accepted >= 1
    assert set(outcomes) <= {Outcome.REPLAYED, Outcome.REJECTED, Outcome.LOCKED}
    lines = bank.database.run("SELECT outcome FROM audit WHERE outcome = 'ACCEPTED'")
    assert len(lines) == accepted
    assert bank.ask(CODES[0]).outcome is not Outcome.ACCEPTED


def _crash(bank: Bank) -> str:
    """Leave a claim behind that nobody settles; return its request."""
    request = str(uuid4())
    bank.store.before_next_settle(_crashed)
    with pytest.raises(RuntimeError):
        bank.ask(CODES[0], request_id=request)
    return request


def _crashed() -> None:
    raise RuntimeError("the process is gone, as far as the database can tell")


def _at_once(bank: Bank, codes: list[str]) -> Counter[Outcome]:
    together = threading.Barrier(len(codes))

    def ask(code: str) -> Outcome:
        together.wait()
        return bank.ask(code, time_left=60).outcome

    with ThreadPoolExecutor(len(codes)) as threads:
        return Counter(threads.map(ask, codes))


def test_errors_show_no_code(bank: Bank) -> None:
    bank.vault.go_down()
    with pytest.raises(AuthorityError) as caught:
        bank.ask("755224")
    assert "755224" not in repr(caught.value)
