# SPDX-License-Identifier: Apache-2.0
"""What a customer is asked to sign on a bank's page, and what an authority answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2
from kagimori_client import AccountType, Transaction, Transfer

AT: Final = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
CHALLENGE_ID: Final = UUID("0192b3c4-5d6e-7f80-9123-456789abcde0")
CODE: Final = "75522493"
PAYEE: Final = "ｸﾏﾓﾄ ﾊﾅｺ"
TRANSFER: Final = Transfer(
    "0001", "023", AccountType.SAVINGS, "4567890", PAYEE, 1_234_567, "INVOICE 42"
)
TRANSACTION: Final = Transaction((TRANSFER,))
OTHERS: Final = [
    replace(TRANSFER, bank_code="0002"),
    replace(TRANSFER, branch_code="024"),
    replace(TRANSFER, account_type=AccountType.ORDINARY),
    replace(TRANSFER, account_number="4567891"),
    replace(TRANSFER, payee_name="ｸﾏﾓﾄ ﾊﾅｴ"),
    replace(TRANSFER, amount=1_234_568),
    replace(TRANSFER, reference="INVOICE 43"),
]
"""The same transfer with another value in one field, of all the fields."""

BATCH: Final = Transaction((TRANSFER, OTHERS[5], OTHERS[4]))

SECRETS: Final = (CODE, PAYEE, "4567890", "1234567", "INVOICE 42")

# Written by hand, and what sha256sum says of it.
TEXT: Final = (
    "KAGIMORI-T1\n10112231 0192b3c4-5d6e-7f80-9123-456789abcde0\nJPY 1 1234567\n"
    "0001 023 4 4567890 1234567\nINVOICE 42\nｸﾏﾓﾄ ﾊﾅｺ"
)
DIGEST: Final = "3e52554c902e00a3cecef01151a3820128758ea96ef612190286da3077edd19e"


def scanned(**changed: Any) -> transaction_pb2.CreateTransactionChallengeResponse:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "challenge_id": str(CHALLENGE_ID),
        "text": TEXT,
        "transaction_digest": DIGEST,
        "expires_at": AT,
        **changed,
    }
    return transaction_pb2.CreateTransactionChallengeResponse(**fields)


def typed(**changed: Any) -> transaction_pb2.CreateTransactionChallengeResponse:  # noqa: ANN401 - any field
    fields = {"text": "", "typed_account": "4567890", "typed_amount": "1234567", **changed}
    return scanned(**fields)


def signed(**changed: Any) -> transaction_pb2.VerifyTransactionResponse:  # noqa: ANN401 - of the receipt
    fields: dict[str, Any] = {
        "number": "1234567",
        "accepted_at": AT,
        "transaction_digest": DIGEST,
        **changed,
    }
    return transaction_pb2.VerifyTransactionResponse(
        outcome=types_pb2.OUTCOME_ACCEPTED, receipt=types_pb2.Receipt(**fields), attempts_left=5
    )
