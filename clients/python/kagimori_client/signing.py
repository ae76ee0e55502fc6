# SPDX-License-Identifier: Apache-2.0
"""取引確認: a challenge about a transaction, and the proof that it was signed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Final
from uuid import UUID

from kagimori_client.api.types.v1 import types_pb2
from kagimori_client.api.verification.v1 import transaction_pb2
from kagimori_client.arguments import check_texts
from kagimori_client.errors import AuthorityFault, InvalidRequest
from kagimori_client.judging import refusal_of
from kagimori_client.receipt import Receipt
from kagimori_client.transaction import InvalidTransaction, Transaction, Transfer, read

_DIGEST: Final = re.compile("[0-9a-f]{64}")


class SigningProfile(Enum):
    """How the customer's token learns what it signs (kagimori.verification.v1.SigningProfile)."""

    SCANNED = transaction_pb2.SIGNING_PROFILE_SCANNED
    """The app reads a QR code, which holds the whole transaction, and shows it."""
    TYPED = transaction_pb2.SIGNING_PROFILE_TYPED
    """The customer types the payee's account number and the amount, which is all that is bound."""


@dataclass(frozen=True, slots=True)
class TypedChallenge:
    """What the customer types on the token: first the account number, then the amount."""

    account: str = field(repr=False)
    amount: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransactionChallenge:
    """What the customer's token signs, until ``expires_at`` (aware, in UTC).

    SCANNED: ``text`` is the QR code's, to be drawn as it is, in UTF-8. TYPED: ``typed``
    is what the customer types. The other one is None. ``transaction_digest`` is SHA-256
    of the transaction's canonical encoding, in lower-case hexadecimal: the receipt will
    name it.
    """

    challenge_id: UUID
    text: str | None = field(repr=False)
    typed: TypedChallenge | None
    transaction_digest: str
    expires_at: datetime


def challenge_request_of(
    request_id: UUID, subscriber_ref: str, profile: SigningProfile, transaction: Transaction
) -> transaction_pb2.CreateTransactionChallengeRequest:
    """Return the message, or raise `InvalidRequest` for what can be no field of one."""
    check_texts(request_id, subscriber_ref=subscriber_ref)
    _check_profile(profile, request_id)
    return transaction_pb2.CreateTransactionChallengeRequest(
        request_id=str(request_id),
        subscriber_ref=subscriber_ref,
        profile=profile.value,
        transaction=_message_of(transaction, request_id),
    )


def signature_request_of(
    request_id: UUID,
    subscriber_ref: str,
    challenge: TransactionChallenge | UUID,
    transaction: Transaction,
    code: str,
) -> transaction_pb2.VerifyTransactionRequest:
    """Return the message, or raise `InvalidRequest` for what can be no field of one."""
    check_texts(request_id, subscriber_ref=subscriber_ref, code=code)
    return transaction_pb2.VerifyTransactionRequest(
        request_id=str(request_id),
        subscriber_ref=subscriber_ref,
        challenge_id=_challenge_id(challenge, request_id),
        transaction=_message_of(transaction, request_id),
        code=code,
    )


def challenge_of(
    response: transaction_pb2.CreateTransactionChallengeResponse,
    request: transaction_pb2.CreateTransactionChallengeRequest,
    transaction: Transaction,
    request_id: UUID,
) -> TransactionChallenge:
    """Return the challenge, or raise `AuthorityFault` where it is not about ``transaction``.

    The customer believes what a QR code holds: one about something else is never shown.
    """
    try:
        challenge_id = UUID(response.challenge_id)
    except ValueError:
        raise _unknown(request_id) from None
    is_scanned = request.profile == SigningProfile.SCANNED.value
    says_so = _is_text_of if is_scanned else _is_typed_of
    is_whole = response.HasField("expires_at") and _DIGEST.fullmatch(response.transaction_digest)
    if not is_whole or not says_so(response, transaction):
        raise _unknown(request_id)
    return TransactionChallenge(
        challenge_id,
        response.text if is_scanned else None,
        None if is_scanned else TypedChallenge(response.typed_account, response.typed_amount),
        response.transaction_digest,
        response.expires_at.ToDatetime(tzinfo=UTC),
    )


def signature_of(
    response: transaction_pb2.VerifyTransactionResponse,
    challenge: TransactionChallenge | UUID,
    request_id: UUID,
) -> Receipt:
    """Return the receipt; raise whatever is not ACCEPTED with a receipt of this transaction."""
    if response.outcome != types_pb2.OUTCOME_ACCEPTED or not response.HasField("receipt"):
        raise refusal_of(response, request_id)
    receipt = response.receipt
    digest = receipt.transaction_digest
    if isinstance(challenge, TransactionChallenge):
        is_its = digest == challenge.transaction_digest
    else:
        is_its = _DIGEST.fullmatch(digest) is not None
    if not is_its:
        raise _unknown(request_id)
    at = receipt.accepted_at.ToDatetime(tzinfo=UTC)
    return Receipt(receipt.number, at, transaction_digest=digest)


def _check_profile(profile: object, request_id: UUID) -> None:
    if not isinstance(profile, SigningProfile):
        msg = "must be a member of kagimori_client.SigningProfile"
        raise InvalidRequest("profile", msg, request_id)


def _challenge_id(challenge: object, request_id: UUID) -> str:
    named = challenge.challenge_id if isinstance(challenge, TransactionChallenge) else challenge
    if not isinstance(named, UUID):
        msg = "must be a kagimori_client.TransactionChallenge, or its challenge_id"
        raise InvalidRequest("challenge_id", msg, request_id)
    return str(named)


def _message_of(transaction: object, request_id: UUID) -> transaction_pb2.Transaction:
    if not isinstance(transaction, Transaction):
        msg = "must be a kagimori_client.Transaction"
        raise InvalidRequest("transaction", msg, request_id)
    return transaction_pb2.Transaction(
        transfers=[_transfer_of(each) for each in transaction.transfers],
        currency=transaction.currency,
    )


def _transfer_of(transfer: Transfer) -> transaction_pb2.Transfer:
    return transaction_pb2.Transfer(
        bank_code=transfer.bank_code,
        branch_code=transfer.branch_code,
        # 預金種目 has one number, on the wire and in the Zengin formats.
        account_type=transaction_pb2.AccountType.Name(transfer.account_type.number),
        account_number=transfer.account_number,
        payee_name=transfer.payee_name,
        amount=transfer.amount,
        reference=transfer.reference,
    )


def _is_text_of(
    response: transaction_pb2.CreateTransactionChallengeResponse, transaction: Transaction
) -> bool:
    """Return whether the text is the encoding of ``transaction`` in this very challenge."""
    try:
        held = read(response.text)
    except InvalidTransaction:
        return False
    digest = sha256(response.text.encode()).hexdigest()
    return (
        held.transaction == transaction
        and held.challenge_id == response.challenge_id
        and digest == response.transaction_digest
    )


def _is_typed_of(
    response: transaction_pb2.CreateTransactionChallengeResponse, transaction: Transaction
) -> bool:
    """Return whether what is typed is ``transaction``'s. It tells no service ID to encode."""
    typed = [(each.account_number, str(each.amount)) for each in transaction.transfers]
    return [(response.typed_account, response.typed_amount)] == typed


def _unknown(request_id: UUID) -> AuthorityFault:
    msg = "the authority's answer is not one that this client knows"
    return AuthorityFault(msg, request_id)
