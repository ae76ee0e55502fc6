# SPDX-License-Identifier: Apache-2.0
"""Transactions as a bank's code and the customer's app have them."""

from __future__ import annotations

from typing import Any, Final

from kagimori_client.transaction import AccountType, Transaction, Transfer

SERVICE_ID: Final = "10112231"
"""The bank of `support.phones.software_tokens`."""
CHALLENGE_ID: Final = "7d444840-9dc0-41d1-b245-5ffdce74fad2"
PAYEE: Final = "ｶ)ｸﾏﾓﾄｼﾖｳｶｲ"
TEXT: Final = (
    "KAGIMORI-T1\n"
    f"{SERVICE_ID} {CHALLENGE_ID}\n"
    "JPY 1 1234567\n"
    "0310 001 2 0000042 1234567\n"
    "ｾｲｷﾕｳ 7-11\n"
    f"{PAYEE}"
)
"""Written by hand: the text of `transaction()`."""


def transfer(**changes: Any) -> Transfer:  # noqa: ANN401 - any field
    usual: dict[str, Any] = {
        "bank_code": "0310",
        "branch_code": "001",
        "account_type": AccountType.CURRENT,
        "account_number": "0000042",
        "payee_name": PAYEE,
        "amount": 1_234_567,
        "reference": "ｾｲｷﾕｳ 7-11",
    }
    return Transfer(**(usual | changes))


def transaction(*transfers: Transfer) -> Transaction:
    return Transaction(transfers or (transfer(),))


def text_of(*transfers: Transfer, service_id: str = SERVICE_ID) -> str:
    return transaction(*transfers).encoded(service_id, CHALLENGE_ID)
