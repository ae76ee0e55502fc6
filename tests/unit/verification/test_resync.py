# SPDX-License-Identifier: Apache-2.0
"""What two consecutive codes do for a token, and what they never do."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from dataclasses import replace
from uuid import uuid4

import pytest

from fakes.vault import hotp
from kagimori.application.ports import BySerial, BySubscriber, Subject
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import (
    HsmUnavailable,
    InvalidField,
    LeaseLost,
    RequestIdReused,
    StoreUnavailable,
)
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import AttemptLimits, Operation
from kagimori.domain.token import Hash, MovingFactor, Profile
from support.banks.bank import SEED, Bank
from support.tokens import OTHER_TENANT, SERIAL, TENANT

TIME = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)
SYNCHRONIZED = Verdict(Outcome.SYNCHRONIZED, None, 5)


def code(step: int) -> str:
    return hotp(SEED, step, 6)


def pair(second: int) -> tuple[str, str]:
    """Return the codes of the step before ``second``, and of ``second``."""
    return code(second - 1), code(second)


def give_time_token(bank: Bank) -> int:
    """Give the customer a time-based token instead; return its present step."""
    for table in ("tokens", "devices"):
        bank.database.run(f"DELETE FROM {table}")  # noqa: S608 - our own
    bank.enrol(TIME)
    return int(bank.now) // 30


def row(bank: Bank, *columns: str) -> tuple[object, ...]:
    (found,) = bank.database.run(f"SELECT {', '.join(columns)} FROM tokens")  # noqa: S608 - our own
    return tuple(found.values())


def test_a_counter_that_ran_away_is_found_again_and_both_codes_are_spent(bank: Bank) -> None:
    assert bank.ask(code(41)).outcome is Outcome.REJECTED
    assert bank.resync(*pair(42)) == SYNCHRONIZED
    assert row(bank, "last_step", "failures", "drift") == (42, 0, 0)
    assert bank.ask(code(41)).outcome is Outcome.REJECTED
    assert bank.ask(code(42)).outcome is Outcome.REPLAYED
    assert bank.ask(code(43)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (1, Outcome.REJECTED),  # the first of the two is spent
        (2, Outcome.SYNCHRONIZED),
        (100, Outcome.SYNCHRONIZED),
        (101, Outcome.REJECTED),
    ],
)
def test_both_counters_lie_within_a_hundred_above_the_last(
    bank: Bank, second: int, outcome: Outcome
) -> None:
    bank.ask(code(0))
    assert bank.resync(*pair(second)).outcome is outcome


@pytest.mark.parametrize(
    ("first", "second"), [(21, 20), (20, 22), (20, 20), (20, 999), (999, 21)], ids=str
)
def test_codes_that_did_not_follow_each_other_are_wrong(
    bank: Bank, first: int, second: int
) -> None:
    assert bank.resync(code(first), code(second)) == Verdict(Outcome.REJECTED, None, 4)
    assert bank.attempts() == (1, 1, 1)
    assert row(bank, "last_step") == (-1,)


def test_a_token_is_found_once_by_the_same_two_codes(bank: Bank) -> None:
    assert bank.resync(*pair(42)) == SYNCHRONIZED
    assert bank.resync(*pair(42)).outcome is Outcome.REJECTED


def test_an_accepted_code_is_refused_as_half_of_a_pair(bank: Bank) -> None:
    bank.ask(code(5))
    for second in (5, 6):
        assert bank.resync(*pair(second)).outcome is Outcome.REJECTED
    assert row(bank, "last_step") == (5,)


@pytest.mark.parametrize("off", [-20, -5, 0, 1, 5, 20])
def test_a_clock_is_found_again_within_twenty_steps(bank: Bank, off: int) -> None:
    now = give_time_token(bank)
    assert bank.resync(*pair(now + off)) == SYNCHRONIZED
    assert row(bank, "last_step", "drift") == (now + off, off)
    for step in (now + off - 1, now + off):
        assert bank.ask(code(step)).outcome in {Outcome.REPLAYED, Outcome.REJECTED}
    bank.now += 30
    assert bank.ask(code(now + off + 1)).outcome is Outcome.ACCEPTED
    # Its clock goes on being followed from there, a step at a time.
    bank.now += 300
    assert bank.ask(code(now + off + 12)).outcome is Outcome.ACCEPTED
    assert row(bank, "drift") == (min(off + 1, max(10, off)),)


@pytest.mark.parametrize("off", [-21, 21])
def test_a_clock_further_off_is_not(bank: Bank, off: int) -> None:
    now = give_time_token(bank)
    assert bank.resync(*pair(now + off)).outcome is Outcome.REJECTED
    assert row(bank, "drift") == (0,)


def test_a_clock_is_looked_for_whatever_was_thought_of_it(bank: Bank) -> None:
    now = give_time_token(bank)
    bank.resync(*pair(now - 20))
    bank.now += 3000
    now += 100
    assert bank.resync(*pair(now + 20)) == SYNCHRONIZED
    assert row(bank, "drift") == (20,)


def test_a_clock_is_not_found_below_what_is_spent_nor_above_the_window(bank: Bank) -> None:
    now = give_time_token(bank)
    bank.resync(*pair(now + 20))
    # A clock that runs on while the authority's stands still has no two codes left.
    for second in (now + 20, now + 21, now + 22):
        assert bank.resync(*pair(second)).outcome is Outcome.REJECTED
    assert row(bank, "last_step", "drift") == (now + 20, 20)


def test_wrong_pairs_lock_as_wrong_codes_do(bank: Bank) -> None:
    outcomes = [bank.resync("000000", "000001").outcome for _ in range(5)]
    assert outcomes == [Outcome.REJECTED] * 4 + [Outcome.LOCKED]
    searches = bank.vault.searches
    assert bank.resync(*pair(42)) == Verdict(Outcome.LOCKED, None, 0)
    assert bank.ask(code(0)) == Verdict(Outcome.LOCKED, None, 0)
    assert bank.vault.searches == searches


def test_logins_and_pairs_share_one_count(bank: Bank) -> None:
    for _ in range(2):
        bank.ask("000000")
        bank.resync("000000", "000001")
    assert bank.ask("000000") == Verdict(Outcome.LOCKED, None, 0)


def test_a_found_token_resets_the_consecutive_count_alone(bank: Bank) -> None:
    for _ in range(4):
        bank.ask("000000")
    assert bank.resync(*pair(42)).attempts_left == 4
    assert bank.attempts() == (0, 4, 4)


def test_two_hundred_parallel_wrong_pairs_cost_five_searches(bank: Bank) -> None:
    calls = [bank.begin_resync(f"{n:06d}", f"{n + 1:06d}", time_left=30.0) for n in range(200)]
    assert _outcomes(calls) == {Outcome.REJECTED: 4, Outcome.LOCKED: 196}
    assert bank.vault.searches == 5


def test_one_pair_many_times_at_once_is_good_once(bank: Bank) -> None:
    outcomes = _outcomes([bank.begin_resync(*pair(42), time_left=30.0) for _ in range(64)])
    assert outcomes[Outcome.SYNCHRONIZED] == 1
    assert outcomes.keys() <= {Outcome.SYNCHRONIZED, Outcome.REJECTED, Outcome.LOCKED}
    assert row(bank, "last_step") == (42,)


def test_of_a_pair_and_a_login_with_half_of_it_one_is_good(bank: Bank) -> None:
    plenty = AttemptLimits(consecutive=1000, daily=1000, since_unlock=1000)
    bank.policies[TENANT] = replace(bank.policies[TENANT], limits=plenty)
    for second in range(2, 122, 2):
        resync, logins = _at_once(bank, second)
        if resync is Outcome.SYNCHRONIZED:
            assert not logins[Outcome.ACCEPTED]
        else:
            assert (resync, logins[Outcome.ACCEPTED]) in {
                (Outcome.REJECTED, 1),
                (Outcome.REJECTED, 2),
            }
        assert row(bank, "last_step") in {(second - 1,), (second,)}


def _at_once(bank: Bank, second: int) -> tuple[Outcome, Counter[Outcome]]:
    """Offer a pair and each of its codes, in an order that differs from call to call."""
    calls: dict[int, Future[Verdict]] = {}
    for number in range(second // 2, second // 2 + 3):
        match number % 3:
            case 0:
                # By another name, so that it stands in no line with the others.
                calls[0] = bank.begin_resync(*pair(second), subject=BySerial(SERIAL))
            case half:
                calls[half] = bank.begin(code(second - half + 1))
    return calls.pop(0).result().outcome, _outcomes([*calls.values()])


def _outcomes(calls: list[Future[Verdict]]) -> Counter[Outcome]:
    return Counter(call.result().outcome for call in calls)


def test_the_same_request_has_one_answer_and_one_search(bank: Bank) -> None:
    request = str(uuid4())
    first = bank.resync(*pair(42), request_id=request)
    assert bank.resync(*pair(42), request_id=request) == first == SYNCHRONIZED
    assert bank.vault.searches == 1


@pytest.mark.parametrize("half", [41, 42])
def test_a_request_id_of_a_pair_is_no_logins(bank: Bank, half: int) -> None:
    request = str(uuid4())
    bank.resync(*pair(42), request_id=request)
    with pytest.raises(RequestIdReused):
        bank.ask(code(half), request_id=request)


def test_a_request_id_of_a_login_is_no_pairs(bank: Bank) -> None:
    request = str(uuid4())
    bank.ask(code(1), request_id=request)
    for second in (1, 2):
        with pytest.raises(RequestIdReused):
            bank.resync(*pair(second), request_id=request)


@pytest.mark.parametrize(
    "change",
    [{"first": code(3)}, {"second": code(3)}, {"subject": BySerial(SERIAL)}],
    ids=str,
)
def test_another_pair_cannot_use_its_request_id(bank: Bank, change: dict[str, object]) -> None:
    asked = {"first": code(41), "second": code(42), "request_id": str(uuid4())}
    bank.resync(**asked)
    with pytest.raises(RequestIdReused):
        bank.resync(**(asked | change))  # type: ignore[arg-type]


def test_two_codes_have_one_length(bank: Bank) -> None:
    with pytest.raises(InvalidField) as refused:
        bank.resync("755224", "94287082")
    assert refused.value.field == "second_code"
    with pytest.raises(InvalidField, match="6 digits") as refused:
        bank.resync("94287082", "94287082")
    assert refused.value.field == "first_code"
    assert (bank.vault.searches, bank.attempts()) == (0, (0, 0, 0))


def test_a_single_code_is_no_resynchronisation(bank: Bank) -> None:
    with pytest.raises(ValueError, match="more than a code"):
        bank.ask(code(0), operation=Operation.RESYNC)


@pytest.mark.parametrize("subject", [BySerial("NOBODYS"), BySubscriber("nobody")], ids=str)
def test_an_unknown_name_costs_a_search_too(bank: Bank, subject: Subject) -> None:
    assert bank.resync(*pair(42), subject=subject) == Verdict(Outcome.UNKNOWN_TOKEN)
    assert bank.vault.searches == 1


def test_another_banks_token_is_unknown(bank: Bank) -> None:
    foreigner = Caller(OTHER_TENANT, "internet-banking")
    for subject in (BySerial(SERIAL), None):
        verdict = bank.resync(*pair(42), subject=subject, caller=foreigner)
        assert verdict == Verdict(Outcome.UNKNOWN_TOKEN)
    assert bank.resync(*pair(42)) == SYNCHRONIZED


def test_half_a_pair_costs_the_hsm_what_a_wrong_one_costs(bank: Bank) -> None:
    costs = []
    for offered in (("000000", "000001"), (code(42), "000000"), ("000000", code(42))):
        before = bank.vault.codes
        assert bank.resync(*offered).outcome is Outcome.REJECTED
        costs.append(bank.vault.codes - before)
    assert costs == [100, 100, 100]


def test_a_crash_between_claim_and_settlement_leaves_a_spent_attempt(bank: Bank) -> None:
    request = str(uuid4())
    bank.store.before_next_settle(bank.expire_leases)
    with pytest.raises(LeaseLost):
        bank.resync(*pair(42), request_id=request)
    assert bank.attempts() == (1, 1, 1)
    assert bank.resync(*pair(42), request_id=request) == SYNCHRONIZED
    assert bank.attempts() == (0, 0, 0)


def test_a_commit_that_is_lost_tells_the_truth_when_asked_again(bank: Bank) -> None:
    request = str(uuid4())
    bank.store.lose_next_commit()
    with pytest.raises(StoreUnavailable):
        bank.resync(*pair(42), request_id=request)
    assert bank.resync(*pair(42), request_id=request) == SYNCHRONIZED
    assert bank.vault.searches == 1


def test_an_hsm_that_gives_nothing_costs_nothing_and_one_that_breaks_off_an_attempt(
    bank: Bank,
) -> None:
    bank.vault.go_down()
    with pytest.raises(HsmUnavailable):
        bank.resync(*pair(42))
    assert bank.attempts() == (0, 0, 0)
    bank.vault.come_back()
    bank.vault.fail_next(HsmUnavailable("CKR_DEVICE_REMOVED", 0.5), evaluated=1)
    with pytest.raises(HsmUnavailable):
        bank.resync(*pair(42))
    assert bank.attempts() == (1, 1, 1)
