# SPDX-License-Identifier: Apache-2.0
"""Whether a customer needs a code for what he is about to do, or a signature."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

from kagimori.application.enrollment.ports import Customer, EnrollmentStore
from kagimori.application.enrollment.standing import IN_USE, status_of
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.calendar import day_of
from kagimori.domain.errors import InvalidField
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import TenantPolicy, When
from kagimori.domain.value import value

_PAYMENTS: Final = frozenset({Operation.TRANSFER, Operation.BILL_PAYMENT})
"""What the password was asked for that came before the tokens."""


class Needs(StrEnum):
    """What an operation needs of a customer."""

    NONE = "NONE"
    OTP = "OTP"
    REGISTRATION = "REGISTRATION"
    """A token first: what was asked for before there were tokens is abolished."""
    SIGNATURE = "SIGNATURE"
    """A code over the transaction (取引確認), and no other."""


@value(frozen=True, slots=True)
class Requirement:
    """What is needed, and whether the customer has a token in use, locked or not.

    From the day ``cut_over`` on, in the tenant's calendar, the password that came
    before the tokens is abolished; None where the tenant names no day. ``can_sign`` is
    whether that token has a seed for signatures, which is not said by what is needed.
    """

    needs: Needs
    has_token: bool
    cut_over: date | None = None
    can_sign: bool = False


class GetOtpRequirement:
    """The use case behind ``GetOtpRequirement``."""

    def __init__(self, store: EnrollmentStore, digests: Fingerprints, policies: Policies) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(
        self,
        caller: Caller,
        subscriber_ref: str,
        operation: Operation,
        amount: int | None = None,
    ) -> Requirement:
        """Return what the tenant's rules and the customer's status make of it, now.

        ``amount`` goes with TRANSFER only: yen, of a batch the total. One that is not
        told is taken for one that must be signed. Raises `InvalidField` or
        `StoreUnavailable`.
        """
        policy = policy_of(self._policies, caller.tenant)
        _check_amount(operation, amount)
        subject = BySubscriber(kept_name(self._digests, policy, subscriber_ref))
        customer = await self._store.customer(caller.tenant, subject)
        if status_of(customer) not in IN_USE:
            needs = _without_token(customer, policy, operation)
            return Requirement(needs, has_token=False, cut_over=_cut_over(policy))
        can_sign = customer.token is not None and customer.token.can_sign
        if _is_signed(policy, operation, amount):
            needs = Needs.SIGNATURE
        else:
            needs = _with_token(customer, policy, operation)
        return Requirement(needs, has_token=True, cut_over=_cut_over(policy), can_sign=can_sign)


def _check_amount(operation: Operation, amount: int | None) -> None:
    if amount is None:
        return
    if operation is not Operation.TRANSFER:
        raise InvalidField("amount", "goes with a transfer only")
    if amount < 1:
        raise InvalidField("amount", "must be 1 or more")


def _is_signed(policy: TenantPolicy, operation: Operation, amount: int | None) -> bool:
    if operation is not Operation.TRANSFER or not policy.tokens.transaction_signing:
        return False
    return amount is None or amount >= policy.signing.from_amount


def _with_token(customer: Customer, policy: TenantPolicy, operation: Operation) -> Needs:
    when = policy.operations.get(operation, When.NEVER)
    # The only choice there is (ログイン時の認証要否) is about logins.
    chosen = operation is Operation.LOGIN and customer.login_otp
    if when is When.ALWAYS or (when is When.BY_CHOICE and chosen):
        return Needs.OTP
    return Needs.NONE


def _without_token(customer: Customer, policy: TenantPolicy, operation: Operation) -> Needs:
    if operation not in _PAYMENTS or policy.operations.get(operation) is not When.ALWAYS:
        return Needs.NONE
    cut_over = _cut_over(policy)
    if cut_over is None or day_of(customer.now, policy.zone) < cut_over:
        return Needs.NONE
    return Needs.REGISTRATION


def _cut_over(policy: TenantPolicy) -> date | None:
    return None if policy.registration is None else policy.registration.cut_over
