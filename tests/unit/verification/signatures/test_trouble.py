# SPDX-License-Identifier: Apache-2.0
"""Signatures while something breaks: what is spent stays spent, and nothing is accepted twice."""

from __future__ import annotations

from uuid import uuid4

import pytest

from kagimori.domain.errors import ChallengeOver, HsmUnavailable, LeaseLost, StoreUnavailable
from kagimori.domain.outcome import Outcome
from kagimori.domain.transaction import SigningProfile
from support.banks.bank import Bank
from support.phones.signer import Signer

TYPED = SigningProfile.TYPED


def test_a_crash_between_claim_and_settlement_leaves_a_spent_attempt(
    bank: Bank, signer: Signer
) -> None:
    signed, request = signer.challenge(TYPED), str(uuid4())
    code = signer.code(signed, TYPED, signer.step)
    bank.store.before_next_settle(bank.expire_leases)
    with pytest.raises(LeaseLost):
        signer.sign(signed, code, request_id=request)
    assert (bank.attempts(), signer.watermark) == ((1, 1, 1), -1)
    assert signer.sign(signed, code, request_id=request).outcome is Outcome.ACCEPTED
    assert (bank.attempts(), signer.watermark) == ((0, 0, 0), signer.step)


def test_a_challenge_that_is_used_while_its_code_is_judged_is_not_used_again(
    bank: Bank, signer: Signer
) -> None:
    signed, request = signer.challenge(), str(uuid4())
    bank.store.before_next_settle(
        lambda: bank.database.run("UPDATE challenges SET state = 'USED', used_by = request_id")
    )
    with pytest.raises(LeaseLost):
        signer.sign(signed, signer.code(signed), request_id=request)
    bank.expire_leases()
    with pytest.raises(ChallengeOver):
        signer.sign(signed, signer.code(signed), request_id=request)
    assert bank.attempts() == (1, 1, 1)


def test_a_commit_that_is_lost_tells_the_truth_when_asked_again(bank: Bank, signer: Signer) -> None:
    signed, request = signer.challenge(), str(uuid4())
    bank.store.lose_next_commit()
    with pytest.raises(StoreUnavailable):
        signer.sign(signed, signer.code(signed), request_id=request)
    accepted = signer.sign(signed, signer.code(signed), request_id=request)
    assert accepted.outcome is Outcome.ACCEPTED
    assert bank.vault.searches == 1


def test_an_hsm_that_gives_nothing_costs_nothing_and_one_that_breaks_off_an_attempt(
    bank: Bank, signer: Signer
) -> None:
    signed = signer.challenge()
    bank.vault.go_down()
    with pytest.raises(HsmUnavailable):
        signer.sign(signed, signer.code(signed))
    assert bank.attempts() == (0, 0, 0)
    bank.vault.come_back()
    bank.vault.fail_next(HsmUnavailable("CKR_DEVICE_REMOVED", 0.5), evaluated=1)
    with pytest.raises(HsmUnavailable):
        signer.sign(signed, signer.code(signed))
    assert bank.attempts() == (1, 1, 1)
    assert signer.sign(signed, signer.code(signed)).outcome is Outcome.ACCEPTED
