# SPDX-License-Identifier: Apache-2.0
"""利用開始: one code takes a provisioned token into use, and is spent by it."""

from __future__ import annotations

from asyncio import Future
from dataclasses import dataclass, field
from typing import Final, Protocol

from kagimori.application.enrollment.ports import EnrollmentStore
from kagimori.application.enrollment.standing import status_of
from kagimori.application.policies import Policies, policy_of
from kagimori.application.ports import BySubscriber, Subject
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import AlreadyActive, NotNow, NoToken, NotProvisioned, TokenExpired
from kagimori.domain.lifecycle import Status
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation

_NO_CODE: Final = frozenset({Outcome.UNKNOWN_TOKEN, Outcome.NOT_ACTIVE})
"""What the engine says where no code could be right."""

_REASONS: Final[dict[Status, type[NotProvisioned | AlreadyActive]]] = {
    Status.ISSUED: NotProvisioned,
    # Provisioned a moment ago: this request came before.
    Status.PROVISIONED: NotProvisioned,
    Status.BARRED: NotProvisioned,
    Status.ACTIVE: AlreadyActive,
    Status.LOCKED: AlreadyActive,
}


class Verify(Protocol):
    """The engine, as `VerifyOtp` asks it."""

    def __call__(  # noqa: PLR0913 - one call, six facts
        self,
        *,
        caller: Caller,
        request_id: str,
        subject: Subject,
        operation: Operation,
        code: Otp,
        seconds_left: float,
    ) -> Future[Verdict]:
        """See `VerifyOtp`."""
        ...


@dataclass(frozen=True, slots=True)
class Activation:
    """A customer's first code. ``request_id`` is a UUID."""

    request_id: str
    subscriber_ref: str = field(repr=False)
    code: Otp


class ActivateToken:
    """The use case behind ``ActivateToken``."""

    def __init__(
        self, verify: Verify, store: EnrollmentStore, digests: Fingerprints, policies: Policies
    ) -> None:
        """``verify`` judges the code; ``policies`` is by service ID."""
        self._verify = verify
        self._store = store
        self._digests = digests
        self._policies = policies

    async def __call__(
        self, caller: Caller, activation: Activation, seconds_left: float
    ) -> Verdict:
        """Judge the code within ``seconds_left`` seconds; the verdict is durable.

        ACCEPTED: the token is ACTIVE. Raises `NotProvisioned`, `AlreadyActive`,
        `TokenExpired`, `NoToken`, and whatever `VerifyOtp` raises.
        """
        verdict = await self._verify(
            caller=caller,
            request_id=activation.request_id,
            subject=BySubscriber(activation.subscriber_ref),
            operation=Operation.ACTIVATION,
            code=activation.code,
            seconds_left=seconds_left,
        )
        if verdict.outcome in _NO_CODE:
            raise await self._reason(caller, activation.subscriber_ref)
        return verdict

    async def _reason(self, caller: Caller, subscriber_ref: str) -> NotNow:
        policy = policy_of(self._policies, caller.tenant)
        subject = BySubscriber(kept_name(self._digests, policy, subscriber_ref))
        customer = await self._store.customer(caller.tenant, subject)
        if customer.token is not None and not customer.token.in_its_time:
            return TokenExpired()
        return _REASONS.get(status_of(customer), NoToken)()
