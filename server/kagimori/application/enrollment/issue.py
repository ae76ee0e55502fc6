# SPDX-License-Identifier: Apache-2.0
"""トークン発行: a customer gets a user ID, and a letter with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import uuid4

from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.enrollment.ports import (
    Customer,
    EnrollmentStore,
    NewEnrollment,
    Stale,
)
from kagimori.application.enrollment.standing import (
    Standing,
    first_day_of,
    standing_of,
    status_of,
    while_stale,
)
from kagimori.application.notification.letter import Letter, message_id
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.calendar import day_of
from kagimori.domain.enrollment import ActivationPassword, LetterKind, LetterState, mail_address
from kagimori.domain.errors import LiveToken, NotOffered, ReissueTooEarly, RequestIdReused
from kagimori.domain.lifecycle import IllegalTransition, Status, Step, status_after
from kagimori.domain.tenant import MailTemplate, TenantPolicy
from kagimori.domain.token import CustodyLabel

_SMALLEST: Final = 10**11


def new_user_id() -> str:
    """Return 12 random digits, the first of which is no zero."""
    return str(_SMALLEST + secrets.randbelow(9 * _SMALLEST))


@dataclass(frozen=True, slots=True)
class IssueOrder:
    """What the customer typed on the bank's page. ``request_id`` is a UUID."""

    request_id: str
    subscriber_ref: str = field(repr=False)
    mail_address: str = field(repr=False)
    password: ActivationPassword


@dataclass(frozen=True, slots=True)
class _Wish:
    """An order as the database knows it."""

    caller: Caller
    policy: TenantPolicy
    mail: MailTemplate
    order: IssueOrder
    subscriber: str = field(repr=False)
    fingerprint: bytes = field(repr=False)


class IssueSoftwareToken:
    """The use case behind ``IssueSoftwareToken``."""

    def __init__(  # noqa: PLR0913 - two of them are for tests
        self,
        store: EnrollmentStore,
        digests: Fingerprints,
        passwords: Passwords,
        policies: Policies,
        *,
        draw_user_id: Callable[[], str] = new_user_id,
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        """``policies`` is by service ID; ``new_id`` names letters by fresh UUIDs."""
        self._store = store
        self._digests = digests
        self._passwords = passwords
        self._policies = policies
        self._draw_user_id = draw_user_id
        self._new_id = new_id

    async def __call__(self, caller: Caller, order: IssueOrder) -> Standing:
        """Begin an enrolment; it is durable, and its letter in the outbox.

        The same order again gives the same answer as long as the enrolment is
        ISSUED by it. Raises `InvalidField`, `NotOffered`, `LiveToken`,
        `ReissueTooEarly`, `RequestIdReused`, `HsmUnavailable` or
        `StoreUnavailable`; nothing was changed then, or it is not known.
        """
        policy = policy_of(self._policies, caller.tenant)
        mail_address(order.mail_address)
        wish = _Wish(
            caller,
            policy,
            _template(policy),
            order,
            kept_name(self._digests, policy, order.subscriber_ref),
            self._digests.fingerprint(caller.tenant, _message(order)),
        )
        return await while_stale(lambda: self._attempt(wish))

    async def _attempt(self, wish: _Wish) -> Standing | Stale:
        customer = await self._store.customer(wish.caller.tenant, BySubscriber(wish.subscriber))
        if await self._is_issued(wish, customer):
            return standing_of(customer, wish.policy)
        _require_issuable(wish.policy, customer)
        return await self._issue(wish, customer)

    async def _is_issued(self, wish: _Wish, customer: Customer) -> bool:
        """Return whether this very order was carried out, and nothing has happened since."""
        enrolled, order = customer.enrolled, wish.order
        if enrolled is None or enrolled.request_id != order.request_id:
            return False
        if status_of(customer) is not Status.ISSUED:
            return False
        # The password is in no digest: it would be a quicker way to guess it.
        same = enrolled.fingerprint == wish.fingerprint and await self._passwords.is_right(
            wish.caller.tenant, enrolled.user_id, order.password, enrolled.password
        )
        if not same:
            raise RequestIdReused
        return True

    async def _issue(self, wish: _Wish, customer: Customer) -> Standing | Stale:
        tenant, order = wish.caller.tenant, wish.order
        letter = self._letter(wish)
        new = NewEnrollment(
            letter,
            order.request_id,
            wish.fingerprint,
            await self._passwords.sealed(tenant, letter.user_id, order.password),
            timedelta(days=wish.policy.activation.days),
            None if customer.enrolled is None else customer.enrolled.generation,
            wish.caller.name,
        )
        issued = await self._store.issue(new)
        if isinstance(issued, Stale):
            return issued
        return Standing(
            Status.ISSUED,
            letter.user_id,
            issued_at=issued.issued_at,
            deadline=issued.deadline,
            letter=LetterState.PENDING,
        )

    def _letter(self, wish: _Wish) -> Letter:
        letter_id = self._new_id()
        return Letter(
            letter_id=letter_id,
            tenant=wish.caller.tenant,
            kind=LetterKind.ISSUED,
            subscriber=wish.subscriber,
            user_id=self._draw_user_id(),
            recipient=wish.order.mail_address,
            message_id=message_id(letter_id, wish.mail.sender),
        )


def _template(policy: TenantPolicy) -> MailTemplate:
    if policy.mail is None:
        raise NotOffered("software tokens by mail")
    if CustodyLabel.SEALED_BY_APP not in policy.custody:
        raise NotOffered(f"tokens of custody {CustodyLabel.SEALED_BY_APP}")
    return policy.mail


def _require_issuable(policy: TenantPolicy, customer: Customer) -> None:
    """Return if the customer's status allows a new token; else raise `NotNow`."""
    status = status_of(customer)
    try:
        status_after(status, Step.ISSUE)
    except IllegalTransition:
        raise LiveToken from None
    first_day = first_day_of(customer, policy)
    if first_day is not None and day_of(customer.now, policy.zone) < first_day:
        raise ReissueTooEarly(first_day.isoformat())


def _message(order: IssueOrder) -> bytes:
    """Return what makes two orders the same but for the password, in one reading only.

    A mail address has no spaces; only the last part is free text.
    """
    return f"issue {order.mail_address} {order.subscriber_ref}".encode()
