# SPDX-License-Identifier: Apache-2.0
"""A bank's page has a transfer signed: nothing is shown, or carried out, that was not asked for."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, assert_type
from uuid import UUID

import pytest
from google.protobuf.message import Message

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2, verification_pb2
from kagimori.domain import errors
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    CannotSign,
    ChallengeOver,
    InvalidRequest,
    KagimoriError,
    NotAllowed,
    NotOffered,
    NoToken,
    Operation,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    OtpRequirement,
    Receipt,
    RequestIdReused,
    Requirement,
    SigningProfile,
    TokenLocked,
    TokenNotActive,
    Transaction,
    TransactionChallenge,
    TransactionChanged,
    Transfer,
    TypedChallenge,
    Unavailable,
    UnknownToken,
)
from support.pages.bank_page import AWAY, AWAY_FOR_LONG, PATIENCE, REF, failure
from support.pages.scripted_registry import Registry, Script
from support.pages.signing_page import (
    AT,
    CHALLENGE_ID,
    CODE,
    DIGEST,
    OTHERS,
    SECRETS,
    TEXT,
    TRANSACTION,
    TRANSFER,
    scanned,
    signed,
    typed,
)

GIVEN = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")
SCANNED = TransactionChallenge(CHALLENGE_ID, TEXT, None, DIGEST, AT)
TYPED = TransactionChallenge(CHALLENGE_ID, None, TypedChallenge("4567890", "1234567"), DIGEST, AT)


def challenge(channel: BankChannel, **changed: object) -> TransactionChallenge:
    words: dict[str, Any] = {"transaction": TRANSACTION, "subscriber_ref": REF, **changed}
    return channel.create_transaction_challenge(**words)


def verify(channel: BankChannel, **changed: object) -> Receipt:
    words: dict[str, Any] = {
        "code": CODE,
        "subscriber_ref": REF,
        "challenge": SCANNED,
        "transaction": TRANSACTION,
        **changed,
    }
    return channel.verify_transaction(**words)


def test_every_field_of_every_transfer_is_sent(channel: BankChannel, script: Script) -> None:
    script.answers.extend([scanned(), signed()])
    challenge(channel)
    verify(channel)
    asked, answered = (call.request for call in script.asked)
    (told,) = asked.transaction.transfers
    assert (told.bank_code, told.branch_code, told.account_number) == ("0001", "023", "4567890")
    assert told.account_type == transaction_pb2.ACCOUNT_TYPE_SAVINGS
    assert (told.payee_name, told.amount, told.reference) == ("ｸﾏﾓﾄ ﾊﾅｺ", 1_234_567, "INVOICE 42")
    assert asked.transaction.currency == "JPY"
    assert answered.transaction == asked.transaction
    assert (asked.subscriber_ref, answered.subscriber_ref) == (REF, REF)
    assert asked.profile == transaction_pb2.SIGNING_PROFILE_SCANNED
    assert (answered.challenge_id, answered.code) == (str(CHALLENGE_ID), CODE)
    assert UUID(asked.request_id).version == UUID(answered.request_id).version == 7
    assert asked.request_id != answered.request_id


def test_a_batch_is_sent_in_its_order(channel: BankChannel, script: Script) -> None:
    script.answers.append(signed())
    verify(channel, transaction=Transaction((TRANSFER, OTHERS[5], TRANSFER)))
    amounts = [told.amount for told in script.only.request.transaction.transfers]
    assert amounts == [1_234_567, 1_234_568, 1_234_567]


def test_what_is_scanned_and_what_is_typed_come_back_as_values(
    channel: BankChannel, script: Script
) -> None:
    script.answers.extend([scanned(), typed()])
    assert assert_type(
        channel.create_transaction_challenge(TRANSACTION, subscriber_ref=REF), TransactionChallenge
    ) == (SCANNED)
    assert challenge(channel, profile=SigningProfile.TYPED) == TYPED
    assert script.asked[1].request.profile == transaction_pb2.SIGNING_PROFILE_TYPED
    for made in (SCANNED, TYPED):
        assert not [secret for secret in SECRETS if secret in repr(made)]


@pytest.mark.parametrize("other", OTHERS, ids=range(len(OTHERS)))
def test_a_text_about_another_transaction_is_never_shown(
    channel: BankChannel, script: Script, other: Transfer
) -> None:
    script.answers.append(scanned())
    error = failure(lambda: challenge(channel, transaction=Transaction((other,))))
    assert type(error) is AuthorityFault


@pytest.mark.parametrize(
    "changed",
    [
        {"text": ""},
        {"text": TEXT + "\n"},
        {"text": TEXT.replace("JPY 1 1234567", "JPY 1 1234568")},
        {"text": TEXT.replace("abcde0", "abcde1")},
        {"challenge_id": ""},
        {"challenge_id": "4711"},
        {"challenge_id": str(CHALLENGE_ID).upper()},
        {"challenge_id": "0192b3c4-5d6e-7f80-9123-456789abcde1"},
        {"transaction_digest": ""},
        {"transaction_digest": DIGEST.upper()},
        {"transaction_digest": DIGEST[:-1] + "0"},
        {"expires_at": None},
    ],
    ids=range(12),
)
def test_a_challenge_that_does_not_fit_together_is_a_fault(
    channel: BankChannel, script: Script, changed: dict[str, Any]
) -> None:
    script.answers.append(scanned(**changed))
    assert type(failure(lambda: challenge(channel))) is AuthorityFault


@pytest.mark.parametrize(
    "changed",
    [
        {"typed_account": "4567891"},
        {"typed_account": ""},
        {"typed_amount": "1234568"},
        {"typed_amount": "01234567"},
        {"typed_amount": ""},
        {"challenge_id": ""},
        {"transaction_digest": "1234"},
        {"expires_at": None},
    ],
    ids=range(8),
)
def test_what_is_typed_must_be_what_was_asked_for(
    channel: BankChannel, script: Script, changed: dict[str, Any]
) -> None:
    script.answers.append(typed(**changed))
    error = failure(lambda: challenge(channel, profile=SigningProfile.TYPED))
    assert type(error) is AuthorityFault


def test_one_profile_is_never_taken_for_the_other(channel: BankChannel, script: Script) -> None:
    script.answers.extend([typed(), scanned()])
    for profile in (SigningProfile.SCANNED, SigningProfile.TYPED):
        error = failure(lambda: challenge(channel, profile=profile))  # noqa: B023 - called here
        assert type(error) is AuthorityFault


def test_the_receipt_names_what_was_signed(channel: BankChannel, script: Script) -> None:
    script.answers.extend([signed(), signed()])
    whole = assert_type(verify(channel), Receipt)
    assert whole == Receipt("1234567", AT, transaction_digest=DIGEST)
    # A page that has kept no more than the name of the challenge.
    assert verify(channel, challenge=CHALLENGE_ID) == whole
    assert "受付番号 1234567" in whole.in_japanese()


OTHER_DIGEST = DIGEST[::-1]


@pytest.mark.parametrize("digest", ["", "1234", DIGEST.upper(), OTHER_DIGEST])
def test_a_receipt_of_something_else_is_no_yes(
    channel: BankChannel, script: Script, digest: str
) -> None:
    script.answers.append(signed(transaction_digest=digest))
    assert type(failure(lambda: verify(channel))) is AuthorityFault


@pytest.mark.parametrize("digest", ["", "1234", DIGEST.upper()])
def test_a_receipt_that_names_nothing_is_no_yes(
    channel: BankChannel, script: Script, digest: str
) -> None:
    script.answers.append(signed(transaction_digest=digest))
    error = failure(lambda: verify(channel, challenge=CHALLENGE_ID))
    assert type(error) is AuthorityFault


def test_a_yes_without_a_receipt_is_no_yes(channel: BankChannel, script: Script) -> None:
    bare = transaction_pb2.VerifyTransactionResponse(outcome=types_pb2.OUTCOME_ACCEPTED)
    script.answers.append(bare)
    assert type(failure(lambda: verify(channel))) is AuthorityFault


@pytest.mark.parametrize(
    ("outcome", "raised"),
    [
        (types_pb2.OUTCOME_REJECTED, OtpRejected),
        (types_pb2.OUTCOME_REPLAYED, OtpReplayed),
        (types_pb2.OUTCOME_LOCKED, TokenLocked),
        (types_pb2.OUTCOME_NOT_ACTIVE, TokenNotActive),
        (types_pb2.OUTCOME_UNKNOWN_TOKEN, UnknownToken),
    ],
)
def test_a_code_that_is_no_good_is_raised(
    channel: BankChannel, script: Script, outcome: types_pb2.Outcome, raised: type[OtpRefused]
) -> None:
    script.answers.append(
        transaction_pb2.VerifyTransactionResponse(outcome=outcome, attempts_left=3)
    )
    refusal = failure(lambda: verify(channel, request_id=GIVEN))
    assert type(refusal) is raised
    assert isinstance(refusal, OtpRefused)
    assert (refusal.attempts_left, refusal.request_id) == (3, GIVEN)


@pytest.mark.parametrize("word", [0, 99])
def test_a_word_that_is_not_known_is_no_yes(
    channel: BankChannel, script: Script, word: types_pb2.Outcome
) -> None:
    script.answers.append(transaction_pb2.VerifyTransactionResponse(outcome=word))
    assert type(failure(lambda: verify(channel))) is AuthorityFault


@pytest.mark.parametrize("call", [challenge, verify], ids=["challenge", "verify"])
@pytest.mark.parametrize(
    ("refusal", "raised"),
    [
        (errors.NotOffered("signing transactions"), NotOffered),
        (errors.NoToken(), NoToken),
        (errors.CannotSign(), CannotSign),
        (errors.ChallengeOver(), ChallengeOver),
        (errors.TransactionChanged(), TransactionChanged),
        (errors.RequestIdReused(), RequestIdReused),
        (errors.InvalidField("transaction.transfers[3].amount", "must be 1"), InvalidRequest),
    ],
    ids=lambda case: case.__name__ if isinstance(case, type) else "",
)
def test_what_the_authority_refuses_has_its_error(
    channel: BankChannel,
    script: Script,
    call: Callable[..., object],
    refusal: errors.AuthorityError,
    raised: type[KagimoriError],
) -> None:
    script.answers.append(refusal)
    error = failure(lambda: call(channel, request_id=GIVEN))
    assert type(error) is raised
    assert error.request_id == GIVEN
    if isinstance(error, InvalidRequest):
        assert error.field == "transaction.transfers[3].amount"


@pytest.mark.parametrize(
    ("call", "answer"), [(challenge, scanned()), (verify, signed())], ids=["challenge", "verify"]
)
def test_an_outage_is_asked_again_under_one_request_id(
    channel: BankChannel, script: Script, call: Callable[..., object], answer: Message
) -> None:
    script.answers.extend([AWAY, answer, AWAY_FOR_LONG])
    call(channel)
    first, second = script.asked
    assert first.request == second.request
    error = failure(lambda: call(channel, request_id=GIVEN))
    assert type(error) is Unavailable
    assert error.request_id == GIVEN


@pytest.mark.parametrize(
    ("call", "field", "changed"),
    [
        (challenge, "subscriber_ref", {"subscriber_ref": REF.encode()}),
        (challenge, "profile", {"profile": "SCANNED"}),
        (challenge, "profile", {"profile": 1}),
        (challenge, "transaction", {"transaction": TRANSFER}),
        (challenge, "transaction", {"transaction": TEXT}),
        (verify, "subscriber_ref", {"subscriber_ref": 4711}),
        (verify, "code", {"code": 75522493}),
        (verify, "challenge_id", {"challenge": str(CHALLENGE_ID)}),
        (verify, "challenge_id", {"challenge": None}),
        (verify, "transaction", {"transaction": None}),
    ],
    ids=range(10),
)
def test_what_can_be_no_field_is_not_sent(
    channel: BankChannel,
    script: Script,
    call: Callable[..., object],
    field: str,
    changed: dict[str, object],
) -> None:
    error = failure(lambda: call(channel, **changed))
    assert isinstance(error, InvalidRequest)
    assert error.field == field
    assert not script.asked


@pytest.mark.parametrize("call", [challenge, verify], ids=["challenge", "verify"])
def test_no_error_shows_what_is_paid(
    channel: BankChannel, script: Script, call: Callable[..., object]
) -> None:
    script.answers.extend([errors.TransactionChanged(), errors.InvalidField("code", "is wrong")])
    for _ in range(2):
        error = failure(lambda: call(channel))
        shown = "".join(traceback.format_exception(error)) + repr(error)
        assert not [secret for secret in (*SECRETS, REF) if secret in shown]


def test_a_registrar_may_not_have_anything_signed(registry: Registry, script: Script) -> None:
    with BankChannel(registry.target, **registry.files(), timeout=PATIENCE) as registrar:
        for call in (challenge, verify):
            assert type(failure(lambda: call(registrar))) is NotAllowed  # noqa: B023 - called here
    assert not script.asked


@pytest.mark.parametrize("can_sign", [True, False])
def test_a_channel_is_told_that_a_signature_is_needed(
    channel: BankChannel,
    script: Script,
    can_sign: bool,  # noqa: FBT001 - a case
) -> None:
    script.answers.append(
        verification_pb2.GetOtpRequirementResponse(
            requirement=verification_pb2.OTP_REQUIREMENT_SIGNATURE,
            has_token=True,
            can_sign=can_sign,
        )
    )
    told = channel.requirement(REF, Operation.TRANSFER, amount=100_000)
    assert told == OtpRequirement(Requirement.SIGNATURE, has_token=True, can_sign=can_sign)
    assert script.only.request.amount == 100_000


def test_an_amount_that_is_not_told_is_not_sent(channel: BankChannel, script: Script) -> None:
    script.answers.append(
        verification_pb2.GetOtpRequirementResponse(
            requirement=verification_pb2.OTP_REQUIREMENT_NONE
        )
    )
    channel.requirement(REF, Operation.LOGIN)
    assert not script.only.request.HasField("amount")


@pytest.mark.parametrize("amount", [0, -1, 2**64, 1.5, "100000", True])
def test_an_amount_that_can_be_none_is_not_sent(
    channel: BankChannel,
    script: Script,
    amount: Any,  # noqa: ANN401 - whatever it is
) -> None:
    error = failure(lambda: channel.requirement(REF, Operation.TRANSFER, amount=amount))
    assert isinstance(error, InvalidRequest)
    assert error.field == "amount"
    assert str(amount) not in str(error)
    assert not script.asked
