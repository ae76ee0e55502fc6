# SPDX-License-Identifier: Apache-2.0
"""A bank's line to the token authority."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

import grpc

from kagimori_client.api.verification.v1 import (
    transaction_pb2,
    verification_pb2,
    verification_pb2_grpc,
)
from kagimori_client.arguments import check_amount, check_operation, check_texts, id_of, uuid_of
from kagimori_client.batch import Offer, verify_all
from kagimori_client.connection import Connection
from kagimori_client.errors import KagimoriError
from kagimori_client.judging import judgement_of, request_of
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt
from kagimori_client.requirement import OtpRequirement, requirement_of
from kagimori_client.resynchronization import (
    Resynchronization,
    resync_request_of,
    resynchronization_of,
)
from kagimori_client.signing import (
    SigningProfile,
    TransactionChallenge,
    challenge_of,
    challenge_request_of,
    signature_of,
    signature_request_of,
)
from kagimori_client.transaction import Transaction

_VerifyOtp: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.VerifyOtpRequest, verification_pb2.VerifyOtpResponse]"
)
_BatchVerifyOtp: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.BatchVerifyOtpRequest, verification_pb2.BatchVerifyOtpResponse]"
)
_GetOtpRequirement: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.GetOtpRequirementRequest, verification_pb2.GetOtpRequirementResponse]"
)
_ResynchronizeToken: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "verification_pb2.ResynchronizeTokenRequest, verification_pb2.ResynchronizeTokenResponse]"
)
_CreateTransactionChallenge: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable[transaction_pb2.CreateTransactionChallengeRequest,"
    " transaction_pb2.CreateTransactionChallengeResponse]"
)
_VerifyTransaction: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "transaction_pb2.VerifyTransactionRequest, transaction_pb2.VerifyTransactionResponse]"
)


class BankChannel(Connection):
    """A mutually authenticated connection of one bank, role ``channel``.

    The bank is the one that the client certificate names. Share it between
    threads; use it as a context manager, or `close` it.
    """

    def _take(self, channel: grpc.Channel) -> None:
        stub = verification_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._verify_otp: _VerifyOtp = stub.VerifyOtp
        self._batch_verify_otp: _BatchVerifyOtp = stub.BatchVerifyOtp
        self._get_otp_requirement: _GetOtpRequirement = stub.GetOtpRequirement
        self._resynchronize_token: _ResynchronizeToken = stub.ResynchronizeToken
        self._create_challenge: _CreateTransactionChallenge = stub.CreateTransactionChallenge
        self._verify_transaction: _VerifyTransaction = stub.VerifyTransaction

    def verify(  # noqa: PLR0913 - all but the code by keyword
        self,
        code: str,
        *,
        subscriber_ref: str | None = None,
        serial: str | None = None,
        operation: Operation = Operation.LOGIN,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Return the receipt of an accepted ``code``, which is spent by this.

        RPC: kagimori.verification.v1.VerificationService/VerifyOtp.

        Name the token by ``subscriber_ref`` (the bank's own customer number, 1
        to 64 characters) or by ``serial`` (1 to 32 of ``[0-9A-Z]``), not both.
        ``code`` is sent exactly as typed: 6 to 10 ASCII digits.

        ``timeout`` is in seconds and covers everything, asking again included.
        A call without an answer is asked again within it, always under one
        ``request_id``: a fresh one, or the one given here to take up a call that
        ended in `Unavailable`. For ten minutes one request_id has one answer.

        Raise `OtpRejected`, `OtpReplayed`, `TokenLocked`, `TokenNotActive` or
        `UnknownToken` if the customer may not go on; `InvalidRequest`,
        `RequestIdReused`, `NotIdentified` or `NotAllowed` if the call is not
        right; `Unavailable` or `AuthorityFault` if there is no answer; and
        `TypeError` or `ValueError` for a ``request_id`` that is not a UUID or a
        ``timeout`` that is not a positive number.
        """
        asked_under = id_of(request_id)
        within = self._within(timeout)
        request = request_of(asked_under, subscriber_ref, serial, operation, code)
        response = self._ask(self._verify_otp, request, asked_under, within)
        judgement = judgement_of(response, asked_under)
        if isinstance(judgement, KagimoriError):
            raise judgement
        return judgement

    def verify_batch(
        self, offers: Sequence[Offer], *, timeout: float | None = None
    ) -> list[Receipt | KagimoriError]:
        """Return for each of ``offers``, in order, what `verify` returns or raises.

        RPC: kagimori.verification.v1.VerificationService/BatchVerifyOtp.

        For a bank's batch work: 1 to 256 offers, at most 64 KiB on the wire. Each
        stands for itself: a `Receipt`, or the `KagimoriError` that `verify` would
        have raised. ``timeout`` is in seconds and covers everything; within it
        the offers without an answer, and only those, are asked for again under
        their own request_id.

        Nothing is raised for a code that is no good: look at every answer. Raise
        `ValueError` for a batch that is too large or empty, or a ``timeout`` that
        is not positive, and `TypeError` for what is no `Offer`.
        """
        within = self._within(timeout)
        for offer in offers:
            _check_offer(offer)
        return verify_all(offers, self._send_batch, within)

    def requirement(
        self,
        subscriber_ref: str,
        operation: Operation,
        *,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> OtpRequirement:
        """Return whether this customer needs a code, or a signature, for ``operation`` now.

        RPC: kagimori.verification.v1.VerificationService/GetOtpRequirement.

        ``subscriber_ref`` is the bank's own customer number, 1 to 64 characters;
        one that the authority does not know has no token and needs no code.
        ``amount`` is the transfer's in yen, of a batch the total, and goes with
        ``Operation.TRANSFER`` only: where it is not told, the answer is that for a large
        one. ``timeout`` is in seconds and covers everything, asking again included.

        Raise `InvalidRequest`, `NotIdentified` or `NotAllowed` if the call is not
        right, `Unavailable` or `AuthorityFault` if there is no answer, which does
        not mean that no code is needed; and `TypeError` or `ValueError` for a
        ``timeout`` that is not a positive number.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        check_operation(None, operation)
        if amount is not None:
            check_amount(amount)
        request = verification_pb2.GetOtpRequirementRequest(
            subscriber_ref=subscriber_ref, operation=operation.value, amount=amount
        )
        response = self._ask(self._get_otp_requirement, request, None, timeout)
        return requirement_of(response)

    def resynchronize(  # noqa: PLR0913 - all but the codes by keyword
        self,
        first_code: str,
        second_code: str,
        *,
        subscriber_ref: str | None = None,
        serial: str | None = None,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Resynchronization:
        """Find a token again that has run away (同期ズレ補正), by two codes in a row.

        RPC: kagimori.verification.v1.VerificationService/ResynchronizeToken.

        The codes are those that the token showed one after the other, none of
        which was ever accepted; both are spent by this. **It lets nobody in**: the
        customer waits for the next code and offers that to `verify`. Name the token
        by ``subscriber_ref`` or by ``serial``, not both. Wrong codes count as at a
        login. ``request_id`` and ``timeout`` are as in `verify`.

        Raise `OtpRejected`, `TokenLocked`, `TokenNotActive` or `UnknownToken` if the
        token was not found by them, and whatever else `verify` raises.
        """
        asked_under = id_of(request_id)
        request = resync_request_of(asked_under, subscriber_ref, serial, first_code, second_code)
        response = self._ask(self._resynchronize_token, request, asked_under, timeout)
        return resynchronization_of(response, asked_under)

    def create_transaction_challenge(
        self,
        transaction: Transaction,
        *,
        subscriber_ref: str,
        profile: SigningProfile = SigningProfile.SCANNED,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> TransactionChallenge:
        """Return what the customer's token is to sign about ``transaction`` (取引確認).

        RPC: kagimori.verification.v1.VerificationService/CreateTransactionChallenge.

        Nothing is spent by it. Show the QR code of its ``text``, or with TYPED say what to
        type. ``request_id`` and ``timeout`` are as in `verify`: the same one gives the
        same challenge while that can be answered.

        Raise `NotOffered` where the bank's rules do not have this, or not this profile;
        `NoToken` or `CannotSign` if the customer has no token, or a hardware token;
        `ChallengeOver` for a request_id whose challenge is over; `InvalidRequest`,
        `RequestIdReused`, `NotIdentified` or `NotAllowed` if the call is not right;
        `Unavailable` or `AuthorityFault` if there is no answer, or one about another
        transaction than was asked for.
        """
        asked_under = id_of(request_id)
        request = challenge_request_of(asked_under, subscriber_ref, profile, transaction)
        response = self._ask(self._create_challenge, request, asked_under, timeout)
        return challenge_of(response, request, transaction, asked_under)

    def verify_transaction(  # noqa: PLR0913 - all but the code by keyword
        self,
        code: str,
        *,
        subscriber_ref: str,
        challenge: TransactionChallenge | UUID,
        transaction: Transaction,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Return the receipt of a signature over ``transaction``; its challenge is over by it.

        RPC: kagimori.verification.v1.VerificationService/VerifyTransaction.

        Tell the transaction that **will be carried out**, from where it will be taken: it
        must be, in every field, what the challenge is about. Name the ``challenge`` by
        the object or by its challenge_id. ``code`` is sent exactly as typed: 8 ASCII
        digits. The receipt's ``transaction_digest`` is the challenge's. ``request_id``
        and ``timeout`` are as in `verify`.

        Raise `TransactionChanged` if it is another transaction, and `ChallengeOver` for a
        challenge that was answered, is too old or is not this customer's token's: no
        code was looked at. Raise `OtpReplayed` (TYPED only) where a code of the same
        moment was accepted before, and whatever else `verify` raises.
        """
        asked_under = id_of(request_id)
        request = signature_request_of(asked_under, subscriber_ref, challenge, transaction, code)
        response = self._ask(self._verify_transaction, request, asked_under, timeout)
        return signature_of(response, challenge, asked_under)

    def _send_batch(
        self, batch: verification_pb2.BatchVerifyOtpRequest, seconds: float
    ) -> verification_pb2.BatchVerifyOtpResponse:
        return self._batch_verify_otp(batch, timeout=seconds)


def _check_offer(offer: object) -> None:
    if not isinstance(offer, Offer):
        msg = "offers must be kagimori_client.Offer"
        raise TypeError(msg)
    uuid_of(offer.request_id)
