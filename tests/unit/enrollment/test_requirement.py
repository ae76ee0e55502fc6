# SPDX-License-Identifier: Apache-2.0
"""Whether a transfer needs a code or a signature: the bank's rule, the amount, the token."""

from __future__ import annotations

import pytest

from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.domain.errors import InvalidField
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import Signing, SoftwareTokens, When
from support.banks.desk import REGISTRAR, Desk
from support.tokens import SUBSCRIBER

WRONG = "000000"
LIMIT = 100_000


def require(
    desk: Desk, operation: Operation = Operation.TRANSFER, amount: int | None = None
) -> Requirement:
    return desk.bank.run(desk._require(REGISTRAR, SUBSCRIBER, operation, amount))


def offer(desk: Desk, **operations: When) -> None:
    """Have the bank ask for signatures from `LIMIT` yen on."""
    desk.change_policy(
        tokens=SoftwareTokens(transaction_signing=True),
        signing=Signing(from_amount=LIMIT),
        operations={Operation(name): when for name, when in operations.items()},
    )


def active(desk: Desk, *, signs: bool = True) -> None:
    desk.issue()
    desk.provision()
    if signs:
        desk.run(
            "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length,"
            " key_version, wrap_format, blob, row_mac, -1 FROM tokens"
        )
    desk.activate(desk.code(0))


@pytest.mark.parametrize(
    ("amount", "needs"),
    [
        (None, Needs.SIGNATURE),
        (1, Needs.OTP),
        (LIMIT - 1, Needs.OTP),
        (LIMIT, Needs.SIGNATURE),
        (LIMIT + 1, Needs.SIGNATURE),
        (2**64 - 1, Needs.SIGNATURE),
    ],
)
def test_from_the_banks_amount_on_a_transfer_is_signed(
    desk: Desk, amount: int | None, needs: Needs
) -> None:
    offer(desk, TRANSFER=When.ALWAYS)
    active(desk)
    assert require(desk, amount=amount) == Requirement(needs, has_token=True, can_sign=True)


def test_below_it_the_banks_rule_for_transfers_says_what_is_needed(desk: Desk) -> None:
    offer(desk, TRANSFER=When.NEVER)
    active(desk)
    assert require(desk, amount=LIMIT - 1).needs is Needs.NONE
    assert require(desk, amount=LIMIT).needs is Needs.SIGNATURE


def test_nothing_but_a_transfer_is_signed(desk: Desk) -> None:
    offer(desk, LOGIN=When.ALWAYS, BILL_PAYMENT=When.ALWAYS)
    active(desk)
    for operation in (Operation.LOGIN, Operation.BILL_PAYMENT):
        assert require(desk, operation).needs is Needs.OTP


def test_a_bank_that_does_not_offer_it_asks_for_codes(desk: Desk) -> None:
    desk.change_policy(signing=Signing(from_amount=1))
    active(desk)
    for amount in (None, 1, LIMIT):
        assert require(desk, amount=amount).needs is Needs.OTP


def test_a_token_that_cannot_sign_does_not_make_it_unnecessary(desk: Desk) -> None:
    offer(desk, TRANSFER=When.ALWAYS)
    active(desk, signs=False)
    assert require(desk) == Requirement(Needs.SIGNATURE, has_token=True, can_sign=False)


def test_a_locked_token_needs_it_too(desk: Desk) -> None:
    offer(desk, TRANSFER=When.ALWAYS)
    active(desk)
    for _ in range(3):
        desk.log_in(WRONG)
    assert require(desk) == Requirement(Needs.SIGNATURE, has_token=True, can_sign=True)


def test_without_a_token_in_use_nothing_can_be_signed(desk: Desk) -> None:
    offer(desk, TRANSFER=When.ALWAYS)
    nothing = Requirement(Needs.NONE, has_token=False, can_sign=False)
    assert require(desk) == nothing
    desk.issue()
    desk.provision()
    desk.run(
        "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length,"
        " key_version, wrap_format, blob, row_mac, -1 FROM tokens"
    )
    assert require(desk) == nothing


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_is_one_yen_at_least(desk: Desk, amount: int) -> None:
    with pytest.raises(InvalidField) as refused:
        require(desk, amount=amount)
    assert refused.value.field == "amount"


@pytest.mark.parametrize("operation", [Operation.LOGIN, Operation.BILL_PAYMENT])
def test_an_amount_goes_with_a_transfer_only(desk: Desk, operation: Operation) -> None:
    with pytest.raises(InvalidField) as refused:
        require(desk, operation, LIMIT)
    assert refused.value.field == "amount"
    assert str(LIMIT) not in str(refused.value)
