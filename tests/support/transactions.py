# SPDX-License-Identifier: Apache-2.0
"""Transactions of tests, and those that were encoded by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import kagimori_client.transaction as client
from kagimori.domain.transaction import AccountType, Challenge, Transaction, Transfer

SERVICE_ID: Final = "10112231"
CHALLENGE_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcdef"

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "transactions.json").read_text("utf-8")
)
"""Challenges with their texts and SHA-256, and what is refused; see the file."""

TRANSFER: Final = Transfer(
    "0001", "123", AccountType.ORDINARY, "1234567", "ﾔﾏﾀﾞ ﾊﾅｺ", 150_000, "INVOICE 42"
)


def transfer(**changes: Any) -> Transfer:  # noqa: ANN401 - any field
    return replace(TRANSFER, **changes)


def transaction(*transfers: Transfer, **changes: Any) -> Transaction:  # noqa: ANN401 - any field
    """Return a transaction of ``transfers``, or of one that has ``changes``."""
    return Transaction(transfers or (transfer(**changes),))


def challenge(
    about: Transaction | None = None, tenant: str = SERVICE_ID, challenge_id: str = CHALLENGE_ID
) -> Challenge:
    return Challenge(tenant, challenge_id, about or transaction())


def listed(vector: Mapping[str, Any]) -> Challenge:
    """Return the challenge of a vector."""
    transfers = tuple(_transfer(each) for each in vector["transfers"])
    return Challenge(
        vector.get("service_id", SERVICE_ID),
        vector.get("challenge_id", CHALLENGE_ID),
        Transaction(transfers),
    )


def encoded_by_app(of: Challenge) -> str:
    """Return the text that the app knows for it; raise as the app does."""
    transfers = tuple(
        client.Transfer(
            each.bank,
            each.branch,
            client.AccountType(each.account_type.value),
            each.account_number,
            each.payee_name,
            each.amount,
            each.reference,
        )
        for each in of.transaction.transfers
    )
    return client.Transaction(transfers).encoded(of.tenant, of.challenge_id)


def read_by_app(text: str) -> Challenge:
    """Return what the app reads, as the authority has it; raise as the app does."""
    said = client.read(text)
    transfers = tuple(
        Transfer(
            each.bank_code,
            each.branch_code,
            AccountType(each.account_type.value),
            each.account_number,
            each.payee_name,
            each.amount,
            each.reference,
        )
        for each in said.transaction.transfers
    )
    return Challenge(said.service_id, said.challenge_id, Transaction(transfers))


def _transfer(vector: Mapping[str, Any]) -> Transfer:
    return Transfer(
        vector["bank_code"],
        vector["branch_code"],
        AccountType(vector["account_type"]),
        vector["account_number"],
        vector["payee_name"],
        vector["amount"],
        vector["reference"],
    )
