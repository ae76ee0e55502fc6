# SPDX-License-Identifier: Apache-2.0
"""The bank's pages for its customers: tokens given out, registered and taken back."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import grpc

from kagimori_client.api.enrollment.v1 import enrollment_pb2, enrollment_pb2_grpc
from kagimori_client.arguments import check_texts, id_of
from kagimori_client.enrolling import enrollment_of
from kagimori_client.enrollment import Enrollment, EnrollmentStatus
from kagimori_client.errors import KagimoriError
from kagimori_client.judging import judgement_of
from kagimori_client.receipt import Receipt
from kagimori_client.serial_tokens import SerialTokens

_Issue: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.IssueSoftwareTokenRequest, enrollment_pb2.IssueSoftwareTokenResponse]"
)
_Activate: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.ActivateTokenRequest, enrollment_pb2.ActivateTokenResponse]"
)
_Deregister: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.DeregisterTokenRequest, enrollment_pb2.DeregisterTokenResponse]"
)


class TokenRegistrar(SerialTokens):
    """A bank's connection for enrolments, role ``registrar``; share it between threads.

    A token comes to a customer by mail (`issue`, `activate`, `deregister`), or he has
    it and names it by its serial number (`register_token`, `begin_replacement`,
    `complete_replacement`, `terminate`): which of the two the bank's rules say.

    The bank is the one that the client certificate names. Use it as a context
    manager, or `close` it.

    Everywhere ``subscriber_ref`` is the bank's own customer number, 1 to 64
    characters, and ``timeout`` is in seconds and covers everything, asking again
    included. Besides what each method names, all raise `InvalidRequest`,
    `NotIdentified` or `NotAllowed` if the call is not right, and `Unavailable`
    or `AuthorityFault` if there is no answer; and `TypeError` or `ValueError` for
    a ``request_id`` that is not a UUID or a ``timeout`` that is not a positive
    number.
    """

    def _take_from(self, stub: enrollment_pb2_grpc.EnrollmentServiceStub) -> None:
        super()._take_from(stub)
        self._issue: _Issue = stub.IssueSoftwareToken
        self._activate: _Activate = stub.ActivateToken
        self._deregister: _Deregister = stub.DeregisterToken

    def issue(
        self,
        subscriber_ref: str,
        mail_address: str,
        activation_password: str,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Enrollment:
        """Begin an enrolment (トークン発行); the authority writes the customer a mail.

        RPC: kagimori.enrollment.v1.EnrollmentService/IssueSoftwareToken.

        ``mail_address`` is ASCII (RFC 5321 §4.1.2); ``activation_password``
        (利用開始パスワード) is 4 to 8 ASCII digits. The page compares what the
        customer typed twice. Return the enrolment, ISSUED: show its
        ``service_id`` and ``user_id``, and that the set-up is not finished yet.

        A call without an answer is asked again, always under one ``request_id``:
        a fresh one, or the one given here to take up a call that ended in
        `Unavailable`. It begins one enrolment, and one mail is sent for it.

        Raise `LiveToken`, `ReissueTooEarly` or `NotOffered` if the customer
        cannot have one now.
        """
        asked_under = id_of(request_id)
        check_texts(
            asked_under,
            subscriber_ref=subscriber_ref,
            mail_address=mail_address,
            activation_password=activation_password,
        )
        request = enrollment_pb2.IssueSoftwareTokenRequest(
            request_id=str(asked_under),
            subscriber_ref=subscriber_ref,
            mail_address=mail_address,
            activation_password=activation_password,
        )
        response = self._ask(self._issue, request, asked_under, timeout)
        return enrollment_of(response.enrollment, asked_under, expected=EnrollmentStatus.ISSUED)

    def activate(
        self,
        subscriber_ref: str,
        code: str,
        *,
        request_id: UUID | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Take a token into use (利用開始) by one ``code``, which is spent by this.

        RPC: kagimori.enrollment.v1.EnrollmentService/ActivateToken.

        ``code`` is sent exactly as typed: ASCII digits. It cannot log in
        afterwards; a wrong one counts as at a login. Asked again and taken up
        under one ``request_id`` as `BankChannel.verify` is.

        Raise `OtpRejected`, `OtpReplayed` or `TokenLocked` if the code is no
        good; `NotProvisioned`, `AlreadyActive` or `NoToken` if there is nothing
        to activate now.
        """
        asked_under = id_of(request_id)
        check_texts(asked_under, subscriber_ref=subscriber_ref, code=code)
        request = enrollment_pb2.ActivateTokenRequest(
            request_id=str(asked_under), subscriber_ref=subscriber_ref, code=code
        )
        response = self._ask(self._activate, request, asked_under, timeout)
        judgement = judgement_of(response, asked_under)
        if isinstance(judgement, KagimoriError):
            raise judgement
        return judgement

    def deregister(self, subscriber_ref: str, *, timeout: float | None = None) -> Enrollment:
        """End the enrolment (利用解除); the token is destroyed for good.

        RPC: kagimori.enrollment.v1.EnrollmentService/DeregisterToken.

        Return the enrolment, RELEASED; ``reissue_from`` is the first day on which
        a new token may be issued. It can be called again: the answer is the same.

        Raise `NoToken` if there is nothing to end.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        request = enrollment_pb2.DeregisterTokenRequest(subscriber_ref=subscriber_ref)
        response = self._ask(self._deregister, request, None, timeout)
        return enrollment_of(response.enrollment, None, expected=EnrollmentStatus.RELEASED)
