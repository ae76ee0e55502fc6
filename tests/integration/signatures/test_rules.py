# SPDX-License-Identifier: Apache-2.0
"""Who signs, and what, is by the bank's rules and the customer's token."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import grpc
import pytest

from kagimori.api.verification.v1 import transaction_pb2 as pb
from kagimori.api.verification.v1.transaction_pb2 import (
    CreateTransactionChallengeRequest,
    VerifyTransactionRequest,
)
from kagimori.api.verification.v1.verification_pb2_grpc import VerificationServiceStub
from kagimori.domain.transaction import SigningProfile as Profile
from kagimori_client import (
    BankChannel,
    CannotSign,
    InvalidRequest,
    NotOffered,
    NoToken,
    Operation,
    Requirement,
    SigningProfile,
    Transaction,
)
from support.pages.bank_page import failure
from support.pages.signing_page import TRANSFER
from support.phones.signing import SigningToken
from support.served.signing_bank import (
    CUSTOMER,
    FROM_AMOUNT,
    SigningBank,
    asked,
    offered,
    scanned_code,
)
from support.served.transport import PATIENCE, failure_of, open_channel
from support.tokens import SERIAL, TENANT

pytestmark = pytest.mark.softhsm

TYPED: Final = SigningProfile.TYPED


def paid(times: int = 1, currency: str = "JPY", **changed: Any) -> pb.Transaction:  # noqa: ANN401 - any field
    """Return a transaction; its last transfer is another than the others."""
    fields: dict[str, Any] = {
        "bank_code": "0001",
        "branch_code": "023",
        "account_type": pb.ACCOUNT_TYPE_ORDINARY,
        "account_number": "4567890",
        "payee_name": "A",
        "amount": 1,
    }
    transfers = [pb.Transfer(**fields) for _ in range(times)]
    for last in transfers[-1:]:
        last.MergeFrom(pb.Transfer(**changed))
        for name in [name for name, value in changed.items() if not value]:
            last.ClearField(name)
    return pb.Transaction(transfers=transfers, currency=currency)


def test_a_hardware_token_cannot_sign(bank: SigningBank, core: BankChannel) -> None:
    assert type(failure(lambda: asked(core))) is NoToken
    bank.deliver(SERIAL)
    bank.database.run("UPDATE tokens SET state = 'ACTIVE', subscriber = ?", CUSTOMER)
    assert type(failure(lambda: asked(core))) is CannotSign
    told = core.requirement(CUSTOMER, Operation.TRANSFER, amount=FROM_AMOUNT)
    assert (told.needs, told.can_sign) == (Requirement.SIGNATURE, False)


def test_a_bank_that_does_not_offer_it_is_told_so(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    challenge = asked(core)
    code = scanned_code(app, challenge)
    bank.offer(profiles=frozenset({Profile.SCANNED}))
    assert type(failure(lambda: asked(core, profile=TYPED))) is NotOffered
    bank.offer(signing=False)
    assert type(failure(lambda: asked(core))) is NotOffered
    assert type(failure(lambda: offered(core, challenge, code))) is NotOffered
    assert core.requirement(CUSTOMER, Operation.TRANSFER).needs is Requirement.OTP
    bank.offer()
    offered(core, challenge, code)


def test_the_amount_says_what_a_transfer_needs(core: BankChannel, app: SigningToken) -> None:
    assert app
    for amount, needs in (
        (FROM_AMOUNT - 1, Requirement.OTP),
        (FROM_AMOUNT, Requirement.SIGNATURE),
        (None, Requirement.SIGNATURE),
    ):
        told = core.requirement(CUSTOMER, Operation.TRANSFER, amount=amount)
        assert (told.needs, told.can_sign) == (needs, True)
    assert core.requirement(CUSTOMER, Operation.LOGIN).needs is Requirement.OTP
    error = failure(lambda: core.requirement(CUSTOMER, Operation.LOGIN, amount=1))
    assert isinstance(error, InvalidRequest)
    assert error.field == "amount"


def test_more_transfers_than_one_text_holds_are_refused(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    assert app
    error = failure(lambda: asked(core, Transaction((TRANSFER,) * 40)))
    assert isinstance(error, InvalidRequest)
    assert error.field == "transaction.transfers"
    assert bank.database.run("SELECT challenge_id FROM challenges") == []


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("request_id", {"request_id": ""}),
        ("subscriber_ref", {"subscriber_ref": ""}),
        ("transaction", {"transaction": None}),
        ("transaction.currency", {"transaction": paid(currency="USD")}),
        ("transaction.transfers", {"transaction": paid(0)}),
        ("transaction.transfers", {"transaction": paid(101)}),
        ("transaction.transfers[1].bank_code", {"transaction": paid(2, bank_code="１２３４")}),  # noqa: RUF001 - full-width on purpose
        ("transaction.transfers[0].branch_code", {"transaction": paid(branch_code="")}),
        ("transaction.transfers[0].account_type", {"transaction": paid(account_type=3)}),
        ("transaction.transfers[0].account_number", {"transaction": paid(account_number="42")}),
        ("transaction.transfers[2].payee_name", {"transaction": paid(3, payee_name="クマモト")}),
        ("transaction.transfers[0].amount", {"transaction": paid(amount=2**64 - 1)}),
        ("transaction.transfers[0].reference", {"transaction": paid(reference="A\nB")}),
    ],
    ids=range(13),
)
def test_what_another_client_sends_is_refused_by_its_field_and_made_of_nothing(
    bank: SigningBank, app: SigningToken, field: str, changed: dict[str, Any]
) -> None:
    assert app
    who = bank.authority.client(TENANT, "channel", "core-2")
    whole = {"request_id": str(uuid4()), "subscriber_ref": CUSTOMER, "transaction": paid()}
    asked = CreateTransactionChallengeRequest(
        **{**whole, **changed}, profile=pb.SIGNING_PROFILE_SCANNED
    )
    answered = VerifyTransactionRequest(
        **{**whole, **changed}, challenge_id=str(uuid4()), code="12345678"
    )
    with open_channel(bank.target, bank.authority.ca_file, who) as line:
        stub = VerificationServiceStub(line)  # type: ignore[no-untyped-call] # generated
        for rpc, request in (
            (stub.CreateTransactionChallenge, asked),
            (stub.VerifyTransaction, answered),
        ):
            told = failure_of(lambda: rpc(request, timeout=PATIENCE))  # noqa: B023 - called here
            assert (told.code, told.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    for table in ("challenges", "requests"):
        assert bank.database.run(f"SELECT request_id FROM {table}") == []  # noqa: S608 - our own


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("challenge_id", {"challenge_id": ""}),
        ("challenge_id", {"challenge_id": "00000000-0000-0000-0000-000000000000"}),
        ("code", {"code": "1234567"}),
        ("code", {"code": "123456789"}),
        ("code", {"code": "1234567８"}),  # noqa: RUF001 - full-width on purpose
        ("code", {"code": "12345678 "}),
    ],
    ids=range(6),
)
def test_a_code_that_can_be_none_costs_nothing(
    bank: SigningBank, app: SigningToken, field: str, changed: dict[str, Any]
) -> None:
    who = bank.authority.client(TENANT, "channel", "core-2")
    words = {"challenge_id": str(uuid4()), "code": "12345678", **changed}
    request = VerifyTransactionRequest(
        request_id=str(uuid4()), subscriber_ref=CUSTOMER, transaction=paid(), **words
    )
    with open_channel(bank.target, bank.authority.ca_file, who) as line:
        stub = VerificationServiceStub(line)  # type: ignore[no-untyped-call] # generated
        told = failure_of(lambda: stub.VerifyTransaction(request, timeout=PATIENCE))
    assert (told.code, told.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert bank.row_of(app)["failures"] == 0
