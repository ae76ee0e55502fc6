# SPDX-License-Identifier: Apache-2.0
"""A code that is bound to a transaction: what it proves, what it costs, what it never does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from kagimori.application.ports import BySubscriber, Claim, Settlement
from kagimori.application.subscribers import digest_of
from kagimori.application.verification.verify import _message, _Question
from kagimori.domain.code import Otp
from kagimori.domain.errors import (
    ChallengeOver,
    HsmUnavailable,
    InvalidField,
    LeaseLost,
    RecordTampered,
    RequestIdReused,
    StoreUnavailable,
    TransactionChanged,
)
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import MailTemplate, SubscriberNames
from kagimori.domain.transaction import (
    TYPED_PERIOD,
    Challenge,
    SigningProfile,
    Transaction,
)
from support.banks.bank import CALLER, Bank
from support.databases.challenges import TRANSACTION, TRANSFER, told_as
from support.databases.database import TestDatabase
from support.phones.signer import Signer, enrol, outcomes
from support.tokens import SUBSCRIBER, TENANT

SCANNED, TYPED = SigningProfile.SCANNED, SigningProfile.TYPED
MINE = BySubscriber(SUBSCRIBER)
ONE_YEN_MORE = Transaction((replace(TRANSFER, amount=TRANSFER.amount + 1),))


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    database = TestDatabase(tmp_path)
    bank = Bank(database)
    yield bank
    bank.close()
    database.close()


@pytest.fixture
def signer(bank: Bank) -> Signer:
    return enrol(bank)


def watermark(bank: Bank) -> int:
    (row,) = bank.database.run("SELECT last_step FROM signing_seeds")
    found: int = row["last_step"]
    return found


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
    assert watermark(bank) == -1


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
    bank: Bank, signer: Signer, off: int, outcome: Outcome
) -> None:
    signed, wanted = _code_that_others_have_not(signer, signer.step + off)
    assert signer.sign(signed, wanted).outcome is outcome
    assert watermark(bank) == (signer.step + off if outcome is Outcome.ACCEPTED else -1)


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
    assert watermark(bank) == signer.step


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


# The login seed's row shows codes to whoever looks over a shoulder.
_ANOTHERS = """
UPDATE signing_seeds SET blob = o.blob, row_mac = o.row_mac FROM {another} o
WHERE signing_seeds.token_id = 'token-1' AND o.token_id = '{token_id}'
"""

TAMPERINGS = {
    "gone": "DELETE FROM signing_seeds WHERE token_id = 'token-1'",
    "login row": _ANOTHERS.format(another="tokens", token_id="token-1"),
    "login blob": _ANOTHERS.format(another="tokens", token_id="token-1").replace(
        "o.row_mac", "signing_seeds.row_mac"
    ),
    "another's": _ANOTHERS.format(another="signing_seeds", token_id="token-2"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_seed_row_that_is_not_as_it_was_written_is_not_used(
    bank: Bank, signer: Signer, tampering: str
) -> None:
    other = enrol(bank, 2)
    signed, theirs = signer.challenge(), other.challenge()
    bank.database.run(TAMPERINGS[tampering])

    async def both() -> list[Verdict | BaseException]:
        calls = [
            bank.verify.sign(
                caller=CALLER,
                request_id=str(uuid4()),
                subscriber=BySubscriber(each.subscriber),
                signed=about,
                code=Otp(each.code(about)),
                seconds_left=10.0,
            )
            for each, about in ((signer, signed), (other, theirs))
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    told = bank.run(both())
    assert isinstance(told[0], RecordTampered)
    assert isinstance(told[1], Verdict)
    assert told[1].outcome is Outcome.ACCEPTED
    rows = bank.database.run("SELECT failures, day_failures, unlock_failures FROM tokens")
    assert {tuple(row.values()) for row in rows} == {(0, 0, 0)}


def test_a_batch_that_was_made_typed_behind_the_authoritys_back_is_not_asked_about(
    bank: Bank, signer: Signer
) -> None:
    signed = signer.challenge(SCANNED, Transaction((TRANSFER, TRANSFER)))
    bank.database.run("UPDATE challenges SET profile = 'TYPED'")
    with pytest.raises(RecordTampered):
        signer.sign(signed, signer.code(signed))
    assert (bank.vault.searches, bank.attempts()) == (0, (0, 0, 0))


def test_a_profile_that_was_changed_in_the_database_makes_the_code_wrong(
    bank: Bank, signer: Signer
) -> None:
    signed = signer.challenge(SCANNED)
    bank.database.run("UPDATE challenges SET profile = 'TYPED'")
    shown = {signer.code(signed, TYPED, signer.step + off) for off in (-1, 0, 1)}
    expected = Outcome.ACCEPTED if signer.code(signed) in shown else Outcome.REJECTED
    assert signer.sign(signed, signer.code(signed)).outcome is expected


def test_the_same_request_has_one_answer_and_one_check(bank: Bank, signer: Signer) -> None:
    signed, request = signer.challenge(), str(uuid4())
    first = signer.sign(signed, signer.code(signed), request_id=request)
    assert first.outcome is Outcome.ACCEPTED
    assert signer.sign(signed, signer.code(signed), request_id=request) == first
    assert bank.vault.searches == 1


def test_a_request_id_is_of_one_code_one_challenge_and_one_transaction(
    bank: Bank, signer: Signer
) -> None:
    signed, another, request = signer.challenge(), signer.challenge(), str(uuid4())
    code = signer.code(signed)
    signer.sign(signed, code, request_id=request)
    for about, offered in (
        (signed, signer.wrong(signed)),
        (another, code),
        (told_as(signed, ONE_YEN_MORE), code),
    ):
        with pytest.raises(RequestIdReused):
            signer.sign(about, offered, request_id=request)
    with pytest.raises(RequestIdReused):
        signer.sign(signed, code, request_id=request, subscriber=BySubscriber("another"))
    with pytest.raises(RequestIdReused):
        bank.ask(code, request_id=request)


def test_no_two_questions_have_one_message() -> None:
    code, request = Otp("12345678"), Operation.SIGNATURE
    one = _signed_with("00000000-0000-4000-8000-000000000001")
    questions = [
        _Question(MINE, request, code, signed=one),
        _Question(MINE, request, Otp("12345679"), signed=one),
        _Question(BySubscriber(f"{SUBSCRIBER} "), request, code, signed=one),
        _Question(MINE, request, code, signed=_signed_with("00000000-0000-4000-8000-000000000002")),
        _Question(MINE, request, code, signed=told_as(one, ONE_YEN_MORE)),
        _Question(MINE, Operation.LOGIN, code),
        # A customer whose bank names him like the rest of a signature's message.
        _Question(
            BySubscriber(f"{one.challenge_id} {one.digest.hex()} {SUBSCRIBER}"),
            Operation.LOGIN,
            code,
        ),
    ]
    assert len({_message(question) for question in questions}) == len(questions)


def _signed_with(challenge_id: str) -> Challenge:
    return Challenge(TENANT, challenge_id, TRANSACTION)


@pytest.mark.parametrize("code", ["123456", "1234567", "123456789"])
def test_codes_that_sign_have_eight_digits(bank: Bank, signer: Signer, code: str) -> None:
    signed = signer.challenge()
    with pytest.raises(InvalidField, match="8 digits") as refused:
        signer.sign(signed, code)
    assert refused.value.field == "code"
    assert (bank.vault.searches, bank.attempts()) == (0, (0, 0, 0))


def test_a_code_alone_is_no_signature(bank: Bank, signer: Signer) -> None:
    with pytest.raises(ValueError, match="more than a code"):
        bank.ask(signer.app.login_code(0), operation=Operation.SIGNATURE)

    async def conclude() -> Verdict:
        return await bank.verify.conclude(
            caller=CALLER,
            request_id=str(uuid4()),
            subject=MINE,
            operation=Operation.SIGNATURE,
            code=Otp("12345678"),
            consequence=None,
            words="",
            seconds_left=5.0,
        )

    with pytest.raises(ValueError, match="brings nothing about"):
        bank.run(conclude())


def test_names_that_are_kept_as_digests_are_looked_up_as_such(bank: Bank, signer: Signer) -> None:
    bank.policies[TENANT] = replace(bank.policies[TENANT], subscriber_names=SubscriberNames.HMAC)
    signed = signer.challenge()
    with pytest.raises(ChallengeOver):
        signer.sign(signed, signer.code(signed))
    kept = enrol(bank, 9, subscriber=digest_of(bank.vault, TENANT, "customer-4711"))
    signed = kept.challenge()
    named = {"subscriber": BySubscriber("customer-4711")}
    assert kept.sign(signed, kept.code(signed), **named).outcome is Outcome.ACCEPTED


def test_no_letter_goes_out_about_two_signatures_of_one_step(
    bank: Bank, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = MailTemplate("otp@bank.example", "", "", "", "", "", "", "subject", "body ${support}")
    bank.policies[TENANT] = replace(bank.policies[TENANT], mail=mail)
    told: dict[Operation, str | None] = {}
    commit = bank.store.commit

    async def overheard(settlements: Sequence[Settlement], claims: Sequence[Claim]) -> Any:  # noqa: ANN401 - passed on
        told.update({claim.operation: claim.notify for claim in claims})
        return await commit(settlements, claims)

    monkeypatch.setattr(bank.store, "commit", overheard)
    signed = signer.challenge(TYPED)
    signer.sign(signed, signer.code(signed, TYPED, signer.step))
    bank.ask(signer.login)
    assert told == {Operation.SIGNATURE: None, Operation.LOGIN: "otp@bank.example"}


def test_a_crash_between_claim_and_settlement_leaves_a_spent_attempt(
    bank: Bank, signer: Signer
) -> None:
    signed, request = signer.challenge(TYPED), str(uuid4())
    code = signer.code(signed, TYPED, signer.step)
    bank.store.before_next_settle(bank.expire_leases)
    with pytest.raises(LeaseLost):
        signer.sign(signed, code, request_id=request)
    assert (bank.attempts(), watermark(bank)) == ((1, 1, 1), -1)
    assert signer.sign(signed, code, request_id=request).outcome is Outcome.ACCEPTED
    assert (bank.attempts(), watermark(bank)) == ((0, 0, 0), signer.step)


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
