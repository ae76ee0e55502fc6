# SPDX-License-Identifier: Apache-2.0
"""The bank's staff, when a customer calls."""

from __future__ import annotations

from typing import TypeAlias

import grpc

from kagimori_client.api.enrollment.v1 import (
    enrollment_pb2,
    enrollment_pb2_grpc,
    grid_card_pb2,
)
from kagimori_client.arguments import check_subject, check_texts
from kagimori_client.connection import ask_once
from kagimori_client.enrolling import EnrollmentLine

_Unlock: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "enrollment_pb2.UnlockTokenRequest, enrollment_pb2.UnlockTokenResponse]"
)

_UnlockCard: TypeAlias = (
    "grpc.UnaryUnaryMultiCallable["
    "grid_card_pb2.UnlockGridCardRequest, grid_card_pb2.UnlockGridCardResponse]"
)


class BankDesk(EnrollmentLine):
    """A connection of one of the bank's staff, role ``operator``; threads may share it.

    The certificate is a person's, and the authority's audit names it. Use it as a
    context manager, or `close` it.
    """

    def _take_from(self, stub: enrollment_pb2_grpc.EnrollmentServiceStub) -> None:
        self._unlock: _Unlock = stub.UnlockToken
        self._unlock_card: _UnlockCard = stub.UnlockGridCard

    def unlock(
        self,
        subscriber_ref: str | None = None,
        *,
        serial: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Give a locked token its attempts back; return when that is done.

        RPC: kagimori.enrollment.v1.EnrollmentService/UnlockToken.

        Name the token by ``subscriber_ref`` (the bank's own customer number, 1
        to 64 characters) or by ``serial`` (1 to 32 of ``[0-9A-Z]``), not both. A
        token that was not activated before is not activated by it, and the
        budget of the day stays spent. ``timeout`` is in seconds.

        It is asked for once and never again by itself: a second unlocking would
        give attempts that nobody decided on. After `Unavailable`, `status` tells
        whether it was done.

        Raise `NotLocked` or `NoToken` if there is nothing to unlock;
        `InvalidRequest`, `NotIdentified` or `NotAllowed` if the call is not right;
        `Unavailable` or `AuthorityFault` if there is no answer; and `TypeError` or
        `ValueError` for a ``timeout`` that is not a positive number.
        """
        check_subject(None, subscriber_ref=subscriber_ref, serial=serial)
        request = enrollment_pb2.UnlockTokenRequest(subscriber_ref=subscriber_ref, serial=serial)
        ask_once(self._unlock, request, None, self._within(timeout))

    def unlock_grid_card(self, subscriber_ref: str, *, timeout: float | None = None) -> None:
        """Give a customer's locked grid card its attempts back; return when that is done.

        RPC: kagimori.enrollment.v1.EnrollmentService/UnlockGridCard.

        The budget of the day stays spent. As `unlock`, it is asked for once and never
        again by itself.

        Raise `NotLocked` or `NoGridCard` if there is nothing to unlock, `NotOffered` if
        the bank has no such cards; otherwise as `unlock` does.
        """
        check_texts(None, subscriber_ref=subscriber_ref)
        request = grid_card_pb2.UnlockGridCardRequest(subscriber_ref=subscriber_ref)
        ask_once(self._unlock_card, request, None, self._within(timeout))
