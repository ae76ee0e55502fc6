# SPDX-License-Identifier: Apache-2.0
"""What a bank says of a transaction is read exactly, or refused by the name of its field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2, verification_pb2
from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.signing.create import MadeChallenge
from kagimori.domain.errors import InvalidField
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.transaction import (
    AccountType,
    Challenge,
    SigningProfile,
    Transaction,
    Transfer,
    check_challenge,
)
from kagimori.transport.mapping import requirement_of, wanted_of
from kagimori.transport.verification.signing_mapping import (
    MOST_TRANSFERS,
    challenge_of,
    profile_of,
    signature_of,
    transaction_of,
)

REQUEST_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcdef"
CHALLENGE_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcde0"
SERVICE_ID: Final = "10112231"
AT: Final = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
PAID: Final[dict[str, Any]] = {
    "bank_code": "0001",
    "branch_code": "023",
    "account_type": transaction_pb2.ACCOUNT_TYPE_SAVINGS,
    "account_number": "4567890",
    "payee_name": "ｸﾏﾓﾄ ﾊﾅｺ",
    "amount": 1_234_567,
    "reference": "INVOICE 42",
}
READ: Final = Transfer(
    "0001", "023", AccountType.SAVINGS, "4567890", "ｸﾏﾓﾄ ﾊﾅｺ", 1_234_567, "INVOICE 42"
)
# What sha256sum says of the text below, which was written by hand.
TEXT: Final = (
    "KAGIMORI-T1\n10112231 0192b3c4-5d6e-7f80-9123-456789abcde0\nJPY 1 1234567\n"
    "0001 023 4 4567890 1234567\nINVOICE 42\nｸﾏﾓﾄ ﾊﾅｺ"
)
DIGEST: Final = "3e52554c902e00a3cecef01151a3820128758ea96ef612190286da3077edd19e"


def paid(**changed: Any) -> transaction_pb2.Transfer:  # noqa: ANN401 - any field
    return transaction_pb2.Transfer(**{**PAID, **changed})


def told(
    *transfers: transaction_pb2.Transfer, currency: str = "JPY"
) -> transaction_pb2.VerifyTransactionRequest:
    """Return a request, as it comes from the wire."""
    transaction = transaction_pb2.Transaction(transfers=transfers, currency=currency)
    request = transaction_pb2.VerifyTransactionRequest(transaction=transaction)
    return transaction_pb2.VerifyTransactionRequest.FromString(request.SerializeToString())


def test_reads_every_field_of_every_transfer_in_their_order() -> None:
    other = Transfer("9999", "999", AccountType.ORDINARY, "0000001", "A", 1, "")
    second = transaction_pb2.Transfer(
        bank_code="9999",
        branch_code="999",
        account_type=transaction_pb2.ACCOUNT_TYPE_ORDINARY,
        account_number="0000001",
        payee_name="A",
        amount=1,
    )
    assert transaction_of(told(paid(), second)) == Transaction((READ, other))


def test_a_challenge_is_asked_for_in_the_same_words() -> None:
    request = transaction_pb2.CreateTransactionChallengeRequest(
        transaction=told(paid()).transaction
    )
    assert transaction_of(request) == Transaction((READ,))


@pytest.mark.parametrize("kind", AccountType)
def test_every_account_type_has_its_word_and_its_number(kind: AccountType) -> None:
    word = transaction_pb2.AccountType.Value(f"ACCOUNT_TYPE_{kind.name}")
    # 預金種目 of the Zengin formats: 1 普通, 2 当座, 4 貯蓄, 9 その他.
    assert word == int(kind)
    (transfer,) = transaction_of(told(paid(account_type=word))).transfers
    assert transfer.account_type is kind


@pytest.mark.parametrize("word", [0, 3, 5, 10, -1])
def test_another_account_type_is_named_with_its_transfer(word: int) -> None:
    with pytest.raises(InvalidField) as refused:
        transaction_of(told(paid(), paid(), paid(), paid(account_type=word)))
    assert refused.value.field == "transaction.transfers[3].account_type"


@pytest.mark.parametrize("currency", ["", "USD", "jpy", "JPY ", "JPY\n", "ＪＰＹ"])  # noqa: RUF001 - full-width on purpose
def test_another_currency_is_refused_and_not_quoted(currency: str) -> None:
    with pytest.raises(InvalidField) as refused:
        transaction_of(told(paid(), currency=currency))
    assert refused.value.field == "transaction.currency"
    assert not currency.strip() or currency not in str(refused.value).replace("JPY", "")


def test_a_transaction_must_be_there() -> None:
    for request in (
        transaction_pb2.VerifyTransactionRequest(),
        transaction_pb2.CreateTransactionChallengeRequest(),
    ):
        with pytest.raises(InvalidField) as refused:
            transaction_of(request)
        assert refused.value.field == "transaction"


def test_an_empty_transaction_is_the_domains_to_refuse() -> None:
    with pytest.raises(InvalidField) as refused:
        check_challenge(Challenge(SERVICE_ID, CHALLENGE_ID, transaction_of(told())))
    assert refused.value.field == "transaction.transfers"


def test_more_transfers_than_any_text_holds_are_refused_before_one_is_read() -> None:
    # The last of them would be refused by its own name.
    with pytest.raises(InvalidField) as refused:
        transaction_of(told(*[paid(account_type=0)] * (MOST_TRANSFERS + 1)))
    assert refused.value.field == "transaction.transfers"
    most = transaction_of(told(*[paid()] * MOST_TRANSFERS))
    assert len(most.transfers) == MOST_TRANSFERS
    smallest = Transaction(tuple([READ] * MOST_TRANSFERS))
    with pytest.raises(InvalidField, match="octets"):
        check_challenge(Challenge(SERVICE_ID, CHALLENGE_ID, smallest))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bank_code", "001"),
        ("bank_code", "00010"),
        ("bank_code", "０００１"),  # noqa: RUF001 - full-width on purpose
        ("branch_code", "23"),
        ("branch_code", "02A"),
        ("account_number", "456789"),
        ("account_number", "45678901"),
        ("account_number", "4567890\n"),
        ("payee_name", ""),
        ("payee_name", "クマモト"),
        ("payee_name", "kumamoto"),
        ("payee_name", "ｸﾏﾓﾄ\nﾊﾅｺ"),
        ("payee_name", " ｸﾏﾓﾄ"),
        ("payee_name", "A" * 49),
        ("amount", 0),
        ("amount", 10_000_000_000),
        ("amount", 2**64 - 1),
        ("reference", "A" * 21),
        ("reference", "A\n"),
        ("reference", "A  B"),
    ],
)
def test_what_the_domain_refuses_has_the_name_of_its_proto_field(
    field: str,
    value: Any,  # noqa: ANN401 - text or number
) -> None:
    read = transaction_of(told(paid(), paid(**{field: value})))
    with pytest.raises(InvalidField) as refused:
        check_challenge(Challenge(SERVICE_ID, CHALLENGE_ID, read))
    assert refused.value.field == f"transaction.transfers[1].{field}"
    assert field in transaction_pb2.Transfer.DESCRIPTOR.fields_by_name
    assert not value or str(value) not in str(refused.value)


@pytest.mark.parametrize("profile", SigningProfile)
def test_every_profile_has_its_word(profile: SigningProfile) -> None:
    word = transaction_pb2.SigningProfile.Value(f"SIGNING_PROFILE_{profile}")
    assert profile_of(word) is profile


@pytest.mark.parametrize("word", [0, 3, -1])
def test_another_profile_is_refused(word: int) -> None:
    with pytest.raises(InvalidField) as refused:
        profile_of(word)
    assert refused.value.field == "profile"


def made(profile: SigningProfile) -> MadeChallenge:
    return MadeChallenge(Challenge(SERVICE_ID, CHALLENGE_ID, Transaction((READ,))), profile, AT)


def test_what_is_scanned_is_the_whole_text_and_nothing_to_type() -> None:
    told = challenge_of(made(SigningProfile.SCANNED))
    assert (told.challenge_id, told.text) == (CHALLENGE_ID, TEXT)
    assert told.transaction_digest == DIGEST
    assert told.expires_at.ToDatetime(tzinfo=UTC) == AT
    assert (told.typed_account, told.typed_amount) == ("", "")


def test_what_is_typed_is_the_account_and_the_amount_and_no_text() -> None:
    told = challenge_of(made(SigningProfile.TYPED))
    assert (told.typed_account, told.typed_amount) == ("4567890", "1234567")
    assert (told.challenge_id, told.text) == (CHALLENGE_ID, "")
    assert told.transaction_digest == DIGEST
    assert told.expires_at.ToDatetime(tzinfo=UTC) == AT


def test_a_receipt_names_what_was_signed() -> None:
    verdict = Verdict(Outcome.ACCEPTED, Receipt(1234567, AT), 5)
    told = signature_of(verdict, DIGEST)
    assert told.outcome == types_pb2.OUTCOME_ACCEPTED
    assert (told.receipt.number, told.receipt.transaction_digest) == ("1234567", DIGEST)
    assert told.receipt.accepted_at.ToDatetime(tzinfo=UTC) == AT
    assert told.attempts_left == 5


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.ACCEPTED, Outcome.SYNCHRONIZED}))
def test_a_refusal_has_its_word_and_nothing_like_a_receipt(outcome: Outcome) -> None:
    told = signature_of(Verdict(outcome, attempts_left=0), DIGEST)
    assert types_pb2.Outcome.Name(told.outcome) == f"OUTCOME_{outcome}"
    assert not told.HasField("receipt")
    assert told.HasField("attempts_left")
    assert not signature_of(Verdict(outcome), DIGEST).HasField("attempts_left")


def test_a_request_shows_nothing_of_what_is_paid() -> None:
    shown = repr(transaction_of(told(paid())))
    assert not [value for value in PAID.values() if str(value) in shown.replace("JPY", "")]


@pytest.mark.parametrize("amount", [None, 0, 1, 2**64 - 1])
def test_an_amount_that_is_not_told_is_another_thing_than_none_at_all(amount: int | None) -> None:
    request = verification_pb2.GetOtpRequirementRequest(
        subscriber_ref="4711", operation=types_pb2.OPERATION_TRANSFER, amount=amount
    )
    assert wanted_of(request) == ("4711", Operation.TRANSFER, amount)


@pytest.mark.parametrize("can_sign", [True, False])
def test_whether_the_token_can_sign_is_told(can_sign: bool) -> None:  # noqa: FBT001 - a case
    told = requirement_of(Requirement(Needs.SIGNATURE, has_token=True, can_sign=can_sign))
    assert told.requirement == verification_pb2.OTP_REQUIREMENT_SIGNATURE
    assert told.can_sign is can_sign
