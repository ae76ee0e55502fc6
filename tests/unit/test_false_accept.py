# SPDX-License-Identifier: Apache-2.0
"""The chance of guessing a code, exactly, and how it moves with the rules."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kagimori.domain.false_accept import Odds, odds_of
from kagimori.domain.policy import AttemptLimits, Windows
from kagimori.domain.tenant import FalseAcceptBounds, Signing, SoftwareTokens, TenantPolicy
from kagimori.domain.token import CustodyLabel
from kagimori.domain.transaction import SigningProfile

BY_APP = frozenset({CustodyLabel.SEALED_BY_APP})
BANK = TenantPolicy("bank", "10112001", ZoneInfo("Asia/Tokyo"))

policies = st.builds(
    lambda time, ahead, daily, unlock, digits, custody: replace(
        BANK,
        windows=Windows(time, ahead),
        limits=AttemptLimits(5, daily, unlock),
        tokens=SoftwareTokens(digits=digits),
        custody=frozenset(custody),
    ),
    st.integers(0, 10),
    st.integers(1, 100),
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.integers(6, 8),
    st.sets(st.sampled_from(CustodyLabel), min_size=1),
)


def chances(policy: TenantPolicy) -> list[Fraction]:
    return [odds.chance for odds in odds_of(policy)]


def assert_each_is_more(before: list[Fraction], after: list[Fraction]) -> None:
    assert all(less < more for less, more in zip(before, after, strict=True))


def test_the_sentence_holds_the_whole_arithmetic() -> None:
    a_day, a_year = odds_of(replace(BANK, custody=BY_APP))
    assert str(a_day) == (
        "3 open codes x 20 guesses a day / 10^6 = 1 in 16,666 a day; at most 1 in 5,000 is allowed"
    )
    assert str(a_year) == (
        "3 open codes x 100 guesses a year / 10^6 = 1 in 3,333 a year; "
        "at most 1 in 1,000 is allowed"
    )


def test_the_look_ahead_counts_where_a_vendor_s_tokens_can_come_in() -> None:
    assert [odds.open_codes for odds in odds_of(BANK)] == [10, 10]
    assert chances(BANK) == [Fraction(1, 5000), Fraction(1, 1000)]
    wide = replace(BANK, windows=Windows(time=6, look_ahead=10))
    assert [odds.open_codes for odds in odds_of(wide)] == [13, 13]


def test_a_vendor_s_tokens_may_have_six_digits_whatever_the_app_s_have() -> None:
    eight = replace(BANK, tokens=SoftwareTokens(digits=8))
    assert {odds.digits for odds in odds_of(eight)} == {6}
    assert {odds.digits for odds in odds_of(replace(eight, custody=BY_APP))} == {8}


@pytest.mark.parametrize(
    ("daily", "since_unlock", "a_year"), [(20, 100, 100), (1, 1000, 365), (1000, 7, 7)]
)
def test_a_year_is_what_can_be_tried_before_somebody_must_unlock(
    daily: int, since_unlock: int, a_year: int
) -> None:
    policy = replace(BANK, limits=AttemptLimits(5, daily, since_unlock))
    assert odds_of(policy)[1].guesses == a_year


def test_a_bound_is_kept_when_it_is_just_reached_and_not_beyond() -> None:
    just = Odds("day", 10, 6, 20, Fraction(1, 5000))
    assert just.is_allowed
    assert not replace(just, guesses=21).is_allowed
    assert not replace(just, bound=Fraction(1, 5001)).is_allowed


def test_a_certainty_is_one() -> None:
    assert Odds("year", 1000, 6, 1000, Fraction(1)).chance == 1
    assert Odds("year", 1001, 6, 1000, Fraction(1)).chance == 1
    assert str(Odds("year", 1001, 6, 1000, Fraction(21, 1000))).endswith(
        "= 1 in 1 a year; at most 21 in 1,000 is allowed"
    )


@pytest.mark.parametrize(
    ("profiles", "open_codes", "digits"),
    [
        (set(), 5, 10),
        ({SigningProfile.SCANNED}, 1, 8),
        ({SigningProfile.TYPED}, 5, 8),
        (set(SigningProfile), 5, 8),
    ],
    ids=["none", "scanned", "typed", "both"],
)
def test_what_signs_has_eight_digits_whatever_logs_in(
    profiles: set[SigningProfile], open_codes: int, digits: int
) -> None:
    policy = replace(
        BANK,
        custody=BY_APP,
        windows=Windows(time=2, look_ahead=10),
        limits=AttemptLimits(5, 20, 100),
        # More digits than a login has anywhere: what is guessed most easily is the other.
        tokens=SoftwareTokens(digits=10, transaction_signing=bool(profiles)),
        signing=Signing(profiles=frozenset(profiles)),
    )
    assert {(odds.open_codes, odds.digits) for odds in odds_of(policy)} == {(open_codes, digits)}
    chance = Fraction(open_codes, 10**digits)
    assert chances(policy) == [20 * chance, 100 * chance]


def test_profiles_count_only_where_signing_is_offered() -> None:
    silent = replace(BANK, custody=BY_APP, tokens=SoftwareTokens(digits=10))
    profiles = Signing(profiles=frozenset(SigningProfile))
    assert odds_of(replace(silent, signing=profiles)) == odds_of(silent)


@given(policies)
def test_offering_signatures_is_never_what_makes_guessing_easy(policy: TenantPolicy) -> None:
    offered = replace(policy.tokens, transaction_signing=True)
    profiles = Signing(profiles=frozenset(SigningProfile))
    signing = replace(policy, tokens=offered, signing=profiles)
    assert chances(signing) == chances(policy)


@given(policies)
def test_a_wider_window_is_never_guessed_less_easily(policy: TenantPolicy) -> None:
    wider = replace(policy, windows=Windows(policy.windows.time + 1, policy.windows.look_ahead + 1))
    assert_each_is_more(chances(policy), chances(wider))


@given(policies, st.integers(1, 500))
def test_a_larger_budget_is_never_guessed_less_easily(policy: TenantPolicy, more: int) -> None:
    limits = policy.limits
    larger = AttemptLimits(5, limits.daily + more, limits.since_unlock + more)
    assert_each_is_more(chances(policy), chances(replace(policy, limits=larger)))


@given(policies, st.integers(7, 8))
def test_more_digits_are_never_guessed_more_easily(policy: TenantPolicy, digits: int) -> None:
    fewer = replace(policy, tokens=SoftwareTokens(digits=6))
    more = replace(policy, tokens=SoftwareTokens(digits=digits))
    assert chances(more) <= chances(fewer)
    by_app = [chances(replace(each, custody=BY_APP)) for each in (fewer, more)]
    assert by_app[0] == [chance * 10 ** (digits - 6) for chance in by_app[1]]


@given(policies)
def test_a_policy_is_within_its_own_chances_and_not_within_less(policy: TenantPolicy) -> None:
    a_day, a_year = chances(policy)
    exact = replace(policy, bounds=FalseAcceptBounds(a_day, a_year))
    assert all(odds.is_allowed for odds in odds_of(exact))
    less = replace(policy, bounds=FalseAcceptBounds(a_day * Fraction(999, 1000), a_year))
    assert [odds.is_allowed for odds in odds_of(less)] == [False, True]
