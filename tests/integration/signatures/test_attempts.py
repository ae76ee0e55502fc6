# SPDX-License-Identifier: Apache-2.0
"""Codes of transfers and of logins are counted together, and neither is good for the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from kagimori_client import (
    BankChannel,
    ChallengeOver,
    Operation,
    OtpRejected,
    RequestIdReused,
    Requirement,
    TokenLocked,
    Transaction,
)
from support.pages.bank_page import failure
from support.pages.signing_page import OTHERS
from support.phones.signing import SigningToken
from support.served.signing_bank import (
    CUSTOMER,
    SigningBank,
    asked,
    offered,
    refused,
    scanned_code,
    wrong_codes,
)

pytestmark = pytest.mark.softhsm


def test_wrong_codes_lock_the_token_for_transfers_and_logins(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    challenge = asked(core)
    wrong = wrong_codes(app, challenge)
    left = [refused(lambda: offered(core, challenge, code)).attempts_left for code in wrong[:4]]  # noqa: B023 - called here
    assert left == [4, 3, 2, 1]
    assert type(failure(lambda: offered(core, challenge, wrong[4]))) is TokenLocked
    right = scanned_code(app, challenge)
    assert type(failure(lambda: offered(core, challenge, right))) is TokenLocked
    login = app.login_code(int(bank.now) // 60)
    assert type(failure(lambda: core.verify(login, subscriber_ref=CUSTOMER))) is TokenLocked
    # A challenge can be made; that the token is locked is told by what becomes of its code.
    assert core.requirement(CUSTOMER, Operation.TRANSFER).needs is Requirement.SIGNATURE
    later = asked(core)
    code = scanned_code(app, later)
    assert type(failure(lambda: offered(core, later, code))) is TokenLocked


def test_a_right_code_of_either_kind_forgives_wrong_ones_of_both(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    step = int(bank.now) // 60
    challenge = asked(core)
    refused(lambda: offered(core, challenge, wrong_codes(app, challenge)[0]))
    core.verify(app.login_code(step), subscriber_ref=CUSTOMER)
    before = bank.row_of(app)
    assert before["failures"] == 0
    offered(core, challenge, scanned_code(app, challenge))
    after = bank.row_of(app)
    assert (after["last_step"], after["drift"]) == (before["last_step"], before["drift"])


def test_neither_kind_of_code_is_good_for_the_other(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    steps = range(int(bank.now) // 60 - 3, int(bank.now) // 60 + 4)
    logins = [app.login_code(step) for step in steps]
    while (code := scanned_code(app, challenge := asked(core))) in logins:
        pass
    assert type(refused(lambda: offered(core, challenge, logins[3]))) is OtpRejected
    assert type(refused(lambda: core.verify(code, subscriber_ref=CUSTOMER))) is OtpRejected


def test_one_request_id_is_one_challenge_and_one_receipt(
    core: BankChannel, app: SigningToken
) -> None:
    making, signing = uuid4(), uuid4()
    challenge = asked(core, request_id=making)
    assert asked(core, request_id=making) == challenge
    other = Transaction((OTHERS[5],))
    assert type(failure(lambda: asked(core, other, request_id=making))) is RequestIdReused
    code = scanned_code(app, challenge)
    receipt = offered(core, challenge, code, request_id=signing)
    assert offered(core, challenge, code, request_id=signing) == receipt
    wrong, second = wrong_codes(app, challenge)[0], asked(core)
    for words in ({"code": wrong}, {"challenge": second}):
        named: dict[str, Any] = {"challenge": challenge, "code": code, **words}
        error = failure(lambda: offered(core, request_id=signing, **named))  # noqa: B023 - called here
        assert type(error) is RequestIdReused
    # The challenge of the first request is answered by now.
    assert type(failure(lambda: asked(core, request_id=making))) is ChallengeOver


def test_the_receipts_of_logins_and_of_transfers_rise_together(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    numbers = []
    for step in range(2):
        login = app.login_code(int(bank.now) // 60 + step)
        numbers.append(core.verify(login, subscriber_ref=CUSTOMER).number)
        challenge = asked(core)
        numbers.append(offered(core, challenge, scanned_code(app, challenge)).number)
    assert all(earlier < later for earlier, later in pairwise(numbers))
