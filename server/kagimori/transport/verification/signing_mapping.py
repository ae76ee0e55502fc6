# SPDX-License-Identifier: Apache-2.0
"""Between the words of 取引確認 and the domain's, by hand: it is on the path of every transfer.

What a field may hold is the domain's to say, by the same names: here only what the
domain has no word for is refused.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from kagimori.api.verification.v1 import transaction_pb2
from kagimori.application.signing.create import MadeChallenge
from kagimori.domain.errors import InvalidField
from kagimori.domain.outcome import Verdict
from kagimori.domain.transaction import (
    AccountType,
    Currency,
    SigningProfile,
    Transaction,
    Transfer,
    typed,
)
from kagimori.transport.mapping import timestamp_of, write_answer

MOST_TRANSFERS: Final = 100
"""More than any text can hold: nobody may have thousands of them encoded to learn that."""

_ACCOUNT_TYPES: Final = {
    transaction_pb2.AccountType.Value(f"ACCOUNT_TYPE_{kind.name}"): kind for kind in AccountType
}
_PROFILES: Final = {
    transaction_pb2.SigningProfile.Value(f"SIGNING_PROFILE_{profile}"): profile
    for profile in SigningProfile
}
_CURRENCIES: Final = {currency.value: currency for currency in Currency}

_HasTransaction: TypeAlias = (
    "transaction_pb2.CreateTransactionChallengeRequest | transaction_pb2.VerifyTransactionRequest"
)


def profile_of(number: int) -> SigningProfile:
    """Return how the token is to learn what it signs, or raise `InvalidField`."""
    profile = _PROFILES.get(number)
    if profile is None:
        raise InvalidField("profile", "must be SCANNED or TYPED")
    return profile


def transaction_of(request: _HasTransaction) -> Transaction:
    """Return what is to be signed, or raise `InvalidField` for what can be no word of ours."""
    if not request.HasField("transaction"):
        raise InvalidField("transaction", "is required")
    told = request.transaction
    currency = _CURRENCIES.get(told.currency)
    if currency is None:
        raise InvalidField("transaction.currency", "must be JPY")
    transfers = told.transfers
    if len(transfers) > MOST_TRANSFERS:
        raise InvalidField("transaction.transfers", f"must be at most {MOST_TRANSFERS}")
    read = [_transfer_of(transfer, number) for number, transfer in enumerate(transfers)]
    return Transaction(tuple(read), currency)


def challenge_of(made: MadeChallenge) -> transaction_pb2.CreateTransactionChallengeResponse:
    """Return ``made`` in the words of the API."""
    challenge = made.challenge
    answer = transaction_pb2.CreateTransactionChallengeResponse(
        challenge_id=challenge.challenge_id,
        transaction_digest=challenge.digest.hex(),
        expires_at=timestamp_of(made.expires_at),
    )
    if made.profile is SigningProfile.SCANNED:
        answer.text = challenge.text
    else:
        answer.typed_account, answer.typed_amount = typed(challenge.transaction)
    return answer


def signature_of(verdict: Verdict, digest: str) -> transaction_pb2.VerifyTransactionResponse:
    """Return ``verdict`` in the words of the API; its receipt names the ``digest``."""
    answer = transaction_pb2.VerifyTransactionResponse()
    write_answer(verdict, answer)
    if verdict.receipt is not None:
        answer.receipt.transaction_digest = digest
    return answer


def _transfer_of(told: transaction_pb2.Transfer, number: int) -> Transfer:
    account_type = _ACCOUNT_TYPES.get(told.account_type)
    if account_type is None:
        field = f"transaction.transfers[{number}].account_type"
        raise InvalidField(field, "must be ORDINARY, CURRENT, SAVINGS or OTHER")
    return Transfer(
        told.bank_code,
        told.branch_code,
        account_type,
        told.account_number,
        told.payee_name,
        told.amount,
        told.reference,
    )
