# SPDX-License-Identifier: Apache-2.0
"""A code that is bound to a transaction: what it proves, and what it costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from kagimori.application.ports import BySubscriber
from kagimori.domain.code import Otp
from kagimori.domain.errors import ChallengeOver, TransactionChanged
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.transaction import TYPED_PERIOD, Challenge, SigningProfile, Transaction
from support.banks.bank import CALLER, Bank
from support.databases.challenges import TRANSFER, told_as
from support.phones.signer import Signer, enrol, outcomes

SCANNED, TYPED = SigningProfile.SCANNED, SigningProfile.TYPED
ONE_YEN_MORE = Transaction((replace(TRANSFER, amount=TRANSFER.amount + 1),))


def test_a_right_code_is_accepted_with_a_receipt_and_once(bank: Bank, signer: Signer) -> None:
    signed = signer.challenge()
    accepted = signer.sign(signed, signer.code(signed))
    assert (accepted.outcome, accepted.attempts_left) == (Outcome.ACCEPTED, 5)
    assert accepted.receipt is not None
    with pytest.raises(ChallengeOver):
        signer.sign(signed, signer.code(signed))
    assert bank.vault.searches == 1
    assert bank.attempts() == (0, 0, 0)


def test_what_is_scanned_has_no_time(bank: Bank, signer: Signer) -> None:
    signed = signer.challenge()
    code = signer.code(signed)
    bank.now += 1_000_000
    assert signer.sign(signed, code).outcome is Outcome.ACCEPTED
    assert signer.watermark == -1


@pytest.mark.parametrize(
    ("off", "outcome"),
    [
        (-2, Outcome.REJECTED),
        (-1, Outcome.ACCEPTED),
        (0, Outcome.ACCEPTED),
        (1, Outcome.ACCEPTED),
        (2, Outcome.REJECTED),
    ],
)
def test_what_is_typed_is_of_a_step_beside_the_present_one(
    signer: Signer, off: int, outcome: Outcome
) -> None:
    signed, wanted = _code_that_others_have_not(signer, signer.step + off)
    assert signer.sign(signed, wanted).outcome is outcome
    assert signer.watermark == (signer.step + off if outcome is Outcome.ACCEPTED else -1)


def _code_that_others_have_not(signer: Signer, step: int) -> tuple[Challenge, str]:
    """Draw accounts until the code of ``step`` is that of no other step nearby."""
    for amount in range(1, 100):
        only = Transaction((replace(TRANSFER, amount=amount),))
        signed = signer.challenge(TYPED, only)
        near = {
            signer.code(signed, TYPED, other)
            for other in range(signer.step - 3, signer.step + 4)
            if other != step
        }
        if (code := signer.code(signed, TYPED, step)) not in near:
            return signed, code
    raise AssertionError


def test_the_clock_is_the_tokens_wherever_logins_have_seen_it(bank: Bank, signer: Signer) -> None:
    # A login's step is twice as long.
    bank.database.run("UPDATE tokens SET drift = 3")
    signed, code = _code_that_others_have_not(signer, signer.step + 6)
    assert signer.sign(signed, code).outcome is Outcome.ACCEPTED
    (row,) = bank.database.run("SELECT drift, last_step FROM tokens")
    assert (row["drift"], row["last_step"]) == (3, -1)


def test_a_typed_code_of_a_spent_step_is_replayed_and_costs_nothing(
    bank: Bank, signer: Signer
) -> None:
    first, second = signer.challenge(TYPED), signer.challenge(TYPED)
    code = signer.code(first, TYPED, signer.step)
    assert signer.sign(first, code).outcome is Outcome.ACCEPTED
    # The same account and amount: what is typed does not name the challenge.
    assert signer.sign(second, code) == Verdict(Outcome.REPLAYED, None, 5)
    earlier = signer.code(second, TYPED, signer.step - 1)
    assert signer.sign(second, earlier).outcome is Outcome.REPLAYED
    assert bank.attempts() == (0, 0, 0)
    bank.now += TYPED_PERIOD
    assert signer.sign(second, signer.code(second, TYPED, signer.step)).outcome is Outcome.ACCEPTED
    assert signer.watermark == signer.step


@pytest.mark.parametrize("profile", SigningProfile)
def test_the_code_of_another_transaction_is_wrong(
    bank: Bank, signer: Signer, profile: SigningProfile
) -> None:
    signed = signer.challenge(profile)
    code = next(
        code
        for yen in range(1, 100)
        if (code := signer.code(_with_more(signed, yen), profile, signer.step))
        not in {signer.code(signed, profile, signer.step + off) for off in (-1, 0, 1)}
    )
    assert signer.sign(signed, code) == Verdict(Outcome.REJECTED, None, 4)
    assert bank.attempts() == (1, 1, 1)


def _with_more(signed: Challenge, yen: int) -> Challenge:
    return told_as(signed, Transaction((replace(TRANSFER, amount=TRANSFER.amount + yen),)))


@pytest.mark.parametrize("profile", SigningProfile)
def test_a_changed_transaction_is_refused_before_its_code_is_looked_at(
    bank: Bank, signer: Signer, profile: SigningProfile
) -> None:
    signed = signer.challenge(profile)
    for code in (signer.code(signed, profile, signer.step), signer.wrong(signed, profile)):
        with pytest.raises(TransactionChanged):
            signer.sign(told_as(signed, ONE_YEN_MORE), code)
    assert (bank.vault.searches, bank.attempts()) == (0, (0, 0, 0))
    right = signer.code(signed, profile, signer.step)
    assert signer.sign(signed, right).outcome is Outcome.ACCEPTED


def test_a_login_code_signs_nothing_and_a_signature_is_no_login(bank: Bank, signer: Signer) -> None:
    login_step = int(bank.now) // 60
    signed = next(
        signed
        for _ in range(100)
        if (signed := signer.challenge())
        and signer.code(signed) not in {signer.app.login_code(login_step + n) for n in (-1, 0, 1)}
    )
    assert signer.sign(signed, signer.login).outcome is Outcome.REJECTED
    assert bank.ask(signer.code(signed)).outcome is Outcome.REJECTED
    assert bank.ask(signer.login).outcome is Outcome.ACCEPTED
    assert signer.sign(signed, signer.code(signed)).outcome is Outcome.ACCEPTED


def test_logins_and_signatures_share_one_count(bank: Bank, signer: Signer) -> None:
    signed = signer.challenge()
    for _ in range(2):
        signer.sign(signed, signer.wrong(signed))
        bank.ask(signer.no_login)
    assert signer.sign(signed, signer.wrong(signed)) == Verdict(Outcome.LOCKED, None, 0)
    searches = bank.vault.searches
    assert signer.sign(signed, signer.code(signed)) == Verdict(Outcome.LOCKED, None, 0)
    assert bank.ask(signer.no_login) == Verdict(Outcome.LOCKED, None, 0)
    assert bank.vault.searches == searches


def test_a_hundred_parallel_guesses_cost_five_checks(bank: Bank, signer: Signer) -> None:
    signed = signer.challenge()
    told = signer.sign_all([(signed, signer.wrong(signed))] * 100)
    assert outcomes(told) == {Outcome.REJECTED: 4, Outcome.LOCKED: 96}
    assert bank.vault.searches == 5


@pytest.mark.parametrize("profile", SigningProfile)
def test_one_challenge_many_times_at_once_is_answered_once(
    bank: Bank, signer: Signer, profile: SigningProfile
) -> None:
    signed = signer.challenge(profile)
    code = signer.code(signed, profile, signer.step)
    told = signer.sign_all([(signed, code)] * 64)
    assert outcomes(told) == {Outcome.ACCEPTED: 1, ChallengeOver: 63}
    assert bank.vault.searches == 1


def test_many_customers_sign_in_the_same_batches_as_others_log_in(
    bank: Bank, signer: Signer
) -> None:
    others = [enrol(bank, number) for number in range(2, 18)]
    offered = [(each, each.challenge(SCANNED if n % 2 else TYPED)) for n, each in enumerate(others)]
    logins = [bank.begin(signer.login, time_left=10.0)]

    async def all_at_once() -> list[Verdict]:
        return await asyncio.gather(
            *(
                bank.verify.sign(
                    caller=CALLER,
                    request_id=str(uuid4()),
                    subscriber=BySubscriber(each.subscriber),
                    signed=signed,
                    code=Otp(each.code(signed, SCANNED if n % 2 else TYPED, each.step)),
                    seconds_left=10.0,
                )
                for n, (each, signed) in enumerate(offered)
            )
        )

    assert outcomes(bank.run(all_at_once())) == {Outcome.ACCEPTED: len(others)}
    assert [login.result().outcome for login in logins] == [Outcome.ACCEPTED]
