# SPDX-License-Identifier: Apache-2.0
"""What is carried out is what was signed, which is what was shown, once.

The whole way: the bank's client, TLS, the engine, a database and an HSM; openssl signs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from development.openssl_ocra import code_of_text
from kagimori_client import (
    BankChannel,
    ChallengeOver,
    OtpRejected,
    Transaction,
    TransactionChanged,
    Transfer,
)
from kagimori_client.token.record import Seeds
from support.pages.bank_page import failure
from support.pages.signing_page import BATCH, OTHERS, SECRETS, TRANSFER
from support.phones.signing import SigningToken
from support.phones.software_tokens import token as app_of
from support.served.signing_bank import (
    CUSTOMER,
    MINUTES,
    SigningBank,
    asked,
    offered,
    refused,
    scanned_code,
    wrong_codes,
)
from support.tokens import OTHER_TENANT, TENANT

pytestmark = pytest.mark.softhsm

OTHER_CUSTOMER: Final = "customer-4712"


def states(bank: SigningBank) -> list[str]:
    return [row["state"] for row in bank.database.run("SELECT state FROM challenges")]


def test_a_signed_transfer_has_a_receipt_that_names_it(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    challenge = asked(core)
    assert challenge.text is not None
    digest = sha256(challenge.text.encode()).hexdigest()
    left = challenge.expires_at - datetime.now(UTC)
    assert timedelta(minutes=MINUTES - 1) < left < timedelta(minutes=MINUTES + 1)
    receipt = offered(core, challenge, scanned_code(app, challenge))
    assert receipt.transaction_digest == challenge.transaction_digest == digest
    assert len(receipt.number) == 7
    (audited,) = bank.database.run(
        "SELECT * FROM audit WHERE operation = 'SIGNATURE' AND action = 'VERIFY'"
    )
    assert (audited["outcome"], audited["transaction_digest"]) == ("ACCEPTED", digest)
    assert audited["receipt_number"] == int(receipt.number)
    assert states(bank) == ["USED"]


def test_the_customers_own_app_signs_what_it_shows(
    core: BankChannel, app: SigningToken, tmp_path: Path
) -> None:
    phone = app_of(
        tmp_path,
        service_id=TENANT,
        transaction_signing=True,
        seeds=Seeds(app.login_seed, app.signing_seed),
    )
    challenge = asked(core, BATCH)
    assert challenge.text is not None
    shown = phone.read_transaction(challenge.text)
    assert (shown.transfers, shown.total) == (BATCH.transfers, 3_703_702)
    receipt = offered(core, challenge, phone.sign(shown), transaction=BATCH)
    assert receipt.transaction_digest == challenge.transaction_digest


@pytest.mark.parametrize("other", OTHERS, ids=range(len(OTHERS)))
def test_a_transfer_that_was_changed_after_it_was_signed_is_not_carried_out(
    bank: SigningBank, core: BankChannel, app: SigningToken, other: Transfer
) -> None:
    challenge = asked(core)
    code, before = scanned_code(app, challenge), bank.row_of(app)
    changed = Transaction((other,))
    error = failure(lambda: offered(core, challenge, code, transaction=changed))
    assert type(error) is TransactionChanged
    assert bank.row_of(app) == before
    # It is open for what was signed.
    offered(core, challenge, code)


@pytest.mark.parametrize("other", OTHERS, ids=range(len(OTHERS)))
def test_a_code_over_another_transfer_is_wrong(
    core: BankChannel, app: SigningToken, other: Transfer
) -> None:
    while True:
        challenge = asked(core)
        text = Transaction((other,)).encoded(TENANT, str(challenge.challenge_id))
        code = code_of_text(app.signing_seed, text)
        # The two are alike once in a hundred million times.
        if code != scanned_code(app, challenge):
            break
    error = refused(lambda: offered(core, challenge, code))
    assert (type(error), error.attempts_left) == (OtpRejected, 4)
    offered(core, challenge, scanned_code(app, challenge))


def test_a_batch_is_signed_as_a_whole(core: BankChannel, app: SigningToken) -> None:
    challenge = asked(core, BATCH)
    code = scanned_code(app, challenge)
    first, second, third = BATCH.transfers
    for transfers in ((second, first, third), (first, second), (*BATCH.transfers, first)):
        other = Transaction(transfers)
        error = failure(lambda: offered(core, challenge, code, transaction=other))  # noqa: B023 - called here
        assert type(error) is TransactionChanged
    offered(core, challenge, code, transaction=BATCH)


def test_a_challenge_is_answered_once(core: BankChannel, app: SigningToken) -> None:
    challenge = asked(core)
    code = scanned_code(app, challenge)
    offered(core, challenge, code)
    for again in (code, wrong_codes(app, challenge)[0]):
        assert type(failure(lambda: offered(core, challenge, again))) is ChallengeOver  # noqa: B023 - called here
    # The same transfer once more is another challenge, and has a code of its own.
    second = asked(core)
    assert second.text != challenge.text
    offered(core, second, scanned_code(app, second))


def test_a_challenge_that_is_too_old_is_over(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    challenge, before = asked(core), bank.row_of(app)
    bank.database.run("UPDATE challenges SET expires_at = 1")
    code = scanned_code(app, challenge)
    assert type(failure(lambda: offered(core, challenge, code))) is ChallengeOver
    assert bank.row_of(app) == before


@pytest.mark.usefixtures("app")
def test_another_customers_challenge_is_no_challenge(bank: SigningBank, core: BankChannel) -> None:
    theirs = bank.enrol(OTHER_CUSTOMER)
    mine = asked(core)
    code = scanned_code(theirs, mine)
    error = failure(lambda: offered(core, mine, code, subscriber_ref=OTHER_CUSTOMER))
    assert type(error) is ChallengeOver
    assert bank.row_of(theirs)["failures"] == 0


def test_another_banks_challenge_is_no_challenge(
    bank: SigningBank, core: BankChannel, app: SigningToken
) -> None:
    bank.enrol(tenant=OTHER_TENANT)
    others = bank.connect(BankChannel, "channel", OTHER_TENANT)
    challenge = asked(core)
    code = scanned_code(app, challenge)
    # Not even its digest is the same: the text names the bank.
    assert type(failure(lambda: offered(others, challenge, code))) is ChallengeOver
    assert type(failure(lambda: offered(core, asked(others), code))) is ChallengeOver
    offered(core, challenge, code)


def test_a_bank_that_keeps_customers_as_digests_has_transfers_signed(bank: SigningBank) -> None:
    core, app = bank.connect(BankChannel, "channel", OTHER_TENANT), bank.enrol(tenant=OTHER_TENANT)
    challenge = asked(core)
    offered(core, challenge, scanned_code(app, challenge))
    assert CUSTOMER not in json.dumps(bank.database.run("SELECT * FROM challenges"), default=str)


def test_neither_the_log_nor_the_database_has_what_was_paid(
    core: BankChannel, app: SigningToken, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        challenge = asked(core)
        code = scanned_code(app, challenge)
        changed = Transaction((replace(TRANSFER, amount=7_654_321),))
        failure(lambda: offered(core, challenge, code, transaction=changed))
        refused(lambda: offered(core, challenge, wrong_codes(app, challenge)[0]))
        offered(core, challenge, code)
    made, stopped, wrong, done = logs
    for entry in logs:
        assert entry["operation"] == "SIGNATURE"
        assert entry["challenge_id"] == str(challenge.challenge_id)
        assert entry["request_id"]
    assert (made["status"], stopped["reason"]) == ("OK", "TRANSACTION_CHANGED")
    assert (wrong["outcome"], done["outcome"]) == ("REJECTED", "ACCEPTED")
    told = json.dumps(logs, default=str, ensure_ascii=False)
    secrets = (*SECRETS, code, CUSTOMER, "7654321", challenge.text or "")
    assert not [secret for secret in secrets if secret in told]
    kept = b"".join(each.read_bytes() for each in tmp_path.glob("*.db*"))
    assert challenge.transaction_digest.encode() in kept
    paid = ("ｸﾏﾓﾄ", "INVOICE", "4567890", "1234567", code)
    assert not [secret for secret in paid if secret.encode() in kept]
