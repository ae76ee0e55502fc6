# SPDX-License-Identifier: Apache-2.0
"""What is typed instead of scanned is bound to account, amount and moment."""

from __future__ import annotations

from typing import Final

import pytest

from kagimori_client import (
    BankChannel,
    InvalidRequest,
    OtpRejected,
    OtpReplayed,
    SigningProfile,
    Transaction,
)
from support.pages.bank_page import failure
from support.pages.signing_page import BATCH, OTHERS
from support.phones.signing import SigningToken
from support.served.signing_bank import (
    SigningBank,
    asked,
    offered,
    scanned_code,
)

pytestmark = pytest.mark.softhsm

TYPED: Final = SigningProfile.TYPED


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_what_is_typed_is_signed_for_its_moment(
    bank: SigningBank, core: BankChannel, app: SigningToken, steps: int
) -> None:
    challenge = asked(core, profile=TYPED)
    receipt = offered(core, challenge, bank.typed_code(app, challenge, steps))
    assert receipt.transaction_digest == challenge.transaction_digest
    # The same words once more: the code of that moment is spent, and the next one is not.
    second = asked(core, profile=TYPED)
    spent = bank.typed_code(app, second, steps)
    assert type(failure(lambda: offered(core, second, spent))) is OtpReplayed
    assert bank.row_of(app)["failures"] == 0
    bank.now += 60
    offered(core, second, bank.typed_code(app, second))


def test_what_is_typed_is_not_signed_for_another_moment_amount_or_account(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    challenge = asked(core, profile=TYPED)
    near = {bank.typed_code(app, challenge, steps) for steps in range(-3, 4)}
    theirs = [
        bank.typed_code(app, asked(core, Transaction((other,)), profile=TYPED))
        for other in (OTHERS[5], OTHERS[3])
    ]
    for code in (bank.typed_code(app, challenge, 20), *theirs):
        if code not in near:
            assert type(failure(lambda: offered(core, challenge, code))) is OtpRejected  # noqa: B023 - called here
    # What is scanned has no moment, and is another question.
    scanned = asked(core)
    code = scanned_code(app, scanned)
    if code not in near:
        assert type(failure(lambda: offered(core, challenge, code))) is OtpRejected


def test_a_batch_cannot_be_typed(core: BankChannel, app: SigningToken) -> None:
    assert app
    error = failure(lambda: asked(core, BATCH, profile=TYPED))
    assert isinstance(error, InvalidRequest)
    assert error.field == "transaction.transfers"
